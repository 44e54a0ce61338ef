"""The week of radio data on every engine: the same rows, and what each client adds to `spark-submit`.

S3 is versitygw. Control planes are those of the tests, over HTTP, and start a job at once: what AWS
takes for that is not in these figures. A job's own time is that of the process, seen from outside.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks import datasets
from benchmarks.s3_radio import load_tracks
from lake_assets.resources import lake_resources
from resources.aws import AwsSettings, aws_client
from resources.compute.base import Compute
from resources.compute.local import LocalCompute
from resources.compute.opening import remote_compute
from resources.settings import Settings, load_settings
from resources.storage import S3Storage
from spark.refining import RefineReport
from spark.snapshot import SnapshotReport, SnapshotSpec
from spark.spec import RefineSpec
from tests.end_to_end.conftest import DECLARATION, RADIO
from tests.end_to_end.test_radio import WEEK
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_serverless import emr_serverless_server
from tests.servers.emr_steps import spark_launcher
from tests.servers.glue_jobs import glue_jobs_server
from tests.servers.moto import moto_server
from tests.servers.spark_runtime import connector_jars
from tests.servers.spark_submit import SparkSubmit
from tests.servers.versitygw import KEYS, versitygw_server
from tests.waiting import wait_for
from tests.workshop import Workshop

_ROLE = "arn:aws:iam::123456789012:role/lake-jobs"
_LONGEST_SECONDS = 900
_DIGEST = "SELECT md5(string_agg(CAST(radio AS VARCHAR), '' ORDER BY play_id)) AS digest FROM radio"


#: The process of a service's newest job.
Newest = Callable[[], SparkSubmit | None]


@dataclass(frozen=True)
class Service:
    """What stands for an engine, and the settings that lead there."""

    variables: dict[str, str]
    newest: Newest


@dataclass(frozen=True)
class Content:
    """What readers see: a digest of the rows in order, the files' schema, ledgers by partition."""

    digest: str
    schema: pa.Schema
    ledgers: dict[str, dict[str, object]]


