"""The radio data through all four assets, held against figures counted outside of Spark."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from tests.workshop import Workshop

WEEK = ("2014-06-16-00", "2014-06-22-23")
HOUR = "2014-06-16-05"
NO_TRACK = "no row of radio_tracks has track_id"
MakeWorkshop = Callable[[str], Workshop]


def plays_of(radio: Path, hour: str) -> list[dict[str, object]]:
    """The plays of one hour, taken apart with nothing but Python's own decoder."""
    found: list[dict[str, object]] = []
    decoder = json.JSONDecoder()
    for path in sorted((radio / "plays" / hour.replace("-", "/")).iterdir()):
        text, position = gzip.decompress(path.read_bytes()).decode(), 0
        while position < len(text):
            document, position = decoder.raw_decode(text, position)
            found.append(document)
    return found


def metadata(result: dg.ExecuteInProcessResult, asset: str, partition: str) -> dict[str, object]:
    """What one asset's materialization of one partition says, as plain values."""
    found: dict[str, object] = {}
    for event in result.get_asset_materialization_events():
        done = event.step_materialization_data.materialization
        if done.asset_key == dg.AssetKey(asset.split("/")) and done.partition in (partition, None):
            found |= {name: value.value for name, value in done.metadata.items()}
    return found


def test_one_hour_goes_through_all_four_assets(
    radio: Path, radio_workshop: MakeWorkshop, tracks: list[dict[str, str]]
) -> None:
    workshop = radio_workshop("keep")
    plays = plays_of(radio, HOUR)
    names = {int(each["track_id"]): each["track_name"] for each in tracks}

    result = workshop.materialize(partition=HOUR)

    assert result.success
    published = workshop.query("SELECT * FROM radio")
    assert {
        (row["play_id"], row["station"], row["track_id"], row["song"], row["track_name"])
        for row in published
    } == {
        (p["play_id"], p["station"], p["track_id"], p["song"], names.get(p["track_id"]))  # type: ignore[call-overload]
        for p in plays
    }
    assert len(published) == len(plays)
    assert {(row["dt"], row["hour"]) for row in published} == {("2014-06-16", "05")}
    assert metadata(result, "refined/radio", HOUR)["documents"] == len(plays)
    assert metadata(result, "catalog/radio", HOUR)["dagster/row_count"] == len(plays)
    assert metadata(result, "reference/radio_tracks", HOUR)["dagster/row_count"] == 2229


@pytest.fixture(scope="module")
def week(radio_workshop: MakeWorkshop) -> tuple[Workshop, dg.ExecuteInProcessResult]:
    """A lake after one run over the whole week, plays without a track kept."""
    workshop = radio_workshop("keep")
    return workshop, workshop.materialize(span=WEEK)


@pytest.mark.slow
def test_a_week_in_one_run_gives_the_publishers_own_counts(
    week: tuple[Workshop, dg.ExecuteInProcessResult], tracks: list[dict[str, str]]
) -> None:
    workshop, result = week

    assert result.success
    assert workshop.query(
        "SELECT count(*) AS plays, count(DISTINCT play_id) AS distinct_plays, "
        "count(track_name) AS matched, count(*) - count(track_name) AS unmatched, "
        "count(*) FILTER (track_name IS NULL AND track_id IS NULL) AS null_ids, "
        "count(DISTINCT dt || hour) AS hours FROM radio"
    ) == [
        {
            "plays": 37673,
            "distinct_plays": 37673,
            "matched": 37624,
            "unmatched": 49,
            "null_ids": 8,
            "hours": 159,
        }
    ]
    counted = workshop.query(
        "SELECT track_id, count(*) AS plays FROM radio WHERE track_name IS NOT NULL GROUP BY 1"
    )
    recomputed = {row["track_id"]: row["plays"] for row in counted}
    equal = [
        each
        for each in tracks
        if recomputed.get(int(each["track_id"]), 0) == int(each["play_count"])
    ]
    assert (len(equal), len(tracks)) == (2228, 2229)


@pytest.mark.slow
def test_a_week_in_one_run_reports_every_hour(
    week: tuple[Workshop, dg.ExecuteInProcessResult],
) -> None:
    workshop, result = week

    pointers = workshop.lake.catalog.pointers("radio")
    assert len(pointers) == 168
    assert len({each.attempt for each in pointers.values()}) == 1
    assert sum(each.rows == 0 for each in pointers.values()) == 9
    for key, pointer in pointers.items():
        refined = metadata(result, "refined/radio", key)
        assert refined["documents"] == refined["published"] == pointer.rows
        assert refined["dagster/partition_row_count"] == pointer.rows
        assert ("note" in refined) == (pointer.rows == 0)


@pytest.mark.slow
def test_unmatched_plays_of_a_week_are_quarantined_with_the_reason(
    radio_workshop: MakeWorkshop,
) -> None:
    workshop = radio_workshop("quarantine")

    result = workshop.materialize(span=WEEK)

    assert result.success
    assert workshop.lake.row_count("radio") == 37624
    ledgers = [each.ledger for each in workshop.lake.catalog.pointers("radio").values()]
    assert total(ledgers, "documents") == 37673
    assert total(ledgers, "unmatched", "radio_tracks") == 49
    assert total(ledgers, "quarantined", NO_TRACK) == 49
    rows = workshop.quarantined()
    assert len(rows) == 49
    assert sum(json.loads(str(each["document"]))["track_id"] is None for each in rows) == 8
    assert {each["reason"] for each in rows} == {
        f"{NO_TRACK}, found {found}" for found in ("null", 900001, 900002, 900003, 900004)
    }
    assert all(str(each["source_object"]).endswith(".gz") for each in rows)


@pytest.mark.slow
def test_unmatched_plays_of_a_week_are_dropped_and_counted(radio_workshop: MakeWorkshop) -> None:
    workshop = radio_workshop("drop")

    result = workshop.materialize(span=WEEK)

    assert result.success
    assert workshop.lake.row_count("radio") == 37624
    ledgers = [each.ledger for each in workshop.lake.catalog.pointers("radio").values()]
    assert total(ledgers, "documents") == 37673
    assert total(ledgers, "dropped") == total(ledgers, "unmatched", "radio_tracks") == 49
    assert workshop.quarantined() == []


def total(ledgers: list[dict[str, int | dict[str, int]]], name: str, within: str = "") -> int:
    """The sum of one figure over several ledgers."""
    figures = [each[name] for each in ledgers]
    return sum(each.get(within, 0) if isinstance(each, dict) else each for each in figures)
