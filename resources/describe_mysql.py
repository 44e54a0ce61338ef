"""A MySQL table as a reference could be declared, from the server's `information_schema`.

Only a proposal: what the server does not say is said in `notes`, for a person to decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyspark.sql import SparkSession

from resources.database import JdbcSource
from resources.errors import DatabaseError
from spark.contract import Column, Contract
from spark.mysql_source import MysqlColumn, MysqlTable, mysql_table, query, text_literal

_PLAIN = {
    "smallint": "smallint", "mediumint": "int", "int": "int", "bigint": "bigint", "tinyint": "tinyint",
    "float": "float", "double": "double", "year": "int", "date": "date", "datetime": "timestamp",
    "timestamp": "timestamp",
}  # fmt: skip
_UNSIGNED = {
    "tinyint": "smallint",
    "smallint": "int",
    "mediumint": "int",
    "int": "bigint",
    "bigint": "decimal(20,0)",
}
_BINARY = re.compile(r"(tiny|medium|long)?blob|(var)?binary")
_TEXT = re.compile(r"(tiny|medium|long)?text|(var)?char|enum|set|json|uuid|inet[46]")


@dataclass(frozen=True)
class Description:
    """A table as it could be declared; `notes` are sentences on what is not certain."""

    table: str
    key: tuple[str, ...]
    contract: Contract
    notes: tuple[str, ...]


def describe_table(spark: SparkSession, source: JdbcSource, table: str) -> Description:
    """Columns, nullability, comments and primary key of a table or view.

    Raises `ReferenceRefused` when there is none, `DatabaseError` for the embedded database.
    """
    if not source.url.startswith("jdbc:mysql:"):
        raise DatabaseError(
            "Expected a MySQL server in LAKE_DATABASE to describe a table of, found the embedded"
            " database."
        )
    jdbc = source.options()
    found = mysql_table(spark, jdbc, table)
    key = _primary_key(spark, source, found)
    notes = [] if key else ["it has no primary key: name the columns that identify a row"]
    columns = []
    for each in found.columns:
        type_text, note = declared_type(each)
        columns.append(Column(each.name, type_text, each.nullable, each.comment))
        if note:
            notes.append(f"column {each.name} is {each.type}: {note}")
    return Description(table, key, Contract(tuple(columns)), tuple(notes))


def declared_type(column: MysqlColumn) -> tuple[str, str]:
    """The contract's type that holds every value of a column, and what is not certain about it."""
    kind = column.kind
    size = [int(each) for each in re.findall(r"\d+", column.type.partition(")")[0])]
    if column.type.startswith("tinyint(1)") and "unsigned" not in column.type:
        return "tinyint", "declare boolean if it holds 0 and 1 only"
    if kind in _UNSIGNED and "unsigned" in column.type:
        return _UNSIGNED[kind], ""
    if kind == "bit":
        return _bits(size[0] if size else 1), ""
    if kind == "decimal":
        digits, after = [*size, 0][:2]
        if digits > 38:
            return "string", "more than 38 digits; declare a decimal(38,s) if the values fit"
        return f"decimal({digits},{after})", ""
    if kind == "time":
        return "string", "a time of day or a span, beyond 24 hours and negative too"
    if kind == "datetime":
        return "timestamp", "it says no time zone and is taken as UTC"
    if kind in _PLAIN:
        return _PLAIN[kind], ""
    if _BINARY.fullmatch(kind):
        return "binary", ""
    return ("string", "") if _TEXT.fullmatch(kind) else ("binary", "as the server stores it")


def _bits(count: int) -> str:
    if count == 1:
        return "boolean"
    return "int" if count < 32 else "bigint" if count < 64 else "decimal(20,0)"


def _primary_key(spark: SparkSession, source: JdbcSource, table: MysqlTable) -> tuple[str, ...]:
    parts = re.findall(r"`((?:[^`]|``)+)`", table.name)
    name, schema = parts[-1].replace("``", "`"), parts[0].replace("``", "`")
    in_schema = text_literal(schema) if len(parts) > 1 else "DATABASE()"
    rows = query(
        spark,
        source.options(),
        "SELECT CAST(column_name AS CHAR) AS name, CAST(seq_in_index AS SIGNED) AS place"  # noqa: S608
        " FROM information_schema.statistics WHERE index_name = 'PRIMARY'"
        f" AND table_schema = {in_schema} AND table_name = {text_literal(name)}",
    ).collect()
    return tuple(row["name"] for row in sorted(rows, key=lambda row: int(row["place"])))
