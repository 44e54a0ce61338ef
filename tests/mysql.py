"""What tests of a MySQL source share: a database opened as the settings would, and snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from pyspark.sql import SparkSession

from resources.database import Patience
from resources.source_database import Database, open_database
from spark.contract import Column, Contract
from spark.snapshot import SnapshotReport, SnapshotSpec, take_snapshot
from tests.servers.mariadb import READER_PASSWORD, MariaDb


def no_client() -> NoReturn:
    raise AssertionError("expected no call to AWS")


def database(server: MariaDb, schema: str, **environment: str) -> Database:
    """The server's schema by the reader's password, unless the environment says otherwise."""
    env = {
        "LAKE_DATABASE_PASSWORD": READER_PASSWORD,
        "LAKE_DATABASE_CA": str(server.ca),
        **environment,
    }
    address = env.get("LAKE_DATABASE", server.url(schema))
    return open_database(address, Patience(), env, no_client, no_client)


def spec_of(
    folder: Path,
    table: str,
    columns: list[Column],
    key: tuple[str, ...] = ("id",),
    ranges: int = 1,
    attempt: str = "a",
) -> SnapshotSpec:
    """A snapshot of a table into a folder; any table is large enough for ranges."""
    return SnapshotSpec(
        table, table, key, Contract(tuple(columns)), f"file://{folder}/out", attempt, {}, ranges, 1
    )


def snapshot(spark: SparkSession, source: Database, spec: SnapshotSpec) -> SnapshotReport:
    with source.exclusive(spark, f"the snapshot of {spec.name}") as address:
        filled = SnapshotSpec(**{**vars(spec), "jdbc": address.options()})
        return take_snapshot(spark, filled, lambda _: False)


def folder_of(spec: SnapshotSpec, report: SnapshotReport) -> str:
    return f"{spec.output.removeprefix('file://')}/{report.directory}"
