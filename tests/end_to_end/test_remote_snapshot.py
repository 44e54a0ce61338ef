"""A reference's snapshot taken by a step of EMR, which logs in to a MySQL server by a secret."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from resources.aws import AwsSettings, aws_client
from resources.compute.emr import EmrEngine
from resources.compute.emr_settings import EmrSettings
from resources.compute.job_run import Terms
from resources.compute.remote import RemoteCompute
from resources.lake import Lake
from resources.settings import load_settings
from resources.storage import S3Storage
from resources.table import Reference
from spark.contract import Column, Contract
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_steps import spark_launcher
from tests.servers.mariadb import READER, READER_PASSWORD, MariaDb
from tests.servers.spark_submit import SparkSubmit

REFERENCE = Reference(
    "songs",
    "songs",
    ("song_id",),
    Contract((Column("song_id", "int", nullable=False), Column("title", "string"))),
)


#: EMR Serverless and EMR write event logs by themselves: Spark's settings and plans are in them.
EVENTS = {"spark.eventLog.enabled": "true", "spark.eventLog.compress": "false"}


@contextmanager
def watching(server: EmrServer) -> Iterator[set[str]]:
    """What anybody on the step's machine can list meanwhile: arguments and environments."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            running = [step.running for step in server.steps]
            for each in running:
                if isinstance(each, SparkSubmit):
                    seen.update(_listed(each.pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _listed(pid: int) -> Iterator[str]:
    try:
        shell = psutil.Process(pid)
        for process in (shell, *shell.children(recursive=True)):
            yield " ".join(process.cmdline())
            yield json.dumps(process.environ())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return


@pytest.mark.big
def test_a_job_fetches_the_password_and_it_is_nowhere_else(
    mariadb: MariaDb, aws_settings: AwsSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_DATABASE_SECRET", "songs")
    monkeypatch.setenv("LAKE_DATABASE_CA", str(mariadb.ca))
    mariadb.run(
        "CREATE DATABASE elsewhere; CREATE TABLE elsewhere.songs (song_id INT PRIMARY KEY,"
        " title VARCHAR(50)); INSERT INTO elsewhere.songs VALUES (1, 'One'), (2, NULL)"
    )
    storage = S3Storage("snapshot-elsewhere", "lake", aws_settings)
    client = aws_client(aws_settings, "s3")
    client.create_bucket(Bucket=storage.bucket)
    secret = json.dumps({"username": READER, "password": READER_PASSWORD})
    aws_client(aws_settings, "secretsmanager").create_secret(Name="songs", SecretString=secret)

    def put_log(address: str, data: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=data)

    server = EmrServer(spark_launcher(aws_settings), tmp_path / "emr", put_log)
    with serving(server) as url:
        settings = load_settings(
            {
                "LAKE_ROOT": storage.root,
                "LAKE_LOCAL_FOLDER": str(tmp_path / "local"),
                "LAKE_AWS_REGION": aws_settings.region,
                "LAKE_S3_ENDPOINT": aws_settings.endpoints["s3"],
                "LAKE_EMR_ENDPOINT": url,
                "LAKE_DATABASE": f"mysql://{mariadb.host}:{mariadb.port}/elsewhere",
                "LAKE_DATABASE_SECRET": "songs",
                "LAKE_DATABASE_CA": str(mariadb.ca),
            }
        )
        lake = Lake(settings)
        source = lake.database.remote()
        engine = EmrEngine(EmrSettings("service", "instances"), storage.root, settings.aws)
        events = tmp_path / "emr" / "events"
        events.mkdir(parents=True)
        terms = Terms({**EVENTS, "spark.eventLog.dir": f"file://{events}"})
        compute = RemoteCompute(engine, storage, "run", terms, logging.getLogger("tests"))

        with watching(server) as listed:
            taken = lake.snapshot(compute, REFERENCE, source.options, source.login)

    assert taken.version.rows == 2
    rows = [
        row
        for file in taken.version.files
        for row in pq.ParquetFile(storage.open_input(file.key)).read().to_pylist()
    ]
    assert sorted(rows, key=str) == [
        {"song_id": 1, "title": "One"},
        {"song_id": 2, "title": None},
    ]
    everything = [storage.read(info.key) for info in storage.list("")]
    everything += [path.read_bytes() for path in (tmp_path / "emr").rglob("std*")]
    everything += [json.dumps(each.asked).encode() for each in server.clusters.values()]
    logs = [path.read_bytes() for path in events.rglob("*") if path.is_file()]
    assert any(b"SparkListenerEnvironmentUpdate" in each for each in logs)
    assert any("--dagster-pipes-messages" in each for each in listed)
    assert any("AWS_ENDPOINT_URL" in each for each in listed)
    everything += [*logs, *(each.encode() for each in listed)]
    # What is after the blank would be escaped in JSON.
    telling = READER_PASSWORD.partition(" ")[0].encode()
    assert not [each[:80] for each in everything if telling in each]
