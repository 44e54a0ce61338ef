"""The job as it is shipped, by a `spark-submit` of the Spark and the Python that an engine has.

`make spark-versions` names an environment in `LAKE_SPARK_PYTHON`, of which Spark, boto3 and the
Python below are taken and nothing else. What a job leaves on S3 is written as canonical text into
the folder that `LAKE_PORTABLE_OUT` names, so that all of them can be compared byte for byte.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.aws import AwsSettings, aws_client
from resources.compute.emr import EmrEngine
from resources.compute.emr_settings import EmrSettings
from resources.compute.job_run import Terms
from resources.compute.remote import RemoteCompute
from resources.compute.remote_config import remote_spark_config
from resources.lake import Lake
from resources.settings import load_settings
from resources.storage import S3Storage
from resources.table import Reference
from spark.contract import Column, Contract
from spark.spec import RefineSpec
from tests.mysql_things import CASES, make_things
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_steps import spark_launcher
from tests.servers.mariadb import (
    READER,
    READER_PASSWORD,
    MariaDb,
    ServerMissingError,
    mariadb_server,
)
from tests.servers.needed import missing
from tests.servers.spark_runtime import SparkRuntime, own_runtime, runtime_of
from tests.spark.portable.test_refine_everywhere import specification

pytestmark = pytest.mark.versions

SONGS = pa.table(
    {
        "song_id": pa.array([1, 2], pa.int32()),
        "title": pa.array(["One", None], pa.string()),
        "price": pa.array([Decimal("9.99"), None], pa.decimal128(6, 2)),
        "since": pa.array([1000198000000001, None], pa.timestamp("us", "UTC")),
    }
)
#: Spark 3.5 puts a name with a backtick into its own SQL as it is, and MySQL refuses that.
NAMES = tuple(name for name in CASES if "`" not in name)
THINGS = Reference(
    "things",
    "things",
    ("id",),
    Contract(
        (
            Column("id", "int", nullable=False),
            *(Column(name, CASES[name].type) for name in NAMES),
        )
    ),
)


@dataclass(frozen=True)
class Elsewhere:
    """A lake on S3, and an engine whose Spark is the one that is tried."""

    storage: S3Storage
    aws: AwsSettings
    server: EmrServer
    compute: RemoteCompute
    environment: dict[str, str]


@pytest.fixture(scope="module")
def runtime() -> SparkRuntime:
    named = os.environ.get("LAKE_SPARK_PYTHON")
    return runtime_of(Path(named)) if named else own_runtime()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where canonical files go."""
    named = os.environ.get("LAKE_PORTABLE_OUT")
    return Path(named) if named else tmp_path_factory.mktemp("shipped")


@pytest.fixture
def elsewhere(
    runtime: SparkRuntime, aws_settings: AwsSettings, tmp_path: Path
) -> Iterator[Elsewhere]:
    storage = S3Storage(f"shipped-{tmp_path.name[-20:]}".replace("_", "-"), "lake", aws_settings)
    client = aws_client(aws_settings, "s3")
    client.create_bucket(Bucket=storage.bucket)

    def put_log(address: str, data: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=data)

    server = EmrServer(spark_launcher(aws_settings, runtime), tmp_path / "emr", put_log)
    with serving(server) as url:
        environment = {
            "LAKE_ROOT": storage.root,
            "LAKE_RAW_ROOT": f"{storage.root}/raw",
            "LAKE_LOCAL_FOLDER": str(tmp_path / "local"),
            "LAKE_AWS_REGION": aws_settings.region,
            "LAKE_S3_ENDPOINT": aws_settings.endpoints["s3"],
            "LAKE_EMR_ENDPOINT": url,
        }
        settings = load_settings(environment)
        engine = EmrEngine(EmrSettings("service", "instances"), storage.root, settings.aws)
        terms = Terms(remote_spark_config(settings))
        compute = RemoteCompute(engine, storage, "run", terms, logging.getLogger("tests"))
        yield Elsewhere(storage, aws_settings, server, compute, environment)


@pytest.fixture
def database() -> Iterator[MariaDb]:
    try:
        with mariadb_server() as server:
            make_things(server, "things_there")
            yield server
    except ServerMissingError as error:
        missing(str(error))


