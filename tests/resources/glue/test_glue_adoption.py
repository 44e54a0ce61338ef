"""A table of others on S3 and in Glue is adopted: its partitions stay where they point."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from resources.adoption import adopt, survey
from resources.aws import aws_client
from resources.catalog.glue import GlueCatalog
from resources.catalog.glue_format import columns_of, parquet_descriptor
from resources.errors import CatalogError
from resources.storage import S3Storage
from tests.hive_table import below, hours_of, write_hive_table
from tests.resources.conftest import aws_settings, s3_lake
from tests.servers.glue import glue_client
from tests.workshop import PLAYS, PyArrowCompute, Row, Workshop

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient

__all__ = ["aws_settings", "s3_lake"]

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