@dataclass
class Timed:
    """An engine whose last refine was timed: no listing, no audit."""

    compute: Compute
    seconds: float = 0.0

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Refine as the engine does."""
        began = time.perf_counter()
        report = self.compute.refine(spec)
        self.seconds = time.perf_counter() - began
        return report

    def snapshot(self, spec: SnapshotSpec, known: Collection[str]) -> SnapshotReport:
        """Take a snapshot as the engine does."""
        return self.compute.snapshot(spec, known)


def figures() -> Iterator[tuple[str, float]]:
    """Seconds of each engine and beyond its process; 1 where all is as made in this process."""
    home = datasets.home() / "engines"
    shutil.rmtree(home, ignore_errors=True)
    os.environ.update(KEYS)
    with versitygw_server() as s3, moto_server() as url:
        aws = replace(s3.aws, endpoints={**s3.aws.endpoints, "logs": url})
        variables = _variables(aws, home)
        workshop = Workshop(home / "lake", DECLARATION, environment=variables)
        spark = lake_resources(workshop.settings)["pyspark"].spark_session  # type: ignore[attr-defined]
        _fill(workshop, spark, aws)
        expected = _published(workshop, LocalCompute(spark))
        connector_jars(aws)  # which a machine of AWS has
        for name, start in _STARTS.items():
            with start(aws, home / name) as service:
                settings = load_settings({**variables, **service.variables})
                yield from _engine(workshop, name, settings, service.newest, expected)


def _engine(
    workshop: Workshop, name: str, settings: Settings, newest: Newest, expected: Content
) -> Iterator[tuple[str, float]]:
    log = logging.getLogger("benchmarks")
    timed = Timed(remote_compute(settings, workshop.lake.storage, name, "benchmark", log))
    with ThreadPoolExecutor(1) as pool:
        process = pool.submit(_process_seconds, newest)
        content = _published(workshop, timed)
    label = name.replace("-", "_")
    yield f"engine_{label}_seconds", timed.seconds
    yield f"engine_{label}_overhead_seconds", timed.seconds - process.result()
    yield f"engine_{label}_is_same", float(content == expected)


def _process_seconds(newest: Newest) -> float:
    """How long the first process runs."""
    # Seen within 50 ms; gives up on a job that never starts.
    wait_for(lambda: newest() is not None)
    process = newest()
    assert process is not None
    began = time.perf_counter()
    process.wait(_LONGEST_SECONDS)
    return time.perf_counter() - began


def _published(workshop: Workshop, compute: Compute) -> Content:
    """Refine and publish the week; what of it readers see."""
    lake, table = workshop.lake, workshop.table
    assert table.partitions is not None
    keys = table.partitions.between(*WEEK)
    lake.refine(compute, table, keys)
    lake.publish(table, keys)
    pointers = lake.pointers(table)
    file = next(each.files[0].key for each in pointers.values() if each.files)
    return Content(
        str(workshop.query(_DIGEST)[0]["digest"]),
        pq.ParquetFile(lake.storage.open_input(file)).schema_arrow.remove_metadata(),
        {key: dict(each.ledger) for key, each in pointers.items()},
    )


def _variables(aws: AwsSettings, home: Path) -> dict[str, str]:
    return {
        "LAKE_ROOT": "s3://engines/lake",
        "LAKE_RAW_ROOT": "s3://engines/raw",
        "LAKE_LOCAL_FOLDER": str(home / "local"),
        "LAKE_AWS_REGION": aws.region,
        "LAKE_S3_ENDPOINT": aws.endpoints["s3"],
        "LAKE_LOGS_ENDPOINT": aws.endpoints["logs"],
        "LAKE_EMR_SERVICE_ROLE": "emr-service",
        "LAKE_EMR_INSTANCE_PROFILE": "emr-instances",
        "LAKE_EMR_SERVERLESS_ROLE": _ROLE,
        "LAKE_GLUE_JOB_ROLE": _ROLE,
    }


def _fill(workshop: Workshop, spark: SparkSession, aws: AwsSettings) -> None:
    """Put the week's objects into the raw prefix, and take the snapshot of the tracks."""
    aws_client(aws, "s3").create_bucket(Bucket="engines")
    raw = S3Storage("engines", "raw", aws)
    for path in sorted((RADIO / "plays").rglob("*.gz")):
        raw.write(str(path.relative_to(RADIO)), path.read_bytes())
    load_tracks(workshop, spark)


@contextmanager
def _emr(aws: AwsSettings, folder: Path) -> Iterator[Service]:
    client = aws_client(aws, "s3")

    def put_log(address: str, data: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=data)

    server = EmrServer(spark_launcher(aws), folder, put_log)

    def newest() -> SparkSubmit | None:
        running = server.steps[-1].running if server.steps else None
        return running if isinstance(running, SparkSubmit) else None

    with serving(server) as url:
        yield Service({"LAKE_EMR_ENDPOINT": url}, newest)


@contextmanager
def _emr_serverless(aws: AwsSettings, folder: Path) -> Iterator[Service]:
    with emr_serverless_server(aws, folder) as server:
        variables = {"LAKE_EMR_SERVERLESS_ENDPOINT": server.url}
        yield Service(variables, lambda: server.runs.all[-1].process if server.runs.all else None)


@contextmanager
def _glue(aws: AwsSettings, folder: Path) -> Iterator[Service]:
    with glue_jobs_server(aws, folder) as server:
        variables = {"LAKE_GLUE_ENDPOINT": server.url}
        yield Service(variables, lambda: server.runs.all[-1].process if server.runs.all else None)


_STARTS: dict[str, Callable[[AwsSettings, Path], AbstractContextManager[Service]]] = {
    "emr": _emr,
    "emr-serverless": _emr_serverless,
    "glue": _glue,
}