def on_s3(spec: RefineSpec, storage: S3Storage, folder: Path) -> RefineSpec:
    """The same with its objects and its reference uploaded, and its results there too."""
    for each in (path for path in folder.rglob("*") if path.is_file()):
        storage.write(f"in/{each.relative_to(folder)}", each.read_bytes())

    def moved(uri: str) -> str:
        return uri.replace(f"file://{folder}", f"{storage.root}/in")

    partitions = tuple(
        replace(each, objects=tuple(replace(one, uri=moved(one.uri)) for one in each.objects))
        for each in spec.partitions
    )
    joins = tuple(replace(each, location=moved(each.location)) for each in spec.joins)
    return replace(
        spec,
        partitions=partitions,
        joins=joins,
        output=f"{storage.root}/refined/everything/attempt=1",
        quarantine=f"{storage.root}/quarantine/everything/attempt=1",
    )


def parquet(storage: S3Storage, prefix: str) -> list[pq.ParquetFile]:
    keys = sorted(info.key for info in storage.list(prefix) if info.key.endswith(".parquet"))
    return [pq.ParquetFile(storage.open_input(key)) for key in keys]


def lines(files: Sequence[pq.ParquetFile], *names: str) -> str:
    """Rows as text, one a line, in an order that does not depend on how they came."""
    rows = [row for file in files for row in file.read(list(names) or None).to_pylist()]
    return "\n".join(sorted(map(repr, rows))) + "\n"


def schemas(files: Sequence[pq.ParquetFile]) -> str:
    """The files' one schema as their footers have it, without what only its writer reads."""
    (found,) = {str(each.schema).partition("\n")[2] for each in files}
    return found


def test_a_refine_is_the_same_on_every_engine(
    elsewhere: Elsewhere, tmp_path: Path, out: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    spec = specification(folder, folder / "songs", "keep")
    (folder / "songs").mkdir()
    pq.write_table(SONGS, folder / "songs" / "a.parquet")

    report = elsewhere.compute.refine(on_s3(spec, elsewhere.storage, folder))

    ledgers = {each.key: each.ledger for each in report.partitions}
    directory = report.partitions[0].directory
    rows = parquet(elsewhere.storage, f"refined/everything/attempt=1/{directory}/")
    quarantined = parquet(elsewhere.storage, "quarantine/")
    said = {key: each.to_json() for key, each in ledgers.items()}
    (out / "job_ledger.json").write_text(json.dumps(said, indent=2) + "\n")
    (out / "job_rows.txt").write_text(lines(rows))
    (out / "job_schema.txt").write_text(schemas(rows))
    (out / "job_quarantine.txt").write_text(
        lines(quarantined, "source_object", "document", "reason")
    )
    (out / "job_quarantine_schema.txt").write_text(schemas(quarantined))
    full = ledgers["2024-02-29-23"]
    assert full.documents == full.accounted == 61
    assert sum(each.metadata.num_rows for each in rows) == full.published
    assert sum(each.metadata.num_rows for each in quarantined) == sum(full.quarantined.values())
    assert [step.state for step in elsewhere.server.steps] == ["COMPLETED"]


def test_a_snapshot_is_the_same_on_every_engine(
    elsewhere: Elsewhere, database: MariaDb, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = json.dumps({"username": READER, "password": READER_PASSWORD})
    name = elsewhere.storage.bucket
    aws_client(elsewhere.aws, "secretsmanager").create_secret(Name=name, SecretString=secret)
    login = {"LAKE_DATABASE_SECRET": name, "LAKE_DATABASE_CA": str(database.ca)}
    for variable, value in login.items():
        monkeypatch.setenv(variable, value)
    address = f"mysql://{database.host}:{database.port}/things_there"
    lake = Lake(load_settings({**elsewhere.environment, **login, "LAKE_DATABASE": address}))
    source = lake.database.remote()

    taken = lake.snapshot(elsewhere.compute, THINGS, source.options, source.login)

    files = [pq.ParquetFile(elsewhere.storage.open_input(each.key)) for each in taken.version.files]
    (out / "snapshot_rows.txt").write_text(lines(files))
    (out / "snapshot_schema.txt").write_text(schemas(files))
    (out / "snapshot_version.txt").write_text(f"{taken.version.version} {taken.version.rows}\n")
    assert taken.version.rows == sum(each.metadata.num_rows for each in files) == 6
