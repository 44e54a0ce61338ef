from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from resources.catalog.athena import Athena, cost_usd
from resources.errors import CatalogError
from tests.servers.athena import queue_result, slow_queries
from tests.servers.glue import Calls, Fault, athena_client, refusing

ONE = [("n", "bigint")]


class Desk:
    """Athena with its calls counted; pauses are written down and not slept."""

    def __init__(self, url: str, scan_limit_bytes: int = 0) -> None:
        client = athena_client(url)
        self.calls = Calls(client)
        self.pauses: list[float] = []
        self.interrupt: BaseException | None = None
        self.athena = Athena(
            client, "lake", "primary", scan_limit_bytes=scan_limit_bytes, pause=self._pause
        )

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self.interrupt:
            raise self.interrupt


@pytest.fixture
def desk(url: str) -> Desk:
    return Desk(url)


def ended(state: str, reason: str = "", scanned: int = 0, **error: object) -> Fault:
    """Answer every look at a query with a state that moto never gives."""
    status = {"State": state, "StateChangeReason": reason, "AthenaError": error}
    body = {
        "QueryExecution": {
            "QueryExecutionId": "q1",
            "Status": status,
            "Statistics": {"DataScannedInBytes": scanned},
        }
    }
    return lambda _: (200, body)


def test_a_result_has_the_types_that_athena_names(url: str, desk: Desk) -> None:
    columns = [
        ("b", "boolean"), ("i", "integer"), ("n", "bigint"), ("d", "double"),
        ("m", "decimal(10,2)"), ("s", "varchar"), ("x", "varbinary"), ("day", "date"),
        ("at", "timestamp"), ("zone", "timestamp with time zone"), ("list", "array"),
    ]  # fmt: skip
    queue_result(
        url,
        columns,
        ["true", "1", "9007199254740993", "NaN", "12345678.90", "", "68 65", "2014-06-16",
         "2014-06-16 05:00:00.123456789", "2014-06-16 05:00:00.000 Europe/Paris", "[a, b]"],
        [None] * len(columns),
    )  # fmt: skip

    table = desk.athena.run("SELECT …").table

    kinds = [str(kind) for kind in table.schema.types]
    assert kinds == [
        "bool", "int32", "int64", "double", "decimal128(10, 2)", "string", "binary",
        "date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]", "string",
    ]  # fmt: skip
    row, nulls = table.to_pylist()
    assert row.pop("d") != 0
    assert row == {
        "b": True,
        "i": 1,
        "n": 9007199254740993,
        "m": Decimal("12345678.90"),
        "s": "",
        "x": b"he",
        "day": date(2014, 6, 16),
        "at": datetime(2014, 6, 16, 5, 0, 0, 123456),  # noqa: DTZ001 - Athena names no zone
        "zone": datetime(2014, 6, 16, 3, tzinfo=UTC),
        "list": "[a, b]",
    }
    assert set(nulls.values()) == {None}


def test_a_zone_may_be_an_offset_and_a_value_may_be_wrong(url: str, desk: Desk) -> None:
    queue_result(url, [("t", "timestamp with time zone")], ["2014-06-16 05:00:00.000 -09:30"])
    assert desk.athena.run("SELECT …").table.to_pylist() == [
        {"t": datetime(2014, 6, 16, 14, 30, tzinfo=UTC)}
    ]
    queue_result(url, [("t", "timestamp")], ["+12345-01-01 00:00:00"])
    with pytest.raises(CatalogError, match=r"column 't' .* Cast the column to varchar"):
        desk.athena.run("SELECT …")


def test_a_statement_without_a_header_keeps_its_first_row(url: str, desk: Desk) -> None:
    queue_result(url, [("tab_name", "string")], ["plays"], header=False)

    assert desk.athena.run("SHOW TABLES").table.to_pylist() == [{"tab_name": "plays"}]


def test_a_query_says_where_it_runs_and_carries_a_token(url: str, desk: Desk) -> None:
    seen: list[Mapping[str, object]] = []
    desk.calls.answer("StartQueryExecution", seen.append)
    queue_result(url, ONE, ["1"])

    desk.athena.run("SELECT 1 AS n")

    assert seen[0]["WorkGroup"] == "primary"
    assert seen[0]["QueryExecutionContext"] == {"Catalog": "AwsDataCatalog", "Database": "lake"}
    assert len(str(seen[0]["ClientRequestToken"])) >= 32


def test_results_come_page_by_page_and_no_more_of_them_than_asked_for(desk: Desk) -> None:
    def page(request: Mapping[str, object]) -> tuple[int, object]:
        number = int(str(request.get("NextToken", 0)))
        first = [] if number else ["n"]
        rows = [*first, f"{number * 2}", f"{number * 2 + 1}"]
        found = {
            "Rows": [{"Data": [{"VarCharValue": value}]} for value in rows],
            "ResultSetMetadata": {"ColumnInfo": [{"Name": "n", "Type": "bigint"}]},
        }
        more = {"NextToken": f"{number + 1}"} if number < 2 else {}
        return 200, {"ResultSet": found, **more}

    desk.calls.answer("GetQueryResults", page)

    whole = desk.athena.run("SELECT n")
    assert (whole.table["n"].to_pylist(), whole.is_whole) == ([0, 1, 2, 3, 4, 5], True)
    desk.calls.reset()
    some = desk.athena.run("SELECT n", limit=3)
    assert (some.table["n"].to_pylist(), some.is_whole) == ([0, 1, 2], False)
    assert desk.calls.count["GetQueryResults"] == 2


