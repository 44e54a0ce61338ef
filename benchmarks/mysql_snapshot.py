"""A snapshot of a MySQL table by 1, 2 and 4 ranges, against `mariadb-dump` and dlt in turns with it.

The server is a private one on this machine, so that it shares the cores with whoever reads. Spark
and dlt's SQLAlchemy read over TLS; the dump has a socket, ConnectorX a connection without TLS.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from pyspark.sql import SparkSession

from benchmarks import datasets, dlt_snapshot
from resources.compute.local import LocalCompute, local_spark_config
from resources.database import Patience
from resources.settings import load_settings
from resources.source_database import Database, open_database
from spark.contract import Column, Contract
from spark.snapshot import SnapshotSpec
from tests.mysql import no_client
from tests.servers.mariadb import READER, READER_PASSWORD, MariaDb, mariadb_server

RANGES = (1, 2, 4)
ROUNDS = 3
#: A user that need not encrypt.
_PLAIN_USER = "plain"
_COLUMNS = (
    Column("track_id", "bigint", nullable=False),
    Column("title", "string"),
    Column("price", "decimal(10,2)"),
    Column("plays", "bigint"),
    Column("added_at", "timestamp"),
)


def figures(rows: int = 2_000_000, rounds: int = ROUNDS) -> Iterator[tuple[str, float]]:
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
        ways: dict[str, Callable[[], float]] = {"mysql_dump": lambda: _dump(server)}
        for ranges in RANGES:
            ways[f"mysql_snapshot_{ranges}_ranges"] = partial(_snapshot, spark, source, ranges)
        for backend in dlt_snapshot.BACKENDS:
            ways[f"mysql_dlt_{backend}"] = partial(_dlt, server, backend, rows)
        turns = [
            {name: _told(name, measure()) for name, measure in ways.items()} for _ in range(rounds)
        ]
    for name in ways:
        yield f"{name}_seconds", statistics.median(turn[name] for turn in turns)
        if name != "mysql_dump":
            ratios = [turn[name] / turn["mysql_dump"] for turn in turns]
            yield f"{name}_over_dump", statistics.median(ratios)


def _told(name: str, seconds: float) -> float:
    """Show each turn as it ends: on a busy machine all of them take long."""
    print(f"# {name} {seconds:.1f} s", file=sys.stderr, flush=True)
    return seconds


def _fill(server: MariaDb, rows: int) -> None:
    server.run(
        "CREATE DATABASE bench CHARACTER SET utf8mb4; USE bench; CREATE TABLE tracks (track_id BIGINT"
        " PRIMARY KEY, title VARCHAR(80), price DECIMAL(10,2), plays INT UNSIGNED, added_at"
        " DATETIME(6)); INSERT INTO tracks SELECT seq, CONCAT('A song of some length, number ', seq),"
        f" seq % 1000 / 100, seq % 777, TIMESTAMP('2020-01-01') + INTERVAL seq SECOND FROM seq_1_to_{rows}"
    )
    server.run(f"CREATE USER {_PLAIN_USER}@'%'; GRANT SELECT ON bench.* TO {_PLAIN_USER}@'%'")


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
        LocalCompute(spark).snapshot(replace(spec, jdbc=address.options()), ())
    seconds = time.perf_counter() - began
    shutil.rmtree(output)
    return seconds


def _dlt(server: MariaDb, backend: str, rows: int) -> float:
    if backend == "connectorx":
        address = f"mysql+pymysql://{_PLAIN_USER}@127.0.0.1:{server.port}/bench"
    else:
        user = f"{READER}:{quote(READER_PASSWORD)}"
        address = f"mysql+pymysql://{user}@localhost:{server.port}/bench?ssl_ca={server.ca}"
    return dlt_snapshot.seconds(address, "tracks", backend, datasets.home() / "dlt", rows)


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
