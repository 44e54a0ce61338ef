"""What ends a cell, in words."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from resources.errors import (
    CatalogError,
    ResultTooLarge,
    SessionLost,
    StorageError,
    StorageUnavailable,
)
from resources.explore_errors import explained
from resources.explore_files import read_files
from spark.errors import LakeError


def failing(action: object) -> LakeError | None:
    assert callable(action)
    try:
        action()
    except Exception as error:  # noqa: BLE001 whatever it is, is looked at
        return explained(error)
    raise AssertionError("it did not fail")


def test_an_error_in_sql_keeps_its_position(spark: SparkSession) -> None:
    found = failing(lambda: spark.sql("SELECT 1 FRM plays WHERE"))
    assert isinstance(found, CatalogError)
    assert "line 1, pos" in str(found)
    found = failing(lambda: spark.sql("SELECT nothing FROM range(3)"))
    assert isinstance(found, CatalogError)
    assert "`nothing`" in str(found)
    assert str(found).endswith("line 1 pos 7")
    found = failing(lambda: duckdb.sql("SELECT 1 FRM plays"))
    assert isinstance(found, CatalogError)
    assert "LINE 1: SELECT 1 FRM plays" in str(found)


def test_a_record_of_other_types_names_its_file(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\nmany\n")
    found = failing(read_files(spark, str(tmp_path), columns={"id": "int"}).collect)
    assert isinstance(found, StorageError)
    assert "a.csv, found one of others; with null in their place it is [null]. " in str(found)


def test_a_result_beyond_sparks_limit_is_too_large(spark: SparkSession) -> None:
    said = (
        "Job aborted due to stage failure: Total size of serialized results of 5 tasks (1088.4 MiB)"
        " is bigger than spark.driver.maxResultSize (512.0 MiB)"
    )
    found = explained(Py4JNetworkError(said))
    assert isinstance(found, SessionLost), "py4j's own errors are a lost JVM whatever they say"
    found = failing(lambda: spark.sql(f"SELECT raise_error('{said}')").collect())
    assert isinstance(found, ResultTooLarge)
    assert "raise LAKE_SPARK_MEMORY" in str(found)


def test_a_jvm_that_is_gone_says_how_to_go_on() -> None:
    for error in (ConnectionRefusedError(), Py4JNetworkError("Answer from Java side is empty")):
        found = explained(error)
        assert isinstance(found, SessionLost)
        assert "lake.spark starts a new one" in str(found)


def test_credentials_that_expired_are_said_to_be(spark: SparkSession) -> None:
    said = (
        "java.nio.file.AccessDeniedException: s3://lake/a: open s3://lake/a at 0: "
        "software.amazon.awssdk.services.s3.model.S3Exception: The provided token has expired. "
        "(Service: S3, Status Code: 400, Request ID: X) (SDK Attempt Count: 1):ExpiredToken"
    )
    found = failing(lambda: spark.sql(f"SELECT raise_error('{said}')").collect())
    assert isinstance(found, StorageUnavailable)
    assert "s3://lake/a" in str(found)


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("1")])
def test_what_is_not_known_is_left_as_it_is(error: Exception) -> None:
    assert explained(error) is None
