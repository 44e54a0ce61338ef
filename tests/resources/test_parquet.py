"""Footers of Parquet files that Spark really wrote, and of some that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from resources.errors import StorageError
from resources.parquet import Footer, FooterStats
from resources.parquet import read_footer as read_footer_in
from resources.storage import FolderStorage
from spark.contract import Column, Contract, ParquetField

TIMESTAMP_TYPE = "spark.sql.parquet.outputTimestampType"


def read_footer(path: Path) -> Footer:
    return read_footer_in(FolderStorage(path.parent), path.name)


def footer_fields(path: Path) -> list[ParquetField]:
    return read_footer(path).fields


def footer_stats(path: Path) -> FooterStats:
    return read_footer(path).stats


NOON = datetime(2014, 6, 16, 12, tzinfo=UTC)
EVERY_TYPE = Contract(
    (
        Column("a_boolean", "boolean"),
        Column("a_tinyint", "tinyint"),
        Column("a_smallint", "smallint"),
        Column("an_int", "int", nullable=False),
        Column("a_bigint", "bigint"),
        Column("a_float", "float"),
        Column("a_double", "double"),
        Column("a_short_decimal", "decimal(9,2)"),
        Column("a_long_decimal", "decimal(18,0)"),
        Column("a_wide_decimal", "decimal(38,10)"),
        Column("a_string", "string"),
        Column("a_binary", "binary"),
        Column("a_date", "date"),
        Column("an_array", "array<timestamp>"),
        Column("a_map", "map<string,decimal(5,1)>"),
        Column("a_struct", "struct<Deep:array<map<int,struct<x:tinyint,곡:timestamp>>>,y:binary>"),
        Column("a_timestamp", "timestamp"),
    )
)
FULL_ROW = (
    True,
    1,
    2,
    3,
    4,
    5.5,
    float("nan"),
    Decimal("7.25"),
    Decimal(8),
    Decimal("9.5"),
    "곡",
    bytearray(b"\xff"),
    date(2014, 6, 16),
    [NOON, None],
    {"a": Decimal("1.5"), "b": None},
    ([{1: (1, NOON)}, None], None),
    NOON,
)
NULL_ROW = tuple(None if column.nullable else 0 for column in EVERY_TYPE.columns)
NESTED = ("an_array", "a_map", "a_struct")


@pytest.fixture
def legacy_timestamps(spark: SparkSession) -> Iterator[None]:
    usual = spark.conf.get(TIMESTAMP_TYPE)
    spark.conf.set(TIMESTAMP_TYPE, "INT96")
    yield
    spark.conf.set(TIMESTAMP_TYPE, str(usual))


def written(frame: DataFrame, directory: Path) -> Path:
    frame.coalesce(1).write.parquet(str(directory))
    (part,) = directory.glob("part-*.parquet")
    return part


def expected_fields() -> list[ParquetField]:
    return [ParquetField(column.name, column.type) for column in EVERY_TYPE.columns]


def test_every_type_that_spark_writes_is_named_as_in_the_contract(
    spark: SparkSession, tmp_path: Path
) -> None:
    frame = spark.createDataFrame([FULL_ROW], EVERY_TYPE.spark_schema())

    part = written(frame, tmp_path / "out")

    assert footer_fields(part) == expected_fields()
    assert EVERY_TYPE.parquet_problems(footer_fields(part)) == []


@pytest.mark.usefixtures("legacy_timestamps")
def test_int96_is_a_timestamp_also_inside_nested_columns(
    spark: SparkSession, tmp_path: Path
) -> None:
    frame = spark.createDataFrame([FULL_ROW], EVERY_TYPE.spark_schema())

    part = written(frame, tmp_path / "out")

    assert "INT96" in str(pq.ParquetFile(part).schema).upper()
    assert footer_fields(part) == expected_fields()


def test_null_rows_are_counted_per_plain_column(spark: SparkSession, tmp_path: Path) -> None:
    rows = [FULL_ROW, NULL_ROW, NULL_ROW]
    frame = spark.createDataFrame(rows, EVERY_TYPE.spark_schema())

    part = written(frame, tmp_path / "out")

    stats = footer_stats(part)
    assert stats.rows == len(rows)
    assert stats.bytes == part.stat().st_size
    assert stats.nulls == {
        name: None if name in NESTED else 0 if name == "an_int" else 2 for name in EVERY_TYPE.names
    }


def test_an_empty_frame_has_its_columns_and_no_nulls(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([], EVERY_TYPE.spark_schema())

    footer = read_footer(written(frame, tmp_path / "out"))

    assert footer.fields == expected_fields()
    assert footer.stats.rows == 0
    assert footer.stats.nulls == {name: None if name in NESTED else 0 for name in EVERY_TYPE.names}


def test_nulls_are_unknown_where_spark_leaves_no_statistics(
    spark: SparkSession, tmp_path: Path
) -> None:
    frame = spark.createDataFrame([("x" * 5000, 1), (None, None)], "long string, short int")

    stats = footer_stats(written(frame, tmp_path / "out"))

    assert stats.nulls == {"long": None, "short": 1}


def test_a_local_timestamp_is_not_an_instant(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.sql("select timestamp_ntz'2014-06-16 12:00:00' as at")

    fields = footer_fields(written(frame, tmp_path / "out"))

    assert Contract((Column("at", "timestamp"),)).parquet_problems(fields) == [
        "Column `at`: expected timestamp, found timestamp_ntz."
    ]


def test_nulls_are_summed_over_row_groups_and_nested_leaves_do_not_shift_them(
    tmp_path: Path,
) -> None:
    table = pa.table(
        {
            "before": [None, 1, None, 4],
            "nested": [{"a": None, "b": [None]}] * 4,
            "dotted.name": [1, None, 3, 4],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)

    stats = footer_stats(tmp_path / "a.parquet")

    assert stats.nulls == {"before": 2, "nested": None, "dotted.name": 1}


def test_a_file_without_statistics_has_unknown_nulls(tmp_path: Path) -> None:
    table = pa.table({"a": [None, 1]})
    pq.write_table(table, tmp_path / "a.parquet", write_statistics=False)

    assert footer_stats(tmp_path / "a.parquet").nulls == {"a": None}


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.large_binary(), "binary"),
        (pa.large_list(pa.int8()), "array<tinyint>"),
        (pa.list_(pa.int16(), 2), "array<smallint>"),
        (pa.timestamp("ms", "UTC"), "timestamp"),
        (pa.timestamp("us", "Europe/Berlin"), "timestamp"),
        (pa.timestamp("us"), "timestamp_ntz"),
        (pa.timestamp("ns", "UTC"), "timestamp(nanoseconds)"),
        (pa.uint32(), "uint32"),
        (pa.time64("us"), "time64[us]"),
        (pa.null(), "null"),
    ],
)
def test_types_of_other_writers_are_named_for_what_they_are(
    kind: pa.DataType, named: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"a": pa.array([None], kind)}), tmp_path / "a.parquet")

    assert footer_fields(tmp_path / "a.parquet") == [ParquetField("a", named)]


def test_a_footer_is_read_whatever_the_file_is_called(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a b%=1#?.parquet")

    footer = read_footer(tmp_path / "a b%=1#?.parquet")

    assert footer.fields == [ParquetField("a", "bigint")]
    assert footer.stats.bytes == (tmp_path / "a b%=1#?.parquet").stat().st_size


def test_a_missing_file_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"Expected an object .none\.parquet"):
        read_footer(tmp_path / "none.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet at all" * 10])
def test_a_file_that_is_not_parquet_is_told_with_its_path(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(content)

    with pytest.raises(StorageError, match=r"Expected a whole Parquet file at .*a\.parquet"):
        read_footer(tmp_path / "a.parquet")


def test_a_truncated_file_is_told_with_its_path(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:-20])

    with pytest.raises(StorageError, match="Expected a whole Parquet file"):
        read_footer(tmp_path / "a.parquet")
