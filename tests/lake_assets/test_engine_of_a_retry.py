"""A retry goes where the try before it began its job, whatever would be decided now."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake_assets.compute import override_of
from resources.compute.job_records import JobRecords
from resources.compute.placement import Override
from resources.lake import Lake
from resources.settings import load_settings
from resources.storage import S3Storage
from spark.job_spec import JobSpec
from tests.servers.fixtures import aws_settings, moto_url, s3_lake

__all__ = ["aws_settings", "moto_url", "s3_lake"]

RUN, ASSET, KEYS = "a-run", "refined/plays", ["2024-05-01-05"]


@pytest.fixture
def lake(s3_lake: S3Storage, tmp_path: Path) -> Lake:
    return Lake(
        load_settings(
            {
                "LAKE_ROOT": f"s3://{s3_lake.bucket}/lake",
                "LAKE_LOCAL_FOLDER": str(tmp_path),
                "LAKE_AWS_REGION": "us-east-1",
                "LAKE_S3_ENDPOINT": s3_lake.aws.endpoints["s3"],
            }
        )
    )


def override(lake: Lake, engine: str = "", run: str = RUN) -> Override | None:
    return override_of(engine, run, lake, ASSET, KEYS)


def test_a_job_that_was_begun_is_followed_where_it_is(lake: Lake) -> None:
    records = JobRecords(lake.storage, RUN, ASSET, KEYS)
    assert override(lake) is None

    record = records.begin(records.next_folder(), "glue", JobSpec(""), "code")

    found = override(lake)
    assert found is not None
    assert (found.engine, "earlier try" in found.reason) == ("glue", True)
    assert override(lake, run="another") is None
    assert override(lake, engine="emr") == Override("emr")

    records.end(record, "read")
    assert override(lake) is None


def test_a_lake_in_a_folder_has_no_jobs_elsewhere(tmp_path: Path) -> None:
    lake = Lake(load_settings({"LAKE_ROOT": str(tmp_path)}))

    assert override(lake) is None
