from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from resources.catalog.glue import GlueCatalog
from resources.errors import CatalogError, CatalogUnavailable, SettingsError
from tests.glue_lake import ID, TABLE, Lake, attempt, columns, hours, location
from tests.pointers import FIVE, SIX, attempts
from tests.servers.glue import refusing


def test_a_database_without_tables_or_no_database_is_an_empty_catalog(lake: Lake) -> None:
    assert lake.catalog.tables() == []
    assert lake.catalog.snapshot() == []


def test_a_table_comes_back_as_it_was_declared(table: Lake) -> None:
    assert table.catalog.tables() == [TABLE]
    assert table.catalog.pointers("Radio") == {}
    assert table.catalog.history("Radio", FIVE) == []


def test_engines_see_an_external_parquet_table(table: Lake) -> None:
    found = table.table()
    descriptor = found["StorageDescriptor"]
    assert found["TableType"] == "EXTERNAL_TABLE"
    assert found["Description"] == "What was played"
    assert found["Parameters"]["classification"] == "parquet"
    assert found["Parameters"]["owners"] == "team:radio, a@b.org"
    assert found["PartitionKeys"] == [
        {"Name": "dt", "Type": "string"},
        {"Name": "hour", "Type": "string"},
    ]
    assert descriptor["Columns"] == [
        {"Name": "id", "Type": "int", "Comment": "Which play"},
        {"Name": "title", "Type": "string"},
    ]
    assert descriptor["Location"] == "s3://bucket/published/Radio/"
    assert descriptor["InputFormat"].endswith("MapredParquetInputFormat")
    assert descriptor["OutputFormat"].endswith("MapredParquetOutputFormat")
    assert descriptor["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    }


def test_a_comment_too_long_for_glue_ends_in_an_ellipsis_there_only(lake: Lake) -> None:
    entry = columns(replace(ID, comment="x" * 300))
    lake.catalog.ensure_table(entry)
    found = lake.table()
    comment = found["StorageDescriptor"]["Columns"][0]["Comment"]
    assert comment == "x" * 254 + "…"
    assert lake.catalog.tables() == [entry]


def test_an_unchanged_table_is_not_written(table: Lake) -> None:
    table.catalog.ensure_table(TABLE)
    table.another().ensure_table(TABLE)
    assert table.calls.count == {"GetTable": 2}


def test_a_published_pointer_is_a_partition_at_the_attempts_directory(table: Lake) -> None:
    pointer = attempt(table, "a", files=3)
    table.catalog.publish("Radio", pointer)
    (found,) = table.catalog.pointers("Radio").values()
    assert found.published_at
    assert replace(found, published_at="") == pointer
    partition = table.partition(FIVE)
    assert partition["StorageDescriptor"]["Location"] == f"s3://bucket/{pointer.directory}/"
    assert partition["Parameters"]["numRows"] == "30"
    assert partition["Parameters"]["numFiles"] == "3"


def test_a_pointer_too_long_for_glue_is_read_from_its_record(table: Lake) -> None:
    pointer = attempt(table, "a", files=300)
    table.catalog.publish("Radio", pointer)
    assert all(len(text) < 8000 for text in table.partition(FIVE)["Parameters"].values())
    assert replace(table.catalog.pointers("Radio")[FIVE], published_at="") == pointer


def test_an_empty_partition_is_a_partition_without_files(table: Lake) -> None:
    table.catalog.publish("Radio", attempt(table, "a", files=0))
    assert table.catalog.pointers("Radio")[FIVE].rows == 0
    assert table.partition(FIVE)["Parameters"]["numRows"] == "0"


def test_publishing_what_is_current_writes_nothing(table: Lake) -> None:
    pointers = hours(table, "a", 30)
    table.catalog.publish_all("Radio", pointers)
    objects = [info.key for info in table.storage.list("")]
    table.calls.reset()
    table.catalog.publish_all("Radio", pointers)
    assert table.calls.writes == 0
    assert table.calls.count == {"GetTable": 1, "BatchGetPartition": 1}
    assert [info.key for info in table.storage.list("")] == objects


def test_250_partitions_are_three_calls_and_one_record(table: Lake) -> None:
    table.catalog.publish_all("Radio", hours(table, "a", 250))
    assert table.calls.count["BatchCreatePartition"] == table.calls.writes == 3
    assert len(list(table.storage.list("catalog/Radio/log/"))) == 1
    assert len(table.catalog.pointers("Radio")) == 250
    table.calls.reset()
    table.catalog.publish_all("Radio", hours(table, "b", 250))
    assert table.calls.count["BatchUpdatePartition"] == table.calls.writes == 3
    assert set(attempts(list(table.catalog.pointers("Radio").values()))) == {"b"}


def test_a_partition_is_never_deleted_to_be_replaced(table: Lake) -> None:
    table.catalog.publish("Radio", attempt(table, "a"))
    table.calls.reset()
    table.catalog.publish("Radio", attempt(table, "b"))
    assert table.calls.count["BatchUpdatePartition"] == table.calls.writes == 1
    assert table.partition(FIVE)["StorageDescriptor"]["Location"].endswith(
        "attempt=b/dt=2014-06-16/hour=05/"
    )


def test_a_data_file_that_is_not_on_record_stops_publishing(table: Lake) -> None:
    pointers = [attempt(table, "a"), attempt(table, "a", SIX)]
    table.storage.write(f"{pointers[1].directory}/_SUCCESS", b"")
    table.storage.write(f"{pointers[1].directory}/part-9.parquet", b"b")
    with pytest.raises(CatalogError, match=r"06/part-9.parquet' is not on record"):
        table.catalog.publish_all("Radio", pointers)
    assert table.calls.writes == 0


def test_two_attempts_of_one_partition_in_one_publication_are_refused(table: Lake) -> None:
    with pytest.raises(CatalogError, match="found two for partition '2014-06-16-05'"):
        table.catalog.publish_all("Radio", [attempt(table, "a"), attempt(table, "b")])


def test_other_contents_under_a_published_attempt_are_refused(table: Lake) -> None:
    table.catalog.publish("Radio", attempt(table, "a", files=1))
    with pytest.raises(CatalogError, match="other contents under the same attempt"):
        table.catalog.publish("Radio", attempt(table, "a", files=2))


def test_a_location_that_somebody_changed_is_put_right(table: Lake) -> None:
    pointer = attempt(table, "a")
    table.catalog.publish("Radio", pointer)
    partition = table.partition(FIVE)
    descriptor = {**partition["StorageDescriptor"], "Location": "s3://elsewhere/"}
    values = partition["Values"]
    table.client.update_partition(
        DatabaseName=table.database,
        TableName="lake_radio",
        PartitionValueList=values,
        PartitionInput={
            "Values": values,
            "StorageDescriptor": descriptor,  # type: ignore[typeddict-item]
            "Parameters": partition["Parameters"],
        },
    )
    table.catalog.publish("Radio", pointer)
    assert table.partition(FIVE)["StorageDescriptor"]["Location"].startswith("s3://bucket/")
    assert attempts(table.catalog.history("Radio", FIVE)) == ["a"]


def test_an_unknown_table_is_answered_with_those_there_are(table: Lake) -> None:
    asks: list[Callable[[], object]] = [
        lambda: table.catalog.pointers("radio"),
        lambda: table.catalog.history("radio", FIVE),
        lambda: table.catalog.rollback("radio", [FIVE]),
        lambda: table.catalog.retained("radio", 1),
        lambda: table.catalog.publish("radio", attempt(table, "a")),
    ]
    for ask in asks:
        with pytest.raises(CatalogError, match=r"found 'radio'\. There are: 'Radio'"):
            ask()


# --- A table without partitions ---


def test_a_table_without_partitions_points_itself_at_the_attempt(lake: Lake) -> None:
    lake.catalog.ensure_table(replace(TABLE, partition_columns=()))
    for name in "ab":
        lake.catalog.publish("Radio", replace(attempt(lake, name), partition="all", values={}))
    found = lake.table()
    assert found["StorageDescriptor"]["Location"].startswith("s3://bucket/refined/Radio/attempt=b/")
    assert found["PartitionKeys"] == []
    assert attempts(lake.catalog.rollback("Radio", ["all"])) == ["a"]
    lake.catalog.withdraw("Radio", {"all": "a"})
    found = lake.table()
    assert found["StorageDescriptor"]["Location"] == "s3://bucket/published/Radio/"
    assert lake.catalog.pointers("Radio") == {}
    assert attempts(lake.catalog.history("Radio", "all")) == ["b", "a"]
    assert lake.catalog.tables() == [replace(TABLE, partition_columns=())]


# --- Going back ---


def test_a_rollback_goes_back_one_version_at_a_time(table: Lake) -> None:
    for name in "abc":
        table.catalog.publish("Radio", attempt(table, name))
    assert attempts(table.catalog.rollback("Radio", [FIVE])) == ["b"]
    assert attempts(table.another().rollback("Radio", [FIVE])) == ["a"]
    assert table.partition(FIVE)["StorageDescriptor"]["Location"].endswith(
        "attempt=a/dt=2014-06-16/hour=05/"
    )
    assert attempts(table.catalog.history("Radio", FIVE)) == ["c", "b", "a"]
    with pytest.raises(CatalogError, match=f"none for partition '{FIVE}'"):
        table.catalog.rollback("Radio", [FIVE])


def test_what_was_rolled_back_is_not_what_a_later_rollback_goes_to(table: Lake) -> None:
    table.catalog.publish("Radio", attempt(table, "good"))
    table.catalog.publish("Radio", attempt(table, "bad"))
    table.catalog.rollback("Radio", [FIVE])
    table.catalog.publish("Radio", attempt(table, "better"))
    assert attempts(table.catalog.history("Radio", FIVE)) == ["better", "bad", "good"]
    assert attempts(table.catalog.rollback("Radio", [FIVE])) == ["good"]
    table.catalog.publish("Radio", attempt(table, "bad"))
    assert attempts(table.catalog.rollback("Radio", [FIVE])) == ["good"]


def test_a_history_read_during_a_publication_lacks_nothing(table: Lake) -> None:
    for name in "ab":
        table.catalog.publish("Radio", attempt(table, name))

    def publish_meanwhile(_: object) -> None:
        table.calls.answer("BatchGetPartition", lambda _: None)
        table.another().publish("Radio", attempt(table, "c"))

    table.calls.answer("BatchGetPartition", publish_meanwhile)
    assert attempts(table.catalog.history("Radio", FIVE)) == ["c", "b", "a"]


def test_several_partitions_go_back_together_or_not_at_all(table: Lake) -> None:
    table.catalog.publish_all("Radio", [attempt(table, "a"), attempt(table, "a", SIX)])
    table.catalog.publish("Radio", attempt(table, "b"))
    with pytest.raises(CatalogError, match=f"partition '{SIX}', 'never'. Nothing was rolled"):
        table.catalog.rollback("Radio", [FIVE, SIX, "never"])
    assert table.catalog.pointers("Radio")[FIVE].attempt == "b"
    table.catalog.publish("Radio", attempt(table, "b", SIX))
    table.calls.reset()
    assert attempts(table.catalog.rollback("Radio", [FIVE, SIX, FIVE])) == ["a", "a"]
    assert table.calls.writes == 1


def test_a_rollback_to_files_that_are_gone_is_refused(table: Lake) -> None:
    old = attempt(table, "a")
    table.catalog.publish("Radio", old)
    table.catalog.publish("Radio", attempt(table, "b"))
    table.storage.delete([old.files[0].key])
    with pytest.raises(CatalogError, match="is missing"):
        table.catalog.rollback("Radio", [FIVE])
    assert table.catalog.pointers("Radio")[FIVE].attempt == "b"


def test_a_withdrawn_first_publication_leaves_no_partition(table: Lake) -> None:
    table.catalog.publish_all("Radio", hours(table, "a", 30))
    table.catalog.publish("Radio", attempt(table, "b", "2014-06-01-00"))
    table.calls.reset()
    keys = list(table.catalog.pointers("Radio"))
    table.catalog.withdraw("Radio", {**dict.fromkeys(keys[1:], "a"), keys[0]: "other"})
    assert list(table.catalog.pointers("Radio")) == [keys[0]]
    assert table.calls.count["BatchDeletePartition"] == table.calls.writes == 2
    table.catalog.withdraw("Radio", {keys[0]: "b"})
    assert table.catalog.pointers("Radio")[keys[0]].attempt == "a"
    assert attempts(table.catalog.history("Radio", keys[0])) == ["b", "a"]
    assert attempts(table.catalog.history("Radio", keys[1])) == ["a"]


def test_retained_are_the_current_pointers_and_those_one_could_go_back_to(table: Lake) -> None:
    for name in "abcd":
        table.catalog.publish("Radio", attempt(table, name))
    table.catalog.publish("Radio", attempt(table, "x", SIX))
    table.catalog.rollback("Radio", [FIVE])
    assert attempts(table.catalog.retained("Radio", 0)) == ["c", "x"]
    assert attempts(table.catalog.retained("Radio", 1)) == ["c", "b", "x"]
    assert attempts(table.catalog.retained("Radio", 9)) == ["c", "b", "a", "x"]


# --- What Glue refuses ---


def test_entries_that_glue_refuses_are_named_and_the_others_published(table: Lake) -> None:
    detail = {"ErrorCode": "InvalidInputException", "ErrorMessage": "not this one"}
    refused = {"PartitionValueList": ["2014-06-16", "05"], "ErrorDetail": detail}
    pointers = [attempt(table, "a"), attempt(table, "a", SIX)]
    table.catalog.publish_all("Radio", pointers)
    table.calls.answer("BatchUpdatePartition", lambda _: (200, {"Errors": [refused]}))
    with pytest.raises(CatalogError, match=r"refused 1: 2014-06-16/05: Invalid.*not this") as error:
        table.catalog.publish("Radio", attempt(table, "b"))
    assert not error.value.retryable
    table.calls.answer("BatchUpdatePartition", lambda _: None)
    table.catalog.publish("Radio", attempt(table, "b"))
    assert table.catalog.pointers("Radio")[FIVE].attempt == "b"
    assert attempts(table.catalog.rollback("Radio", [FIVE])) == ["a"]


def test_entries_in_conflict_are_sent_again_without_the_others(table: Lake) -> None:
    sent: list[int] = []

    def conflict(request: object) -> tuple[int, object] | None:
        assert isinstance(request, dict)
        inputs = request["PartitionInputList"]
        sent.append(len(inputs))
        if len(sent) > 1:
            return None
        table.client.create_partition(
            DatabaseName=table.database, TableName="lake_radio", PartitionInput=inputs[0]
        )
        detail = {"ErrorCode": "ConcurrentModificationException", "ErrorMessage": "busy"}
        return 200, {
            "Errors": [{"PartitionValues": i["Values"], "ErrorDetail": detail} for i in inputs[1:]]
        }

    table.calls.answer("BatchCreatePartition", conflict)
    table.catalog.publish_all("Radio", hours(table, "a", 30))
    assert sent == [30, 29]
    assert len(table.catalog.pointers("Radio")) == 30


def test_an_answer_that_was_lost_is_not_taken_for_a_refusal(table: Lake) -> None:
    def carried_out_unseen(request: object) -> tuple[int, object] | None:
        table.calls.answer("BatchCreatePartition", lambda _: None)
        assert isinstance(request, dict)
        table.client.batch_create_partition(**request)
        return 400, {"__type": "OperationTimeoutException", "message": "lost"}

    table.calls.answer("BatchCreatePartition", carried_out_unseen)
    table.catalog.publish_all("Radio", hours(table, "a", 3))
    assert len(table.catalog.pointers("Radio")) == 3


def test_throttling_is_waited_out(table: Lake) -> None:
    table.calls.answer("BatchCreatePartition", refusing("ThrottlingException", times=3))
    table.catalog.publish("Radio", attempt(table, "a"))
    assert table.calls.count["BatchCreatePartition"] == 4


def test_throttling_that_goes_on_is_an_error_that_a_retry_can_clear(table: Lake) -> None:
    table.calls.answer("BatchCreatePartition", refusing("ThrottlingException"))
    with pytest.raises(CatalogUnavailable, match="Try again later") as error:
        table.catalog.publish("Radio", attempt(table, "a"))
    assert error.value.retryable
    assert table.catalog.pointers("Radio") == {}


def test_a_missing_permission_is_named_with_its_resource(table: Lake) -> None:
    table.calls.answer("BatchCreatePartition", refusing("AccessDeniedException", "User: x"))
    with pytest.raises(CatalogError, match=r"Allow glue:BatchCreatePartition on .*lake_radio"):
        table.catalog.publish("Radio", attempt(table, "a"))
    said = "Insufficient Lake Formation permission(s) on x"
    table.calls.answer("GetTable", refusing("AccessDeniedException", said))
    with pytest.raises(CatalogError, match="IAM is not what refuses: grant"):
        table.catalog.ensure_table(TABLE)


def test_a_catalog_encrypted_with_a_key_that_is_out_of_reach_is_named(table: Lake) -> None:
    table.calls.answer("BatchCreatePartition", refusing("GlueEncryptionException", "no key"))
    with pytest.raises(CatalogError, match=r"no key\. .* allow kms:Decrypt and") as error:
        table.catalog.publish("Radio", attempt(table, "a"))
    assert not error.value.retryable


def test_keys_that_glue_leaves_unprocessed_are_asked_for_again(table: Lake) -> None:
    table.catalog.publish("Radio", attempt(table, "a"))
    asked: list[object] = []

    def half(request: object) -> tuple[int, object] | None:
        assert isinstance(request, dict)
        asked.append(request["PartitionsToGet"])
        unprocessed = {"Partitions": [], "UnprocessedKeys": [{"Values": ["2014-06-16", "05"]}]}
        return (200, unprocessed) if len(asked) == 1 else None

    table.calls.answer("BatchGetPartition", half)
    table.catalog.publish("Radio", attempt(table, "a"))
    assert len(asked) == 2
    assert table.calls.count["BatchCreatePartition"] == 1


def test_pages_are_read_to_the_last(table: Lake) -> None:
    """Moto gives all at once, so these pages are made of what it gives."""
    table.catalog.publish_all("Radio", hours(table, "a", 5))
    found = table.client.get_partitions(DatabaseName=table.database, TableName="lake_radio")
    partitions = json.loads(json.dumps(found["Partitions"], default=lambda _: 0))
    tokens: list[str | None] = []

    def page(request: Mapping[str, object]) -> tuple[int, object]:
        token = request.get("NextToken")
        tokens.append(None if token is None else str(token))
        start = int(str(token or 0))
        rest = {"NextToken": str(start + 2)} if start < 4 else {}
        return 200, {"Partitions": partitions[start : start + 2], **rest}

    table.calls.answer("GetPartitions", page)
    assert len(table.catalog.pointers("Radio")) == 5
    assert tokens == [None, "2", "4"]


@pytest.mark.parametrize("name", ["Lake", "la-ke", ""])
def test_names_that_athena_does_not_take_are_refused_at_once(lake: Lake, name: str) -> None:
    with pytest.raises(SettingsError, match="lower-case letters, digits and underscores"):
        GlueCatalog(lake.client, lake.storage, name, location=location)


# --- What expires, and what is published over something only ---


def test_an_expired_partition_is_deleted_and_comes_back_by_a_rollback(table: Lake) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    table.catalog.publish_all("Radio", [attempt(table, "a"), attempt(table, "a", SIX)])
    table.catalog.publish("Radio", attempt(table, "b"))
    shown = table.catalog.pointers("Radio")[FIVE]

    assert table.catalog.expire("Radio", {FIVE: "b", SIX: "other"}) == [FIVE]

    assert list(table.catalog.pointers("Radio")) == [SIX]
    assert attempts(table.catalog.history("Radio", FIVE)) == ["b", "a"]
    assert attempts(table.catalog.retained("Radio", 9)) == ["a"]
    assert attempts(table.catalog.retained("Radio", 9, before)) == ["a", "b", "a"]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert attempts(table.catalog.retained("Radio", 9, later)) == ["a"]
    assert table.catalog.rollback("Radio", [FIVE]) == [shown]
    assert table.catalog.pointers("Radio")[FIVE] == shown
    assert table.catalog.rollback("Radio", [FIVE])[0].attempt == "a"


def test_a_first_publication_that_was_withdrawn_does_not_come_back(table: Lake) -> None:
    table.catalog.publish("Radio", attempt(table, "a"))
    table.catalog.withdraw("Radio", {FIVE: "a"})
    with pytest.raises(CatalogError, match="there is none"):
        table.catalog.rollback("Radio", [FIVE])


def test_a_partition_published_after_it_expired_has_nothing_before_it(table: Lake) -> None:
    table.catalog.publish("Radio", attempt(table, "a"))
    table.catalog.expire("Radio", {FIVE: "a"})
    table.catalog.publish("Radio", attempt(table, "b"))
    assert attempts(table.catalog.history("Radio", FIVE)) == ["b", "a"]
    with pytest.raises(CatalogError, match="there is none"):
        table.catalog.rollback("Radio", [FIVE])


def test_a_pointer_is_published_over_the_attempt_that_it_is_made_from_only(table: Lake) -> None:
    table.catalog.publish_all("Radio", [attempt(table, "a"), attempt(table, "a", SIX)])
    table.catalog.publish("Radio", attempt(table, "b", SIX))
    compacted = [attempt(table, "c"), attempt(table, "c", SIX)]

    table.catalog.publish_all("Radio", compacted, {FIVE: "a", SIX: "a"})

    assert attempts(list(table.catalog.pointers("Radio").values())) == ["c", "b"]


def test_credentials_that_expire_while_publishing_leave_what_was_and_are_worth_a_retry(
    table: Lake,
) -> None:
    table.catalog.publish("Radio", attempt(table, "a"))
    expired = refusing("ExpiredTokenException", "The security token is expired", times=1)
    table.calls.answer("BatchUpdatePartition", expired)

    with pytest.raises(CatalogUnavailable, match=r"credentials have expired .*aws sso"):
        table.catalog.publish("Radio", attempt(table, "b"))
    assert table.catalog.pointers("Radio")[FIVE].attempt == "a"
    table.catalog.publish("Radio", attempt(table, "b"))
    assert table.catalog.pointers("Radio")[FIVE].attempt == "b"
