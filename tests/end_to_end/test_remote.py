"""A table refined by real `spark-submit` steps on EMR: as in process, whatever happens to the run.

The steps run PySpark's own Spark in one process, with S3 by moto.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from resources.aws import AwsSettings, aws_client
from resources.compute.local import LocalCompute
from resources.storage import S3Storage
from tests.end_to_end.plays import HOURS, plays
from tests.end_to_end.remote_running import TABLE
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_steps import spark_launcher
from tests.workshop import Row, Workshop

PROJECT = Path(__file__).parents[2]
_SECONDS = 300.0


@dataclass
class Remote:
    """A lake on S3 with its raw objects, EMR beside it, and runs as processes of their own."""

    server: EmrServer
    storage: S3Storage
    folder: Path
    environment: dict[str, str]

    def start(self, run: str) -> subprocess.Popen[str]:
        """Start a run, or the same run once more."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.remote_running", str(self.folder), run],
            cwd=PROJECT,
            env={**os.environ, **self.environment, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, run: str) -> dict[str, dict[str, str]]:
        """Run to the end; what the process tells of it."""
        process = self.start(run)
        out, err = process.communicate(timeout=_SECONDS)
        assert process.returncode == 0, err[-6000:]
        told: dict[str, dict[str, str]] = json.loads(out.splitlines()[-1])
        return told

    def rows(self, directory: str) -> list[Row]:
        """What lies in one partition of an attempt."""
        return [row for file in self.files(directory) for row in file.read().to_pylist()]

    def files(self, directory: str) -> list[pq.ParquetFile]:
        keys = [info.key for info in self.storage.list(f"{directory}/")]
        return [
            pq.ParquetFile(self.storage.open_input(key)) for key in keys if key.endswith(".parquet")
        ]


@pytest.fixture
def remote(aws_settings: AwsSettings, tmp_path: Path) -> Iterator[Remote]:
    storage = S3Storage(
        f"emr-{tmp_path.name[-20:].strip('_').replace('_', '-')}", "lake", aws_settings
    )
    client = aws_client(aws_settings, "s3")
    client.create_bucket(Bucket=storage.bucket)
    for hour in HOURS:
        text = "".join(map(json.dumps, plays("before", hour))) + '{"play_id": "torn'
        storage.write(f"raw/plays/{hour.replace('-', '/')}/a.json", text.encode())

    def put_log(address: str, data: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=data)

    server = EmrServer(spark_launcher(aws_settings), tmp_path / "emr", put_log)
    with serving(server) as url:
        endpoint = aws_settings.endpoints["s3"]
        environment = {
            "LAKE_ROOT": storage.root,
            "LAKE_RAW_ROOT": f"{storage.root}/raw",
            "LAKE_LOCAL_FOLDER": str(tmp_path / "local"),
            "LAKE_AWS_REGION": "us-east-1",
            "LAKE_S3_ENDPOINT": endpoint,
            "LAKE_EMR_ENDPOINT": url,
            "LAKE_EMR_SERVICE_ROLE": "emr-service",
            "LAKE_EMR_INSTANCE_PROFILE": "emr-instances",
        }
        yield Remote(server, storage, tmp_path, environment)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something that another process does has happened."""
    over = threading.Event()
    for _ in range(int(_SECONDS / 0.05)):
        if condition():
            return
        over.wait(0.05)
    raise AssertionError("it did not happen")


@pytest.fixture(scope="module")
def in_process(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The same hours refined in this process, in a folder."""
    workshop = Workshop(tmp_path_factory.mktemp("in_process"), TABLE)
    for hour in HOURS:
        workshop.deliver(
            hour.replace("-", "/"), "a.json", *plays("before", hour), '{"play_id": "torn'
        )
    workshop.lake.refine(LocalCompute(spark), workshop.table, HOURS)
    workshop.lake.publish(workshop.table, HOURS)
    return workshop


def by_id(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(row["play_id"]))


def require_same(remote: Remote, pointers: dict[str, str], in_process: Workshop) -> None:
    """Rows, Parquet types and ledgers are those of the refine in process."""
    expected = in_process.lake.pointers(in_process.table)
    assert sorted(pointers) == sorted(expected)
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


@pytest.mark.slow
def test_hours_refined_by_a_step_of_emr_are_as_in_process(
    remote: Remote, in_process: Workshop
) -> None:
    told = remote.finish("run-1")

    require_same(remote, told["pointers"], in_process)
    assert told["metadata"]["engine"] == "emr"
    assert [step.state for step in remote.server.steps] == ["COMPLETED"]
    assert not any(each.is_alive for each in remote.server.clusters.values())


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["creating", "pending", "running", "succeeded"])
def test_a_run_killed_at_any_stage_and_tried_again_is_one_job(
    remote: Remote, in_process: Workshop, stage: str
) -> None:
    server = remote.server
    first = remote.start("run-1")
    if stage == "creating":
        server.after = lambda action: first.kill() if action == "RunJobFlow" else None
    elif stage == "pending":
        server.hold.set()
        wait_for(lambda: bool(server.steps))
    elif stage == "running":
        wait_for(lambda: any("messages/" in info.key for info in remote.storage.list("_jobs/")))
    else:
        # Asleep between two looks, or not there yet: the result has not been read.
        server.after = lambda action: (
            first.kill()
            if action == "DescribeStep" and server.steps[0].state == "COMPLETED"
            else None
        )
    if stage in ("pending", "running"):
        first.kill()
    first.communicate(timeout=_SECONDS)
    server.after = lambda _: None
    server.hold.clear()

    told = remote.finish("run-1")

    assert first.returncode == -9
    assert [step.state for step in server.steps] == ["COMPLETED"]
    require_same(remote, told["pointers"], in_process)


@pytest.mark.slow
def test_a_cancelled_run_ends_its_job(remote: Remote) -> None:
    first = remote.start("run-1")
    wait_for(lambda: any("messages/" in info.key for info in remote.storage.list("_jobs/")))

    first.terminate()
    first.communicate(timeout=_SECONDS)

    wait_for(
        lambda: all(step.running.poll() is not None for step in remote.server.steps if step.running)
    )
    assert not any(each.is_alive for each in remote.server.clusters.values())
    assert any(info.key.endswith("/ended") for info in remote.storage.list("_jobs/"))
