"""A table of others on S3 and in Glue is adopted: its partitions stay where they point."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resources.adoption import Survey, adopt, survey
from resources.attempts import FileEntry, Verdict, new_attempt_id, record, refined_prefix
from resources.aws import aws_client
from resources.catalog.glue_format import columns_of, parquet_descriptor
from resources.errors import CatalogError
from resources.storage import S3Storage
from tests.hive_table import below, hours_of, write_hive_table
from tests.workshop import PLAYS, Row, Workshop

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient

KNOWN = hours_of(datetime(2024, 5, 1, tzinfo=UTC))
FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": None, "seconds": None, "title": None}
GAMMA: Row = {"play_id": "gamma", "song_id": 9, "seconds": 5, "title": "Nine"}


@pytest.fixture
def workshop(tmp_path: Path, s3_lake: S3Storage) -> Workshop:
    """A lake on S3 that publishes in a database of its own, whose reader is DuckDB."""
    endpoint = s3_lake.aws.endpoints["s3"]
    settings = {
        "LAKE_ROOT": f"s3://{s3_lake.bucket}/lake",
        "LAKE_CATALOG": "glue",
        "LAKE_READ_BACK": "duckdb",
        "LAKE_GLUE_DATABASE": s3_lake.bucket.replace("-", "_"),
        "LAKE_S3_ENDPOINT": endpoint,
        "LAKE_GLUE_ENDPOINT": endpoint,
        "LAKE_AWS_REGION": "us-east-1",
    }
    return Workshop(tmp_path / "work", environment=settings)


@pytest.fixture
def glue(workshop: Workshop) -> GlueClient:
    return aws_client(workshop.settings.aws, "glue")


@pytest.fixture
def address(workshop: Workshop, glue: GlueClient, tmp_path: Path) -> str:
    """A table that others keep: its files on S3, and its partitions in Glue."""
    storage = S3Storage(_bucket(workshop), "old", workshop.settings.aws)
    hive = write_hive_table(tmp_path / "old", {FIVE: [ALPHA, BETA], SIX: [BETA]})
    for path in hive.rglob("*.parquet"):
        storage.write(str(path.relative_to(hive)), path.read_bytes())
    database = workshop.settings.glue.database
    columns = columns_of(workshop.table.published)
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": "plays",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"made_by": "a crawler"},
            "PartitionKeys": [{"Name": name, "Type": "string"} for name in ("dt", "hour")],
            "StorageDescriptor": parquet_descriptor(columns, storage.root),
        },
    )
    for key in (FIVE, SIX):
        location = f"{storage.root}/{below(key)}/"
        glue.create_partition(
            DatabaseName=database,
            TableName="plays",
            PartitionInput={
                "Values": [key[:10], key[11:]],
                "StorageDescriptor": parquet_descriptor(columns, location),
            },
        )
    return storage.root


def test_a_table_of_others_in_glue_keeps_its_locations(
    workshop: Workshop, glue: GlueClient, address: str
) -> None:
    before = locations(workshop, glue)
    workshop.declare(PLAYS + "\nadopt: true\n")
    adopt(workshop.lake, workshop.table, looked(workshop, address))
    assert (
        locations(workshop, glue)
        == before
        == {
            FIVE: f"{address}/{below(FIVE)}/",
            SIX: f"{address}/{below(SIX)}/",
        }
    )
    table = glue.get_table(DatabaseName=workshop.settings.glue.database, Name="plays")["Table"]
    assert table["Parameters"]["made_by"] == "a crawler"
    assert workshop.lake.published_rows("plays") == {
        ("2024-05-01", "05"): 2,
        ("2024-05-01", "06"): 1,
    }


def test_without_the_declarations_word_the_table_of_others_stays_theirs(
    workshop: Workshop, glue: GlueClient, address: str
) -> None:
    before = glue.get_table(DatabaseName=workshop.settings.glue.database, Name="plays")["Table"]
    with pytest.raises(CatalogError, match="`adopt: true`"):
        adopt(workshop.lake, workshop.table, looked(workshop, address))
    after = glue.get_table(DatabaseName=workshop.settings.glue.database, Name="plays")["Table"]
    assert after == before


def test_a_new_attempt_takes_the_partition_and_a_rollback_gives_it_back(
    workshop: Workshop, glue: GlueClient, address: str, tmp_path: Path
) -> None:
    workshop.declare(PLAYS + "\nadopt: true\n")
    adopt(workshop.lake, workshop.table, looked(workshop, address))
    directory = made_attempt(workshop, tmp_path, [GAMMA])
    workshop.lake.publish(workshop.table, [FIVE])
    assert locations(workshop, glue)[FIVE] == f"{workshop.settings.root}/{directory}/"
    assert [row["play_id"] for row in plays(workshop)] == ["beta", "gamma"]
    workshop.lake.catalog.rollback("plays", [FIVE])
    assert locations(workshop, glue)[FIVE] == f"{address}/{below(FIVE)}/"
    assert [row["play_id"] for row in plays(workshop)] == ["alpha", "beta", "beta"]


def test_a_folder_is_no_place_for_a_table_in_glue(workshop: Workshop, tmp_path: Path) -> None:
    folder = write_hive_table(tmp_path / "folder", {FIVE: [ALPHA]})
    with pytest.raises(CatalogError, match="Athena reads S3 only"):
        looked(workshop, str(folder))


def looked(workshop: Workshop, location: str) -> Survey:
    return survey(workshop.lake, workshop.table, location, KNOWN)


def locations(workshop: Workshop, glue: GlueClient) -> dict[str, str]:
    found = glue.get_partitions(DatabaseName=workshop.settings.glue.database, TableName="plays")[
        "Partitions"
    ]
    return {"-".join(each["Values"]): each["StorageDescriptor"]["Location"] for each in found}


def plays(workshop: Workshop) -> list[Row]:
    return workshop.query("SELECT play_id FROM plays ORDER BY play_id")


def made_attempt(workshop: Workshop, folder: Path, rows: list[Row]) -> str:
    """An attempt of the first hour that passed its audit; returns its directory."""
    storage = workshop.lake.storage
    now = datetime.now(UTC)
    attempt = new_attempt_id(now)
    directory = f"{refined_prefix('plays', attempt)}/{below(FIVE)}"
    [path] = write_hive_table(folder / "attempt", {FIVE: rows}).rglob("*.parquet")
    key, data = f"{directory}/part-0.parquet", path.read_bytes()
    storage.write(key, data)
    files = [FileEntry(key, len(rows), len(data))]
    record(
        storage,
        Verdict("plays", FIVE, attempt, now.isoformat(), {}, {}, directory, files, passed=True),
    )
    return directory


def _bucket(workshop: Workshop) -> str:
    return workshop.settings.root.removeprefix("s3://").partition("/")[0]
