"""A MySQL table in parallel ranges of its key, and the proof that they were one table.

Boundaries are keys at even places of the key's order, so that skew does not matter; the server
compares them under the key's own collation. Each range is a statement of its own and sees the table
at a moment of its own. MySQL has no snapshot that several connections can share without a lock on
all tables, so the rows read are held against one statement's count and hash instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark.key_ranges import range_predicates
from spark.mysql_source import (
    RANGE_KEY,
    ROW_HASH,
    MysqlColumn,
    MysqlReading,
    backticked,
    query,
)

#: How a key's boundary is asked for as text, and how that text is written as SQL. Kinds that are
#: missing have no ranges: an ENUM sorts by number and compares by text, a FLOAT has no exact text.
_BOUNDARIES = {
    **dict.fromkeys(
        ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal"), ("CAST(k AS CHAR)", "{}")
    ),
    **dict.fromkeys(("date", "datetime", "timestamp"), ("CAST(k AS CHAR)", "'{}'")),
    **dict.fromkeys(("char", "varchar"), ("HEX(CONVERT(k USING utf8mb4))", "_utf8mb4 x'{}'")),
    **dict.fromkeys(("binary", "varbinary"), ("HEX(k)", "x'{}'")),
}


def mysql_predicates(
    spark: SparkSession,
    jdbc: Mapping[str, str],
    reading: MysqlReading,
    limits: tuple[int, int],
) -> list[str]:
    """Conditions on `RANGE_KEY` that put each row into one range, those without a key as well.

    `limits` are the most ranges and the most rows that are still read in one. An empty list means
    one range: a small table, or a key whose kind has no ranges.
    """
    ranges, one_range_rows = limits
    if ranges <= 1 or not reading.key:
        return []
    column = reading.table.column(reading.key)
    if column.kind not in _BOUNDARIES:
        return []
    name, table = backticked(column.name), reading.table.name
    counted = f"SELECT COUNT(*) AS n, COUNT({name}) AS k FROM {table}"  # noqa: S608 quoted names
    rows, with_key = query(spark, jdbc, counted).collect()[0]
    if rows <= one_range_rows or not with_key:
        return []
    places = sorted({with_key * each // ranges for each in range(1, ranges)})
    found = query(spark, jdbc, _keys_at(table, column, places)).collect()
    _, literal = _BOUNDARIES[column.kind]
    ascending = sorted(found, key=lambda row: int(row["place"]))
    starts = list(dict.fromkeys(literal.format(row["boundary"]) for row in ascending))
    return range_predicates(RANGE_KEY, starts)


def is_torn(
    spark: SparkSession, jdbc: Mapping[str, str], reading: MysqlReading, read: DataFrame
) -> bool:
    """Whether the rows read, with their `ROW_HASH`, differ from the table as it is at one moment.

    True when the table changed while its ranges were read. Rows read twice or not at all show too.
    """
    ours = read.agg(
        F.count(F.lit(1)), F.sum(F.col(ROW_HASH).cast("decimal(38,0)")).cast("string")
    ).collect()[0]
    theirs = query(spark, jdbc, reading.fingerprint_query()).collect()[0]
    return (int(ours[0]), Decimal(ours[1] or 0)) != (
        int(theirs["row_count"]),
        Decimal(theirs["hash_sum"] or 0),
    )


def _keys_at(table: str, column: MysqlColumn, places: list[int]) -> str:
    """Keys at some places of the key's order, counted from 0; an index is walked, not sorted."""
    name, (boundary, _) = backticked(column.name), _BOUNDARIES[column.kind]
    parts = [
        f"SELECT {at} AS place, {boundary} AS boundary FROM (SELECT {name} AS k FROM {table}"  # noqa: S608
        f" WHERE {name} IS NOT NULL ORDER BY {name} LIMIT 1 OFFSET {place}) AS keys_{at}"
        for at, place in enumerate(places)
    ]
    return " UNION ALL ".join(parts)
