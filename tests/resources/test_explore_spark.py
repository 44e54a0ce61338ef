"""Published tables and references as frames of Spark."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from resources.adoption import adopt, survey
from resources.errors import StorageError
from resources.explore_spark import reference_frame, table_frame
from tests.hive_table import hours_of, write_hive_table
from tests.workshop import PyArrowCompute, Row, Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": None, "seconds": None, "title": None}


def test_frames_have_the_rows_that_readers_see(spark: SparkSession, tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "lake")
    workshop.have_songs()
    lake = workshop.lake
    for rows in ([BETA], [ALPHA]):
        lake.refine(PyArrowCompute({FIVE: rows}), workshop.table, [FIVE])
        lake.publish(workshop.table, [FIVE])
    old = write_hive_table(tmp_path / "old", {SIX: [BETA]})
    for checksum in old.rglob(".*.crc"):
        checksum.unlink()  # a stand-in for one, which Spark would compare
    known = hours_of(datetime(2024, 5, 1, tzinfo=UTC))
    adopt(lake, workshop.table, survey(lake, workshop.table, str(old), known))

    frame = table_frame(spark, lake.catalog, lake.storage, "plays")
    assert frame.columns == ["play_id", "song_id", "seconds", "title", "dt", "hour"]
    assert sorted(tuple(row) for row in frame.collect()) == [
        ("alpha", 1, 10, "One", "2024-05-01", "05"),
        ("beta", None, None, None, "2024-05-01", "06"),
    ]
    only = table_frame(spark, lake.catalog, lake.storage, "plays", [SIX])
    assert [row.play_id for row in only.collect()] == ["beta"]
    assert table_frame(spark, lake.catalog, lake.storage, "plays", ["none"]).collect() == []
    songs = reference_frame(spark, lake.storage, "songs")
    assert sorted(tuple(row) for row in songs.collect()) == [(1, "One"), (2, "Two")]
    with pytest.raises(StorageError, match="Materialize reference/artists first"):
        reference_frame(spark, lake.storage, "artists")
