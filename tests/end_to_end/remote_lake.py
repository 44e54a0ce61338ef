"""A lake on S3 whose hours are refined elsewhere, and the same hours refined in process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from resources.aws import AwsSettings, aws_client
from resources.compute.local import LocalCompute
from resources.storage import S3Storage
from tests.end_to_end.plays import HOURS, plays
from tests.end_to_end.remote_running import TABLE
from tests.waiting import SECONDS
from tests.workshop import Row, Workshop

PROJECT = Path(__file__).parents[2]
_PROGRAM = (sys.executable, "-m", "tests.end_to_end.remote_running")


class Told(TypedDict):
    """What a run tells of itself: its materialization, and each hour's directory and ledger."""

    metadata: dict[str, str]
    pointers: dict[str, str]
    ledgers: dict[str, dict[str, object]]


@dataclass
class Remote:
    """A lake on S3 with its raw objects, and runs as processes of their own."""

    storage: S3Storage
    folder: Path
    environment: dict[str, str]
    engine: str

    def start(self, run: str) -> subprocess.Popen[str]:
        """Start a run, or the same run once more."""
        return subprocess.Popen(
            [*_PROGRAM, str(self.folder), run, self.engine],
            cwd=PROJECT,
            env={**os.environ, **self.environment, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, run: str) -> Told:
        """Run to the end; what the process tells of it."""
        process = self.start(run)
        try:
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
        assert process.returncode == 0, err[-6000:]
        told: Told = json.loads(out.splitlines()[-1])
        return told

    def rows(self, directory: str) -> list[Row]:
        """What lies in one partition of an attempt."""
        return [row for file in self.files(directory) for row in file.read().to_pylist()]

    def files(self, directory: str) -> list[pq.ParquetFile]:
        keys = [info.key for info in self.storage.list(f"{directory}/")]
        return [
            pq.ParquetFile(self.storage.open_input(key)) for key in keys if key.endswith(".parquet")
        ]


def remote_lake(aws: AwsSettings, folder: Path, engine: str) -> Remote:
    """A bucket of its own with raw plays in it."""
    name = f"{engine}-{folder.name[-20:]}".replace("_", "-").strip("-")
    storage = S3Storage(name, "lake", aws)
    aws_client(aws, "s3").create_bucket(Bucket=storage.bucket)
    for hour in HOURS:
        text = "".join(map(json.dumps, plays("before", hour))) + '{"play_id": "torn'
        storage.write(f"raw/plays/{hour.replace('-', '/')}/a.json", text.encode())
    environment = {
        "LAKE_ROOT": storage.root,
        "LAKE_RAW_ROOT": f"{storage.root}/raw",
        "LAKE_LOCAL_FOLDER": str(folder / "local"),
        "LAKE_AWS_REGION": "us-east-1",
        "LAKE_S3_ENDPOINT": aws.endpoints["s3"],
    }
    return Remote(storage, folder, environment, engine)


def refined_in_process(spark: SparkSession, folder: Path) -> Workshop:
    """The same hours refined in this process, in a folder."""
    workshop = Workshop(folder, TABLE)
    for hour in HOURS:
        workshop.deliver(
            hour.replace("-", "/"), "a.json", *plays("before", hour), '{"play_id": "torn'
        )
    workshop.lake.refine(LocalCompute(spark), workshop.table, HOURS)
    workshop.lake.publish(workshop.table, HOURS)
    return workshop


def by_id(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(row["play_id"]))


def require_same(remote: Remote, told: Told, in_process: Workshop) -> None:
    """Rows, Parquet types and ledgers are those of the refine in process."""
    expected = in_process.lake.pointers(in_process.table)
    pointers = told["pointers"]
    assert told["ledgers"] == {hour: each.ledger for hour, each in expected.items()}
    for hour, pointer in expected.items():
        local = [pq.ParquetFile(in_process.root / file.key) for file in pointer.files]
        files = remote.files(pointers[hour])
        assert by_id(remote.rows(pointers[hour])) == by_id(
            [row for file in local for row in file.read().to_pylist()]
        )
        assert files[0].schema.equals(local[0].schema)
    quarantined = [
        info.key for info in remote.storage.list("quarantine/") if info.key.endswith(".parquet")
    ]
    torn = [
        row["document"]
        for key in quarantined
        for row in pq.ParquetFile(remote.storage.open_input(key)).read().to_pylist()
    ]
    assert torn == ['{"play_id": "torn'] * len(HOURS)
