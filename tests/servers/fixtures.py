"""Fixtures that start a server; the conftest of the tests that need one imports them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from resources.mysql_settings import PACKAGE
from tests.servers.mariadb import MariaDb, ServerMissingError, mariadb_server, programs_missing
from tests.servers.needed import missing


@pytest.fixture(scope="session")
def mariadb(spark: SparkSession) -> Iterator[MariaDb]:
    """A private MariaDB server, with the driver for it in the session."""
    if PACKAGE not in str(spark.conf.get("spark.jars.packages", "")):
        missing(f"Spark's session has no MySQL driver: {programs_missing() or PACKAGE}")
    try:
        with mariadb_server() as server:
            yield server
    except ServerMissingError as error:
        missing(str(error))
