"""Fixtures that every test shares: one Spark session for the whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

#: What the tests of real parts need in the session's JVM, which cannot be given it later: the driver
#: of `resources/mysql_settings.py`, where there is a server to drive. This file imports nothing of
#: the project's, as it also runs where Spark's clusters' Python does.
PACKAGES = ["com.mysql:mysql-connector-j:9.5.0"] * bool(
    shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    home: Path = tmp_path_factory.mktemp("spark")
    builder = (
        SparkSession.builder.master("local[2]")
        .appName("lake-assets-tests")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.sources.parallelPartitionDiscovery.threshold", "1000000")
        .config("spark.sql.warehouse.dir", str(home / "warehouse"))
        .config("spark.driver.extraJavaOptions", f"-Dderby.stream.error.file={home / 'derby.log'}")
    )
    session = _with_packages(builder)
    yield session
    session.stop()


def _with_packages(builder: SparkSession.Builder) -> SparkSession:
    """Without them where they cannot be fetched; the tests that need them say so."""
    if not PACKAGES:
        return builder.getOrCreate()
    try:
        return builder.config("spark.jars.packages", ",".join(PACKAGES)).getOrCreate()
    except PySparkRuntimeError:
        return builder.config("spark.jars.packages", "").getOrCreate()