def test_a_query_is_waited_for_with_longer_and_longer_pauses(url: str, desk: Desk) -> None:
    queue_result(url, ONE, ["1"])
    with slow_queries(url, looks=6):
        desk.athena.run("SELECT 1 AS n")

    assert len(desk.pauses) > 5
    assert desk.pauses == sorted(desk.pauses)
    assert desk.pauses[-1] <= 5
    assert "StopQueryExecution" not in desk.calls.count


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), RuntimeError("timeout")])
def test_a_query_that_nobody_waits_for_any_more_is_stopped(
    url: str, desk: Desk, interrupt: BaseException
) -> None:
    desk.interrupt = interrupt
    started: list[str] = []
    desk.calls.answer("StopQueryExecution", lambda body: started.append(str(body["QueryExecutionId"])))  # fmt: skip

    with slow_queries(url, looks=9), pytest.raises(type(interrupt)):
        desk.athena.run("SELECT 1 AS n")

    (query,) = started
    found = athena_client(url).get_query_execution(QueryExecutionId=query)["QueryExecution"]
    assert found["Status"]["State"] == "CANCELLED"


def test_what_ended_the_waiting_is_told_even_if_the_query_cannot_be_stopped(
    url: str, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.interrupt = KeyboardInterrupt()
    desk.calls.answer("StopQueryExecution", refusing("AccessDeniedException"))

    with slow_queries(url, looks=9), pytest.raises(KeyboardInterrupt):
        desk.athena.run("SELECT 1 AS n")

    assert "may go on" in caplog.text
    assert "athena:StopQueryExecution" in caplog.text


@pytest.mark.parametrize(
    ("answer", "said", "retryable"),
    [
        (ended("FAILED", "TABLE_NOT_FOUND: line 1:15"), "ended as FAILED: TABLE_NOT_FOUND", False),
        (ended("FAILED", "Access denied when writing to s3://r"), "s3:PutObject", False),
        (ended("FAILED", "", ErrorMessage="internal", Retryable=True), "internal", True),
        (ended("FAILED", "Please reduce your request rate. SlowDown"), "succeed later", True),
        (ended("CANCELLED", "Bytes scanned limit"), "BytesScannedCutoffPerQuery", False),
    ],
)
def test_a_query_that_fails_says_why_and_whether_a_retry_helps(
    desk: Desk, answer: Fault, said: str, *, retryable: bool
) -> None:
    desk.calls.answer("GetQueryExecution", answer)

    with pytest.raises(CatalogError) as caught:
        desk.athena.run("SELECT 1 AS n")

    assert said in str(caught.value)
    assert caught.value.retryable is retryable
    assert "StopQueryExecution" not in desk.calls.count


@pytest.mark.parametrize(
    ("action", "code", "message", "said", "retryable"),
    [
        ("StartQueryExecution", "AccessDeniedException", "no",
         "`athena:StartQueryExecution` on `arn:aws:athena:eu-west-1:<account>:workgroup/primary`",
         False),
        ("StartQueryExecution", "TooManyRequestsException", "", "later", True),
        ("StartQueryExecution", "InvalidRequestException", "No output location provided.",
         "Give work group primary a location", False),
        ("GetQueryExecution", "ThrottlingException", "", "later", True),
        ("GetQueryResults", "AccessDeniedException", "no", "`athena:GetQueryResults`", False),
    ],
)  # fmt: skip
def test_a_call_that_is_refused_names_the_remedy(
    desk: Desk, action: str, code: str, message: str, said: str, *, retryable: bool
) -> None:
    desk.calls.answer(action, refusing(code, message))

    with pytest.raises(CatalogError) as caught:
        desk.athena.run("SELECT 1 AS n")

    assert said in str(caught.value)
    assert caught.value.retryable is retryable
    assert desk.calls.count["StopQueryExecution"] == (action == "GetQueryExecution")


def test_cost_is_by_the_megabyte_and_at_least_for_ten() -> None:
    assert cost_usd(0) == pytest.approx(0.00005)
    assert cost_usd(10_000_001) == pytest.approx(0.000055)
    assert cost_usd(10**12) == pytest.approx(5)


def test_a_query_above_the_scan_limit_is_stopped_while_it_runs(url: str) -> None:
    desk = Desk(url, scan_limit_bytes=20_000_000)
    desk.calls.answer("GetQueryExecution", ended("RUNNING", scanned=21_000_000))

    with pytest.raises(CatalogError, match=r"at most 20 MB; .* has scanned 21 MB and is stopped"):
        desk.athena.run("SELECT 1 AS n")

    assert desk.calls.count["StopQueryExecution"] == 1


def test_a_query_that_ended_above_the_limit_gives_its_rows_and_a_warning(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(url, scan_limit_bytes=20_000_000)
    desk.calls.answer("GetQueryExecution", ended("SUCCEEDED", scanned=21_000_000))
    desk.calls.answer("GetQueryResults", lambda _: (200, {"ResultSet": {}}))

    with caplog.at_level(logging.WARNING):
        assert desk.athena.run("SELECT 1 AS n").bytes_scanned == 21_000_000

    assert "it is paid for" in caplog.text


def test_a_work_group_that_cuts_off_needs_no_warning(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(url, scan_limit_bytes=20_000_000)
    group = {"Name": "primary", "Configuration": {"BytesScannedCutoffPerQuery": 20_000_000}}
    desk.calls.answer("GetWorkGroup", lambda _: (200, {"WorkGroup": group}))
    desk.calls.answer("GetQueryExecution", ended("SUCCEEDED", scanned=21_000_000))
    desk.calls.answer("GetQueryResults", lambda _: (200, {"ResultSet": {}}))

    desk.athena.run("SELECT 1 AS n")

    assert not caplog.records
