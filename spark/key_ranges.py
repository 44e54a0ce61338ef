"""Reading a database table in parallel: the key ranges, in the database's own SQL.

Boundaries come from the key's distribution and are compared by the database, under its collation:
every row falls into exactly one range, null keys into the first. Types do not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Union

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    DataType,
    DateType,
    DecimalType,
    IntegralType,
    StringType,
)

from spark.errors import ReferenceRefused

KeyValue = Union[int, str, Decimal, date]
_SPLITTABLE = (IntegralType, DecimalType, DateType, StringType)


def refuse_misquoting_url(url: str) -> None:
    """Refuse a URL under which Spark quotes names so that MySQL takes them for text."""
    if url.startswith("jdbc:mariadb:"):
        raise ReferenceRefused(
            "Expected a jdbc:mysql: URL, found a jdbc:mariadb: one: with it Spark quotes names as"
            " MySQL quotes text, and every row would hold its columns' names. Use jdbc:mysql:."
        )


def key_predicates(
    spark: SparkSession,
    jdbc: Mapping[str, str],
    table: str,
    key: tuple[str, DataType],
    limits: tuple[int, int],
) -> list[str]:
    """Conditions that split `table` by a key column, given by its name there and its type.

    `limits` are the most ranges and the most rows that are still read in one range. An empty list
    means one range: a small table, or a key whose type has no ranges.
    """
    name, data_type = key
    ranges, one_range_rows = limits
    if ranges <= 1 or not isinstance(data_type, _SPLITTABLE):
        return []
    column = _quoted(jdbc["url"], name)
    count = f"SELECT COUNT(*) AS n, COUNT({column}) AS k FROM {table}"  # noqa: S608 declared names
    rows, with_key = _query(spark, jdbc, count).collect()[0]
    if rows <= one_range_rows:
        return []
    places = sorted({with_key * each // ranges + 1 for each in range(1, ranges)})
    found = _query(spark, jdbc, _keys_at(jdbc["url"], table, column, places)).collect()
    ascending = sorted(found, key=lambda row: int(row[0]))
    return range_predicates(column, [_literal(jdbc["url"], row[1]) for row in ascending])


def range_predicates(column: str, starts: list[str]) -> list[str]:
    """Half-open ranges between ascending `starts`, SQL literals; the first one takes the nulls."""
    if not starts:
        return []
    first = [f"{column} < {starts[0]} OR {column} IS NULL"]
    between = [
        f"{column} >= {start} AND {column} < {end}" for start, end in zip(starts, starts[1:])
    ]
    return [*first, *between, f"{column} >= {starts[-1]}"]


def _query(spark: SparkSession, jdbc: Mapping[str, str], query: str) -> DataFrame:
    return spark.read.format("jdbc").options(**jdbc).option("query", query).load()


def _keys_at(url: str, table: str, column: str, places: list[int]) -> str:
    """Place and key at some places, counted from 1 in the key's order, by one scan of its index."""
    keys = f"SELECT {column} AS k FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
    if url.startswith("jdbc:derby:"):  # has ROW_NUMBER, but no ORDER BY inside its OVER
        place, keys = "ROW_NUMBER() OVER ()", f"{keys} ORDER BY k"
    else:
        place = "ROW_NUMBER() OVER (ORDER BY k)"
    numbered = f"SELECT {place} AS place, k FROM ({keys}) AS keys_there"  # noqa: S608
    listed = ", ".join(str(each) for each in places)
    return f"SELECT place, k FROM ({numbered}) AS numbered WHERE place IN ({listed})"  # noqa: S608


def _quoted(url: str, name: str) -> str:
    mark = "`" if url.startswith("jdbc:mysql:") else '"'
    return mark + name.replace(mark, mark * 2) + mark


def _literal(url: str, value: KeyValue) -> str:
    if isinstance(value, date):
        return f"{{d '{value.isoformat()}'}}"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\") if url.startswith("jdbc:mysql:") else value
        return "'{}'".format(text.replace("'", "''"))
    return format(value, "f") if isinstance(value, Decimal) else str(value)
