"""The radio data on S3, through Spark's S3A connector, published in the Glue Data Catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resources.aws import AwsSettings, aws_client
from resources.storage import S3Storage
from tests.end_to_end.on_s3 import AWKWARD_PREFIX
from tests.end_to_end.test_radio import plays_of
from tests.servers.needed import missing

PROJECT = Path(__file__).parents[2]
HOURS = ("2014-06-16-05", "2014-06-16-06")

#: In no one layout, which takes the passes that write into a directory of an attempt twice.
MIXED = '{"play_id": "x-1"}\n{"play_id": "x-2"}{"play_id": "x-3"}{"play_id": "torn'
MIXED_KEY = "plays/2014/06/16/05/mixed.json"


@dataclass(frozen=True)
class Done:
    """The lake and the raw bucket after the run, and what the process told of it."""

    lake: S3Storage
    raw: S3Storage
    told: dict[str, Any]
    locations: dict[str, str]


@pytest.fixture(scope="module")
def done(radio: Path, moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    aws = AwsSettings(region="us-east-1", endpoints={"s3": moto_url, "glue": moto_url})
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        lake, raw = S3Storage("radio-lake", "a lake", aws), S3Storage("radio-raw", "in", aws)
        for each in (lake, raw):
            aws_client(aws, "s3").create_bucket(Bucket=each.bucket)
        for hour in HOURS:
            folder = f"plays/{hour.replace('-', '/')}"
            for path in sorted((radio / folder).iterdir()):
                raw.write(f"{folder}/{path.name}", path.read_bytes())
        raw.write(MIXED_KEY, MIXED.encode())
        told = run(
            tmp_path_factory.mktemp("on_s3"),
            {
                **keys,
                "LAKE_ROOT": lake.root,
                "LAKE_RAW_ROOT": raw.root,
                "LAKE_S3_ENDPOINT": moto_url,
                "LAKE_CATALOG": "glue",
                "LAKE_READ_BACK": "duckdb",
                "LAKE_GLUE_ENDPOINT": moto_url,
                "LAKE_AWS_REGION": "us-east-1",
            },
        )
        lake.exists("a")  # the clients keep the credentials that they were made with
        found = aws_client(aws, "glue").get_partitions(DatabaseName="lake", TableName="radio")
    locations = {
        "-".join(each["Values"]): each["StorageDescriptor"]["Location"]
        for each in found["Partitions"]
    }
    return Done(lake, raw, told, locations)


def run(folder: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Run the process; without Spark's packages from Maven Central there is nothing to test."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.on_s3", str(folder), HOURS[0], HOURS[-1]],
        cwd=PROJECT,
        env={**os.environ, **variables, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if "unresolved dependency" in ended.stdout + ended.stderr:
        missing("Spark's packages for S3 could not be had from Maven Central")
    assert ended.returncode == 0, ended.stderr[-4000:]
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert "failed" not in told, told["failed"]
    return told


@pytest.mark.slow
def test_hours_on_s3_are_published_and_read_back(done: Done, radio: Path) -> None:
    plays = [
        (play["play_id"], play["station"], play["track_id"], play["song"], hour[:10], hour[11:])
        for hour in HOURS
        for play in plays_of(radio, hour)
    ]
    read = [
        tuple(row[name] for name in ("play_id", "station", "track_id", "song", "dt", "hour"))
        for row in done.told["rows"]
    ]
    plays += [(f"x-{n}", None, None, None, "2014-06-16", "05") for n in (1, 2, 3)]
    assert sorted(read, key=str) == sorted(plays, key=str)
    assert sum(row["track_name"] is not None for row in done.told["rows"]) > 0.9 * len(plays)
    assert done.told["one_hour"] == [{"n": len(plays_of(radio, HOURS[-1]))}]


@pytest.mark.slow
def test_glue_points_at_the_files_of_one_attempt(done: Done) -> None:
    assert sorted(done.locations) == sorted(HOURS)
    for hour, location in done.locations.items():
        below = location.removeprefix(f"{done.lake.root}/").rstrip("/")
        keys = [info.key for info in done.lake.list(f"{below}/")]
        assert f"dt={hour[:10]}/hour={hour[11:]}" in below
        assert any(key.endswith(".parquet") for key in keys)


@pytest.mark.slow
def test_a_document_that_broke_off_is_in_quarantine_with_its_object(done: Done) -> None:
    assert done.told["quarantined"] == [['{"play_id": "torn', MIXED_KEY]]


@pytest.mark.slow
def test_spark_reads_and_writes_objects_of_awkward_names(done: Done) -> None:
    assert done.told["awkward"] == []
    written = [info.key for info in done.lake.list(f"{AWKWARD_PREFIX}/")]
    assert any(key.endswith(".parquet") for key in written)


@pytest.mark.slow
def test_the_magic_committer_wrote_every_directory_and_left_nothing(done: Done) -> None:
    keys = [info.key for info in done.lake.list("")]
    markers = [key for key in keys if key.endswith("_SUCCESS")]
    assert {key.split("/")[0] for key in markers} >= {"refined", "reference"}
    assert {json.loads(done.lake.read(key))["committer"] for key in markers} == {"magic"}
    assert [key for key in keys if "__magic" in key or "_temporary" in key] == []
    assert list(done.lake.unfinished("")) == []


@pytest.mark.slow
def test_raw_objects_are_left_as_they_were(done: Done, radio: Path) -> None:
    there = {info.key: info.size for info in done.raw.list("")}
    assert there.pop(MIXED_KEY) == len(MIXED)
    assert there == {
        str(path.relative_to(radio)): path.stat().st_size
        for hour in HOURS
        for path in (radio / "plays" / hour.replace("-", "/")).iterdir()
    }
