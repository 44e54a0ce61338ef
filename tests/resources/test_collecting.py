"""Results are measured before they are fetched: noted where large, refused where too large."""

from __future__ import annotations

import warnings

import duckdb
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.classic.dataframe import DataFrame as Classic

from resources import collecting
from resources.errors import ResultTooLarge

MIB = 2**20


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for 100 MiB, and frames that are guarded until the test ends."""
    monkeypatch.setattr(collecting, "allowed_bytes", lambda: 100 * MIB)
    monkeypatch.setattr(collecting, "NOTABLE_BYTES", 8 * MIB)
    for name in ("collect", "toPandas", "toArrow"):
        monkeypatch.setattr(Classic, name, getattr(Classic, name))
    collecting.guard_collects()


def test_what_is_free_is_known() -> None:
    assert 0 < collecting.allowed_bytes() < 2**50


def test_rows_are_refused_while_they_come(guarded: None) -> None:
    relation = duckdb.default_connection().sql(
        "SELECT range AS n, repeat('x', 100) AS text FROM range(10_000_000)"
    )
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(ResultTooLarge, match=r"fits into 100 MiB, half of the memory.*rows take"),
    ):
        collecting.collected(relation.to_arrow_reader(10_000))
    with pytest.warns(UserWarning, match="rows take about"):
        table = collecting.collected(relation.limit(200_000).to_arrow_reader(10_000))
    assert table.num_rows == 200_000


def test_a_large_frame_of_spark_is_refused_before_it_is_fetched(
    spark: SparkSession, guarded: None
) -> None:
    wide = spark.range(5_000_000).selectExpr("id", "repeat('x', 100) AS text")
    for fetch in (wide.toPandas, wide.collect, wide.toArrow):
        with pytest.raises(ResultTooLarge, match="5,000,000 rows take about"):
            fetch()
    with pytest.warns(UserWarning, match="50,000 rows take about"):
        assert (
            len(
                spark.range(10**7)
                .where("id < 50000")
                .selectExpr("id", "repeat('x', 100) AS t")
                .collect()
            )
            == 50_000
        )


def test_small_frames_are_fetched_without_a_word(spark: SparkSession, guarded: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert len(spark.range(1000).collect()) == 1000
        assert [row.n for row in spark.range(10**7).groupBy().count().toDF("n").collect()] == [
            10**7
        ]


def test_guarding_twice_is_guarding_once(guarded: None) -> None:
    before = Classic.collect
    collecting.guard_collects()
    assert Classic.collect is before
