"""The radio data, laid beside the project and not part of it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from resources.source_database import embedded
from tests.end_to_end.plays import VERSIONS, Seen, expected
from tests.end_to_end.remote_lake import refined_in_process
from tests.servers.fixtures import aws_settings, mariadb, moto_url
from tests.workshop import SONGS, Workshop, with_unmatched

__all__ = ["aws_settings", "mariadb", "moto_url"]

RADIO = Path(__file__).parents[3] / "shared" / "data" / "radio"
TRACKS = """
      - {name: track_id, type: int, nullable: false}
      - {name: track_name, type: string}
      - {name: artist_name, type: string}
      - {name: release_year, type: string}
      - {name: play_count, type: int}
"""
DECLARATION = f"""
table: radio
description: A song that a station played.
raw:
  source: plays
  columns:
    - {{name: play_id, type: string, nullable: false}}
    - {{name: station, type: string}}
    - {{name: played_at, type: timestamp}}
    - {{name: track_id, type: int}}
    - {{name: song, type: string}}
    - {{name: artist, type: string}}
references:
  - name: radio_tracks
    table: TRACKS
    key: [track_id]
    columns: {TRACKS}
joins:
  - reference: radio_tracks
    match: {{track_id: track_id}}
    unmatched: keep
deduplicate: [play_id]
partitions: {{by: hour, start: 2014-06-16, end: 2014-06-23}}
"""


@pytest.fixture(scope="session")
def radio() -> Path:
    """The folder of the radio data."""
    if not RADIO.is_dir():
        pytest.skip(f"the radio data is no part of the project and not in {RADIO}")
    return RADIO


@pytest.fixture(scope="session")
def radio_database(
    radio: Path, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A lake's root that holds nothing but the database with the tracks, loaded once."""
    workshop = Workshop(tmp_path_factory.mktemp("tracks"), DECLARATION, radio)
    schema = workshop.table.joins[0].reference.contract.spark_schema()
    tracks = spark.read.option("header", True).schema(schema).csv(str(radio / "tracks.csv"))
    embedded(workshop.lake.database).load_table(spark, "TRACKS", tracks, ["track_id"])
    return Path(workshop.settings.database)


@pytest.fixture(scope="session")
def radio_workshop(
    radio: Path, radio_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Workshop]:
    """Makes a lake over the radio data, by what becomes of plays without a track."""

    def make(unmatched: str) -> Workshop:
        root = tmp_path_factory.mktemp(f"radio_{unmatched}")
        workshop = Workshop(root, with_unmatched(DECLARATION, unmatched), radio)
        shutil.copytree(radio_database, workshop.settings.database)
        return workshop

    return make


@pytest.fixture(scope="session")
def tracks(radio: Path) -> list[dict[str, str]]:
    """The tracks as the publisher lists them, read without any of the project's code."""
    with (radio / "tracks.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """What each version of the plays looks like after an undisturbed run."""
    return {
        version: expected(version, Workshop(tmp_path_factory.mktemp(version)))
        for version in VERSIONS
    }


@pytest.fixture(scope="session")
def songs_database(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the songs, loaded once."""
    workshop = Workshop(tmp_path_factory.mktemp("songs"))
    load_songs(spark, workshop, [])
    return Path(workshop.settings.database)


def load_songs(spark: SparkSession, workshop: Workshop, more: list[tuple[int, str]]) -> None:
    """Put the songs into the database, and more of them that nobody plays."""
    rows = [(row["song_id"], row["title"]) for row in SONGS]
    songs = spark.createDataFrame([*rows, *more], "song_id int, title string")
    embedded(workshop.lake.database).load_table(spark, "SONGS", songs, ["song_id"])


@pytest.fixture(scope="session")
def in_process(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The hours of `remote_lake`, refined in this process."""
    return refined_in_process(spark, tmp_path_factory.mktemp("in_process"))
