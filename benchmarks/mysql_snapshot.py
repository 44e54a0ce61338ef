"""A snapshot of a MySQL table by 1, 2 and 4 ranges, against `mariadb-dump` of the same table.

The server is a private one on this machine, so that server, Spark and dump share its cores.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks import datasets
from resources.compute.local import LocalCompute, local_spark_config
from resources.database import Patience
from resources.settings import load_settings
from resources.source_database import Database, open_database
from spark.contract import Column, Contract
from spark.snapshot import SnapshotSpec
from tests.mysql import no_client
from tests.servers.mariadb import READER_PASSWORD, MariaDb, mariadb_server

RANGES = (1, 2, 4)
ROUNDS = 3
_COLUMNS = (
    Column("track_id", "bigint", nullable=False),
    Column("title", "string"),
    Column("price", "decimal(10,2)"),
    Column("plays", "bigint"),
    Column("added_at", "timestamp"),
)


def figures(rows: int = 2_000_000) -> Iterator[tuple[str, float]]:
    """Median seconds of each way, in turns, and each over the dump's."""
    with mariadb_server() as server:
        _fill(server, rows)
        source = open_database(
            server.url("bench"),
            Patience(),
            {"LAKE_DATABASE_PASSWORD": READER_PASSWORD, "LAKE_DATABASE_CA": str(server.ca)},
            no_client,
            no_client,
        )
        spark = _session(server.url("bench"))
        _snapshot(spark, source, 2)  # warms the session
        turns = [
            (_dump(server), {each: _snapshot(spark, source, each) for each in RANGES})
            for _ in range(ROUNDS)
        ]
    dump = sorted(each for each, _ in turns)[ROUNDS // 2]
    yield "mysql_dump_seconds", dump
    for ranges in RANGES:
        seconds = sorted(each[ranges] for _, each in turns)[ROUNDS // 2]
        yield f"mysql_snapshot_{ranges}_ranges_seconds", seconds
        yield f"mysql_snapshot_{ranges}_ranges_over_dump", seconds / dump


def _fill(server: MariaDb, rows: int) -> None:
    server.run(
        "CREATE DATABASE bench CHARACTER SET utf8mb4; USE bench; CREATE TABLE tracks (track_id BIGINT"
        " PRIMARY KEY, title VARCHAR(80), price DECIMAL(10,2), plays INT UNSIGNED, added_at"
        " DATETIME(6)); INSERT INTO tracks SELECT seq, CONCAT('A song of some length, number ', seq),"
        f" seq % 1000 / 100, seq % 777, TIMESTAMP('2020-01-01') + INTERVAL seq SECOND FROM seq_1_to_{rows}"
    )


def _session(address: str) -> SparkSession:
    settings = replace(load_settings({"LAKE_ROOT": str(datasets.home())}), database=address)
    builder = SparkSession.builder
    for name, value in local_spark_config(settings).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _snapshot(spark: SparkSession, source: Database, ranges: int) -> float:
    output = datasets.home() / "mysql-snapshot"
    shutil.rmtree(output, ignore_errors=True)
    spec = SnapshotSpec(
        "tracks", "tracks", ("track_id",), Contract(_COLUMNS), output.as_uri(), "a", {}, ranges
    )
    began = time.perf_counter()
    with source.exclusive(spark, "the benchmark") as address:
        LocalCompute(spark).snapshot(replace(spec, jdbc=address.options()), lambda _: False)
    seconds = time.perf_counter() - began
    shutil.rmtree(output)
    return seconds


def _dump(server: MariaDb) -> float:
    target: Path = datasets.home() / "tracks.sql"
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with target.open("wb") as file:
        subprocess.run(
            ["mariadb-dump", "--no-defaults", f"--socket={server.folder}/socket", "--user=root",
             "--single-transaction", "--quick", "bench", "tracks"],
            stdout=file, check=True,
        )  # fmt: skip
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds
