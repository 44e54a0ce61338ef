"""Hours of the radio data taken to S3 and Glue by a process of its own, and what came of it.

No test lives here, nor which server or proxy stands for AWS.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resources.aws import AwsSettings, aws_client
from resources.storage import S3Storage
from tests.end_to_end.test_radio import plays_of
from tests.servers.needed import missing

PROJECT = Path(__file__).parents[2]
HOURS = ("2014-06-16-05", "2014-06-16-06")
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

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


def take_to_s3(radio: Path, url: str, through: str, name: str, folder: Path) -> Done:
    """Fill a raw bucket at `url` and materialize the hours, with every call going `through`.

    `name` is that of the buckets and of Glue's database, `folder` that of the embedded database.
    """
    aws = AwsSettings(region="us-east-1", endpoints={"s3": url, "glue": url})
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in KEYS.items():
            patch.setenv(variable, value)
        lake, raw = S3Storage(f"{name}-lake", "a lake", aws), S3Storage(f"{name}-raw", "in", aws)
        for each in (lake, raw):
            aws_client(aws, "s3").create_bucket(Bucket=each.bucket)
        for hour in HOURS:
            hour_of = f"plays/{hour.replace('-', '/')}"
            for path in sorted((radio / hour_of).iterdir()):
                raw.write(f"{hour_of}/{path.name}", path.read_bytes())
        raw.write(MIXED_KEY, MIXED.encode())
        told = run_on_s3(
            folder,
            (HOURS[0], HOURS[-1]),
            {
                **KEYS,
                "LAKE_ROOT": lake.root,
                "LAKE_RAW_ROOT": raw.root,
                "LAKE_S3_ENDPOINT": through,
                "LAKE_CATALOG": "glue",
                "LAKE_READ_BACK": "duckdb",
                "LAKE_GLUE_DATABASE": name,
                "LAKE_GLUE_ENDPOINT": through,
                "LAKE_AWS_REGION": "us-east-1",
            },
        )
        lake.exists("a")  # the clients keep the credentials that they were made with
        found = aws_client(aws, "glue").get_partitions(DatabaseName=name, TableName="radio")
    locations = {
        "-".join(each["Values"]): each["StorageDescriptor"]["Location"]
        for each in found["Partitions"]
    }
    return Done(lake, raw, told, locations)


def require_every_play_once(done: Done, radio: Path) -> None:
    """What readers see is what was delivered, as Python's own decoder takes it apart."""
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
    assert done.told["quarantined"] == [['{"play_id": "torn', MIXED_KEY]]


def run_on_s3(folder: Path, span: tuple[str, str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Run the process; without Spark's packages from Maven Central there is nothing to test."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.on_s3", str(folder), *span],
        cwd=PROJECT,
        env={**os.environ, **variables, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    if "unresolved dependency" in ended.stdout + ended.stderr:
        missing("Spark's packages for S3 could not be had from Maven Central")
    assert ended.returncode == 0, ended.stderr[-4000:]
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert "failed" not in told, told["failed"]
    return told
