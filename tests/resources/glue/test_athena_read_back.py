"""Publishing in Glue, counted by Athena: moto's server answers with the counts that are queued."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from resources.browse import first_rows_on_athena
from resources.catalog.athena import Athena
from resources.catalog.counting import count_in_athena
from resources.catalog.glue import GlueCatalog
from resources.errors import CatalogError, CatalogUnavailable
from resources.publishing import Publication
from tests.glue_lake import TABLE, attempt, hours
from tests.glue_lake import Lake as GlueLake
from tests.servers.athena import queue_result
from tests.servers.glue import Calls, athena_client, refusing
from tests.workshop import PyArrowCompute, Row, Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": 2, "seconds": 20, "title": "Two"}
COUNTS = [("dt", "varchar"), ("hour", "varchar"), ("row_count", "bigint")]


class Desk:
    """Athena over a lake's database, the statements it was asked, and its calls."""

    def __init__(self, url: str, glue: GlueLake) -> None:
        client = athena_client(url)
        self.calls = Calls(client)
        self.statements: list[str] = []
        self.calls.answer(
            "StartQueryExecution",
            lambda request: self.statements.append(str(request["QueryString"])),
        )
        self.athena = Athena(client, glue.database, "primary")


@pytest.fixture
def desk(url: str, glue: GlueLake) -> Desk:
    return Desk(url, glue)


@pytest.fixture
def workshop(tmp_path: Path, glue: GlueLake, desk: Desk) -> Workshop:
    made = Workshop(tmp_path)
    made.have_songs()
    made.lake.catalog = glue.catalog
    made.lake.athena = desk.athena
    return made


def publish(workshop: Workshop, *rows: Row) -> Publication:
    """Refine the same rows for two hours, and publish them."""
    compute = PyArrowCompute({FIVE: list(rows), SIX: list(rows)})
    workshop.lake.refine(compute, workshop.table, (FIVE, SIX))
    return workshop.lake.publish(workshop.table, (FIVE, SIX))


def rows_by_hour(workshop: Workshop) -> dict[str, int]:
    pointers = workshop.lake.catalog.pointers("plays")
    return {key: each.rows for key, each in pointers.items()}


def counted(url: str, five: int, six: int) -> None:
    queue_result(url, COUNTS, ["2024-05-01", "05", str(five)], ["2024-05-01", "06", str(six)])


def test_athena_counts_the_published_partitions_only(
    url: str, workshop: Workshop, desk: Desk
) -> None:
    counted(url, 1, 1)

    done = publish(workshop, ALPHA)

    assert [each.rows for each in done.pointers] == [1, 1]
    assert done.counted.engine == "athena"
    assert done.counted.cost_usd == pytest.approx(0.00005)
    assert desk.statements == [
        'SELECT "dt", "hour", count(*) AS row_count FROM "lake_plays" '
        """WHERE ("dt" = '2024-05-01' AND "hour" IN ('05', '06')) GROUP BY "dt", "hour\""""
    ]


def test_a_count_that_differs_withdraws_the_pointer_of_that_partition(
    url: str, workshop: Workshop
) -> None:
    counted(url, 1, 1)
    publish(workshop, ALPHA)
    counted(url, 2, 1)

    with pytest.raises(CatalogError, match="06: 2 rows were published, a query counts 1"):
        publish(workshop, ALPHA, BETA)

    assert rows_by_hour(workshop) == {FIVE: 2, SIX: 1}


def test_a_partition_that_athena_does_not_see_counts_nothing(url: str, workshop: Workshop) -> None:
    queue_result(url, COUNTS, ["2024-05-01", "05", "1"])

    with pytest.raises(CatalogError, match="06: 1 rows were published, a query counts 0"):
        publish(workshop, ALPHA)

    assert rows_by_hour(workshop) == {FIVE: 1}


def test_an_athena_that_does_not_answer_leaves_what_was_and_a_retry_publishes(
    url: str, workshop: Workshop, desk: Desk
) -> None:
    counted(url, 1, 1)
    publish(workshop, ALPHA)
    desk.calls.answer("StartQueryExecution", refusing("TooManyRequestsException", times=1))
    with pytest.raises(CatalogUnavailable):
        publish(workshop, ALPHA, BETA)
    assert rows_by_hour(workshop) == {FIVE: 1, SIX: 1}

    counted(url, 2, 2)
    workshop.lake.publish(workshop.table, (FIVE, SIX))
    assert rows_by_hour(workshop) == {FIVE: 2, SIX: 2}


def test_a_retry_that_counts_other_rows_withdraws_them_too(
    url: str, workshop: Workshop, desk: Desk
) -> None:
    desk.calls.answer("StartQueryExecution", refusing("TooManyRequestsException", times=1))
    with pytest.raises(CatalogUnavailable):
        publish(workshop, ALPHA)

    counted(url, 9, 1)
    with pytest.raises(CatalogError, match="a query counts 9"):
        workshop.lake.publish(workshop.table, (FIVE, SIX))

    assert rows_by_hour(workshop) == {SIX: 1}


