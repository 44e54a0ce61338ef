from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from resources.catalog.glue_api import GlueApi
from resources.catalog.glue_raw import ensure_raw_table, raw_table_input
from resources.errors import CatalogError
from resources.partitions import Partitioning
from resources.table import RawTable
from spark.contract import Column, Contract
from tests.glue_lake import TABLE, Lake

RAW = RawTable(
    "radio/",
    "json",
    Contract(
        (
            Column("trackId", "int", comment="Which track"),
            Column("at", "timestamp"),
            Column("spot", "struct<date:date,lat:double>"),
        )
    ),
)
HOURLY = Partitioning("hour", datetime(2014, 6, 16, 5, tzinfo=UTC))
PLACE = "s3://bucket/raw/radio"


def parameters(partitions: Partitioning) -> dict[str, str]:
    return dict(raw_table_input("raw", RAW, partitions, PLACE, "root")["Parameters"])


def test_hours_are_projected_from_the_layout() -> None:
    found = parameters(HOURLY)
    assert {key: text for key, text in found.items() if "." in key and "lake_" not in key} == {
        "projection.enabled": "true",
        "projection.datehour.type": "date",
        "projection.datehour.format": "yyyy/MM/dd/HH",
        "projection.datehour.range": "2014/06/16/05,NOW",
        "projection.datehour.interval": "1",
        "projection.datehour.interval.unit": "HOURS",
        "storage.location.template": "s3://bucket/raw/radio/${datehour}/",
    }


@pytest.mark.parametrize(
    ("by", "layout", "form", "start", "template"),
    [
        (
            "hour",
            "dt=yyyy-MM-dd/hour=HH",
            "yyyy-MM-dd/'hour='HH",
            "2014-06-16/hour=05",
            "dt=${datehour}/",
        ),
        ("day", "yyyy/MM/dd/HH", "yyyy/MM/dd", "2014/06/16", "${datehour}/"),
        ("day", "dt=yyyy-MM-dd/all", "yyyy-MM-dd", "2014-06-16", "dt=${datehour}/all/"),
    ],
)
def test_other_layouts_are_projected_as_java_spells_them(
    by: str, layout: str, form: str, start: str, template: str
) -> None:
    found = parameters(replace(HOURLY, by=by, layout=layout))
    assert found["projection.datehour.format"] == form
    assert found["projection.datehour.range"] == f"{start},NOW"
    assert found["storage.location.template"] == f"{PLACE}/{template}"


def test_a_table_without_partitions_projects_nothing() -> None:
    table = raw_table_input("raw", RAW, Partitioning("none"), PLACE, "root")
    assert table["PartitionKeys"] == []
    assert not [key for key in table["Parameters"] if key.startswith("projection")]


def test_what_the_serde_does_not_read_is_shown_as_it_is_written() -> None:
    table = raw_table_input("raw", RAW, HOURLY, PLACE, "root")
    assert table["StorageDescriptor"].get("Columns") == [
        {"Name": "trackid", "Type": "int", "Comment": "Which track"},
        {"Name": "at", "Type": "string", "Comment": "(timestamp, as written)"},
        {
            "Name": "spot",
            "Type": "struct<date:string,lat:double>",
            "Comment": "(struct<date:date,lat:double>, as written)",
        },
    ]


def test_documents_that_may_share_a_line_are_said_to_show_once_a_line() -> None:
    said = raw_table_input("raw", RAW, HOURLY, PLACE, "root", "Plays.")["Description"]
    assert said.startswith("Plays. Objects may hold documents without line breaks")
    lines = replace(RAW, layout="lines")
    assert raw_table_input("raw", lines, HOURLY, PLACE, "root", "Plays.")["Description"] == "Plays."


def test_a_raw_table_is_written_when_it_changes(lake: Lake) -> None:
    api = GlueApi(lake.client, lake.database)
    table = raw_table_input("lake_raw_radio", RAW, HOURLY, PLACE, lake.storage.root)
    ensure_raw_table(api, table)
    lake.calls.reset()
    ensure_raw_table(api, table)
    assert lake.calls.writes == 0
    daily = replace(HOURLY, by="day")
    changed = raw_table_input("lake_raw_radio", RAW, daily, PLACE, lake.storage.root)
    ensure_raw_table(api, changed)
    assert lake.calls.writes == 1
    found = lake.client.get_table(DatabaseName=lake.database, Name="lake_raw_radio")["Table"]
    assert found["Parameters"]["projection.datehour.interval.unit"] == "DAYS"
    assert lake.catalog.tables() == []


def test_a_published_table_or_one_of_others_is_not_made_a_raw_one(lake: Lake) -> None:
    api = GlueApi(lake.client, lake.database)
    lake.catalog.ensure_table(TABLE)
    lake.calls.reset()
    with pytest.raises(CatalogError, match="or the one over this lake's raw objects"):
        ensure_raw_table(api, raw_table_input("lake_radio", RAW, HOURLY, PLACE, lake.storage.root))
    assert lake.calls.writes == 0


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (replace(RAW, format="csv"), "Expected raw JSON .* found csv"),
        (replace(RAW, contract=Contract((Column("DateHour", "int"),))), "no raw column 'datehour'"),
    ],
)
def test_what_cannot_be_queried_raw_is_refused(raw: RawTable, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        raw_table_input("raw", raw, HOURLY, PLACE, "root")
