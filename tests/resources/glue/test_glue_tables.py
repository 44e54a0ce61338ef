from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from resources.catalog.base import TableEntry
from resources.catalog.glue import GlueCatalog
from resources.errors import CatalogBusy, CatalogError
from resources.storage import FolderStorage
from spark.contract import Column
from tests.glue_lake import ID, TABLE, TITLE, Lake, attempt, columns, hours, location
from tests.pointers import FIVE
from tests.servers.glue import refusing

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import TableInputTypeDef

ADOPTING = replace(TABLE, adopt=True)


def theirs(lake: Lake, **changes: object) -> TableInputTypeDef:
    """A table that somebody else made where ours would be."""
    lake.catalog.ensure_table(TABLE)
    ours = lake.table()
    table = {
        "Name": "lake_radio",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "note": "mine"},
        "PartitionKeys": ours["PartitionKeys"],
        "StorageDescriptor": {**ours["StorageDescriptor"], "Location": "s3://theirs/"},
        **changes,
    }
    lake.client.update_table(DatabaseName=lake.database, TableInput=table)  # type: ignore[arg-type]
    lake.calls.reset()
    return table  # type: ignore[return-value]


def change(lake: Lake, **changes: object) -> None:
    """Change our table behind our back."""
    kept = ("Name", "Description", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    found = {name: value for name, value in lake.table().items() if name in kept}
    lake.client.update_table(
        DatabaseName=lake.database,
        TableInput={**found, **changes},  # type: ignore[typeddict-item]
    )
    lake.calls.reset()


def test_a_table_of_others_is_left_as_it_is(lake: Lake) -> None:
    table = theirs(lake)
    with pytest.raises(CatalogError, match=r"lake_radio, or one of this lake.*`adopt: true`"):
        lake.catalog.ensure_table(TABLE)
    assert lake.calls.writes == 0
    assert lake.table()["StorageDescriptor"] == table["StorageDescriptor"]
    assert lake.catalog.tables() == []


def test_a_table_of_another_lake_in_the_same_database_is_left_as_it_is(table: Lake) -> None:
    other = GlueCatalog(
        table.client,
        FolderStorage("/nowhere"),
        table.database,
        location=location,
        table_prefix="lake_",
    )
    with pytest.raises(CatalogError, match=f"made by the lake in {table.storage.root}"):
        other.ensure_table(TABLE)
    assert other.tables() == []


def test_an_adopted_table_keeps_what_others_wrote_beside_our_columns(lake: Lake) -> None:
    theirs(lake)
    lake.catalog.ensure_table(ADOPTING)
    assert lake.catalog.tables() == [TABLE]
    assert lake.table()["Parameters"]["note"] == "mine"
    lake.calls.reset()
    lake.catalog.ensure_table(ADOPTING)
    assert lake.calls.writes == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"TableType": "VIRTUAL_VIEW"}, "of type VIRTUAL_VIEW"),
        ({"Parameters": {"table_type": "ICEBERG"}}, "of type ICEBERG"),
        ({"Parameters": {"projection.enabled": "true"}}, "Athena would see none of ours"),
        ({"StorageDescriptor": {"SerdeInfo": {"SerializationLibrary": "csv"}}}, "read by csv"),
        ({"PartitionKeys": [{"Name": "dt", "Type": "date"}]}, "columns are dt date, which Glue"),
    ],
)
def test_what_is_no_parquet_table_of_our_kind_is_not_adopted(
    lake: Lake, changes: dict[str, object], message: str
) -> None:
    theirs(lake, **changes)
    with pytest.raises(CatalogError, match=message):
        lake.catalog.ensure_table(ADOPTING)
    assert lake.calls.writes == 0


def test_a_column_that_others_added_is_theirs_unless_adopted(table: Lake) -> None:
    descriptor = table.table()["StorageDescriptor"]
    theirs = [*descriptor["Columns"], {"Name": "extra", "Type": "int"}]
    change(table, StorageDescriptor={**descriptor, "Columns": theirs})
    with pytest.raises(CatalogError, match=r"found extra int besides.*Somebody else changed"):
        table.catalog.ensure_table(TABLE)
    assert table.calls.writes == 0
    table.catalog.ensure_table(ADOPTING)
    assert [each["Name"] for each in table.table()["StorageDescriptor"]["Columns"]] == [
        "id",
        "title",
    ]


def test_a_partition_of_others_is_replaced_only_where_adopted(table: Lake) -> None:
    table.client.create_partition(
        DatabaseName=table.database,
        TableName="lake_radio",
        PartitionInput={"Values": ["2014-06-16", "05"], "StorageDescriptor": {}},
    )
    with pytest.raises(CatalogError, match="no partition 2014-06-16/05 of 'lake_radio'"):
        table.catalog.publish("Radio", attempt(table, "a"))
    assert table.catalog.pointers("Radio") == {}
    table.catalog.ensure_table(ADOPTING)
    table.catalog.publish("Radio", attempt(table, "a"))
    assert table.catalog.pointers("Radio")[FIVE].attempt == "a"