def test_many_partitions_are_counted_by_statements_that_athena_takes(
    url: str, glue: GlueLake, desk: Desk
) -> None:
    pointers = [
        replace(attempt(glue, "a", f"20{n // 24:02d}-01-01-{n % 24:02d}"), rows=n)
        for n in range(2001)
    ]
    queue_result(url, COUNTS, ["2000-01-01", "00", "7"])
    queue_result(url, COUNTS, ["2083-01-01", "08", "8"])

    found = count_in_athena(desk.athena, "lake_radio", TABLE, pointers)

    assert found.rows == {("2000-01-01", "00"): 7, ("2083-01-01", "08"): 8}
    assert found.cost_usd == pytest.approx(0.0001)
    assert len(desk.statements) == 2
    assert max(map(len, desk.statements)) < 262_144


def test_a_table_without_partitions_is_counted_whole(url: str, glue: GlueLake, desk: Desk) -> None:
    pointer = replace(hours(glue, "a", 1)[0], values={})
    queue_result(url, [("row_count", "bigint")], ["5"])

    found = count_in_athena(
        desk.athena, "lake_radio", replace(TABLE, partition_columns=()), [pointer]
    )

    assert found.rows == {(): 5}
    assert desk.statements == ['SELECT count(*) AS row_count FROM "lake_radio"']


# --- Raw objects ---


def on_s3(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that raw objects lie on S3; they are not read here."""
    monkeypatch.setattr(workshop.lake.raw_storage, "target_uri", lambda key: f"s3://raw/{key}")


def test_publishing_shows_raw_json_once(
    url: str, workshop: Workshop, glue: GlueLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_s3(workshop, monkeypatch)
    counted(url, 1, 1)
    publish(workshop, ALPHA)

    found = glue.client.get_table(DatabaseName=glue.database, Name="lake_raw_plays")["Table"]
    assert found["StorageDescriptor"].get("Location") == "s3://raw/plays/"
    assert [each.name for each in workshop.lake.catalog.tables()] == ["plays"]
    counted(url, 1, 1)
    glue.calls.reset()
    workshop.lake.publish(workshop.table, (FIVE, SIX))
    assert glue.calls.writes == 0


def test_raw_objects_in_a_folder_have_no_table(
    url: str, workshop: Workshop, glue: GlueLake
) -> None:
    counted(url, 1, 1)
    publish(workshop, ALPHA)

    names = [
        each["Name"] for each in glue.client.get_tables(DatabaseName=glue.database)["TableList"]
    ]
    assert names == ["lake_plays"]


def test_a_raw_table_that_others_made_does_not_keep_rows_from_being_published(
    url: str,
    workshop: Workshop,
    glue: GlueLake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    on_s3(workshop, monkeypatch)
    glue.client.create_database(DatabaseInput={"Name": glue.database})
    glue.client.create_table(DatabaseName=glue.database, TableInput={"Name": "lake_raw_plays"})
    counted(url, 1, 1)

    with caplog.at_level(logging.WARNING):
        publish(workshop, ALPHA)

    assert rows_by_hour(workshop) == {FIVE: 1, SIX: 1}
    assert "plays is published; its raw objects cannot be queried" in caplog.text


# --- SQL ---


def catalog_of(glue: GlueLake) -> GlueCatalog:
    assert isinstance(glue.catalog, GlueCatalog)
    return glue.catalog


def test_a_query_gives_a_page_of_rows_and_says_what_it_costs(
    url: str, glue: GlueLake, desk: Desk
) -> None:
    queue_result(url, [("n", "bigint"), ("s", "varchar")], ["1", "a"], ["2", None])

    page = first_rows_on_athena(desk.athena, catalog_of(glue), " -- why\n(SELECT n, s …)", 1)

    assert (page.names, page.rows, page.is_whole) == (("n", "s"), [(1, "a")], False)
    assert page.cost is not None
    assert page.cost.usd == pytest.approx(0.00005)


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE lake_plays", "/* SELECT */ insert into t values (1)", "UNLOAD (SELECT 1)", "", "selected"],
)  # fmt: skip
def test_what_is_no_query_never_reaches_athena(glue: GlueLake, desk: Desk, statement: str) -> None:
    with pytest.raises(CatalogError, match="begins with SELECT"):
        first_rows_on_athena(desk.athena, catalog_of(glue), statement, None)

    assert not desk.calls.count


def test_a_table_that_is_not_there_is_answered_with_those_that_are(
    glue: GlueLake, desk: Desk
) -> None:
    glue.catalog.ensure_table(TABLE)
    said = "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.lake.radio' does not exist"
    status = {"State": "FAILED", "StateChangeReason": said}
    desk.calls.answer(
        "GetQueryExecution",
        lambda _: (200, {"QueryExecution": {"QueryExecutionId": "q", "Status": status}}),
    )

    with pytest.raises(
        CatalogError, match=r"(?s)does not exist.*Published tables: lake_radio"
    ) as caught:
        first_rows_on_athena(desk.athena, catalog_of(glue), "SELECT * FROM radio", None)

    assert not caught.value.retryable
