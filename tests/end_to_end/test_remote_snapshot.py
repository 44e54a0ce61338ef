"""A reference's snapshot taken by a step of EMR, which logs in to a MySQL server by a secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path

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

REFERENCE = Reference(
    "songs",
    "songs",
    ("song_id",),
    Contract((Column("song_id", "int", nullable=False), Column("title", "string"))),
)


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
        compute = RemoteCompute(engine, storage, "run", Terms(), logging.getLogger("tests"))

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
    assert not [each[:80] for each in everything if READER_PASSWORD.encode() in each]