def test_settings_that_others_made_of_a_table_stay(table: Lake) -> None:
    descriptor = table.table()["StorageDescriptor"]
    marked = [{**each, "Parameters": {"tag": "pii"}} for each in descriptor["Columns"]]
    change(
        table,
        Owner="them",
        Retention=7,
        Parameters={**table.table()["Parameters"], "has_encrypted_data": "true"},
        StorageDescriptor={**descriptor, "Columns": marked},
    )
    table.catalog.ensure_table(TABLE)
    assert table.calls.writes == 0
    table.catalog.ensure_table(replace(TABLE, comment="Else"))
    found = table.table()
    assert (found["Description"], found["Owner"], found["Retention"]) == ("Else", "them", 7)
    assert found["Parameters"]["has_encrypted_data"] == "true"
    assert found["StorageDescriptor"]["Columns"][0]["Parameters"] == {"tag": "pii"}


# --- Evolution ---


def test_a_change_that_readers_survive_reaches_every_partition(table: Lake) -> None:
    table.catalog.publish_all("Radio", hours(table, "a", 130))
    table.calls.reset()
    entry = columns(
        Column("id", "bigint", nullable=False, comment="Wider"), TITLE, Column("artist", "string")
    )
    table.catalog.ensure_table(entry)
    assert table.calls.count["BatchUpdatePartition"] == 2
    assert table.calls.count["UpdateTable"] == 2
    assert table.catalog.tables() == [entry]
    expected = [
        {"Name": "id", "Type": "bigint", "Comment": "Wider"},
        {"Name": "title", "Type": "string"},
        {"Name": "artist", "Type": "string"},
    ]
    assert table.table()["StorageDescriptor"]["Columns"] == expected
    for key in ("2014-06-01-00", "2014-06-06-09"):
        assert table.partition(key)["StorageDescriptor"]["Columns"] == expected
    assert len(table.catalog.pointers("Radio")) == 130
    table.calls.reset()
    table.catalog.ensure_table(entry)
    assert table.calls.writes == 0


def test_a_change_that_stopped_half_way_is_finished_by_the_next(table: Lake) -> None:
    table.catalog.publish_all("Radio", hours(table, "a", 3))
    entry = columns(ID, TITLE, Column("artist", "string"))
    table.calls.answer("BatchUpdatePartition", refusing("AccessDeniedException", times=1))
    with pytest.raises(CatalogError, match="glue:BatchUpdatePartition"):
        table.catalog.ensure_table(entry)
    assert len(table.table()["StorageDescriptor"]["Columns"]) == 3
    table.catalog.ensure_table(entry)
    assert len(table.partition("2014-06-01-02")["StorageDescriptor"]["Columns"]) == 3
    table.calls.reset()
    table.catalog.ensure_table(entry)
    assert table.calls.writes == 0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (columns(ID), "column 'title' would be gone"),
        (columns(TITLE, ID), "take one for another"),
        (columns(Column("id", "smallint"), TITLE), "'id' would turn from int to smallint"),
        (replace(TABLE, partition_columns=("dt",)), "'dt', 'hour' would become 'dt'"),
    ],
)
def test_a_change_that_would_hurt_readers_is_refused(
    table: Lake, entry: TableEntry, message: str
) -> None:
    table.catalog.publish("Radio", attempt(table, "a"))
    table.calls.reset()
    with pytest.raises(CatalogError, match=message):
        table.catalog.ensure_table(entry)
    assert table.calls.writes == 0
    assert table.catalog.tables() == [TABLE]


def test_a_table_never_published_may_change_in_any_way(table: Lake) -> None:
    entry = columns(TITLE)
    table.catalog.ensure_table(entry)
    assert table.catalog.tables() == [entry]


def test_a_table_removed_in_the_middle_is_an_error_that_a_retry_can_clear(table: Lake) -> None:
    answers = iter([None, (400, {"__type": "EntityNotFoundException", "message": "gone"})])
    table.calls.answer("GetTable", lambda _: next(answers))
    with pytest.raises(CatalogBusy, match="removed in this moment"):
        table.catalog.ensure_table(replace(TABLE, comment="Else"))


# --- Names ---


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (replace(TABLE, name="radio"), "found 'radio' beside 'Radio', which Glue takes for one"),
        (replace(TABLE, name="ra-dio"), "letters, digits and underscores"),
        (replace(TABLE, name="r" * 255), "255 at most with its prefix"),
        (replace(TABLE, partition_columns=("ID",)), "found 'ID' beside 'id'"),
        (columns(ID, Column("Id", "int")), "found 'Id' beside 'id'"),
        (columns(Column("a,b", "int")), "found 'a,b'"),
        (columns(Column("a" * 256, "int")), "of 255 characters"),
    ],
)
def test_names_that_glue_cannot_hold_are_refused(
    table: Lake, entry: TableEntry, message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        table.catalog.ensure_table(entry)
    assert table.calls.writes == 0


def test_names_are_lower_case_in_glue_and_as_declared_here(lake: Lake) -> None:
    entry = columns(Column("trackId", "int"), Column("Where", "struct<Lat:double>"))
    lake.catalog.ensure_table(entry)
    assert lake.table()["StorageDescriptor"]["Columns"] == [
        {"Name": "trackid", "Type": "int"},
        {"Name": "where", "Type": "struct<lat:double>"},
    ]
    assert lake.catalog.tables() == [entry]


def test_words_that_sql_reserves_are_said_once(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            lake.catalog.ensure_table(columns(ID, Column("Order", "int"), Column("date", "date")))
    assert caplog.messages == [
        'table Radio: SQL reserves "order", so queries must write them with the quotes'
    ]
