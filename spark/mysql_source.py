"""A MySQL table as Spark reads it without losing a value: one SELECT over the declared columns.

The server's own words for its types decide how each column travels, because Spark's JDBC types
differ between releases and lose some of them: BIT, YEAR, TIME, long decimals, zero dates. Ranges of
keys are in `spark/mysql_ranges.py`; what becomes of a value that does not fit is in
`spark/snapshot.py`. MariaDB and Aurora speak the same SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, Row, SparkSession

from spark.contract import Contract
from spark.errors import ReferenceRefused

#: The hash of a row that the server computes, and the key as the server compares it.
ROW_HASH, RANGE_KEY = "_lake_row_hash", "_lake_range_key"
#: Kinds that may hold a day of zeros, which no other system can.
DATED = frozenset({"date", "datetime", "timestamp"})
_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_TEXTS = frozenset({"varchar", "tinytext", "text", "mediumtext", "longtext", "json"})
#: Kinds that only their text says exactly, whatever the contract wants. What the driver calls CHAR
#: is among them: Spark 4 pads it with blanks.
_AS_TEXT = DATED | {"time", "uuid", "inet4", "inet6", "char", "enum", "set"}
#: Kinds whose values may be larger than a server's packet, so that they are hashed on their own.
_LARGE = re.compile(r"(medium|long|tiny)?(text|blob)|json|geometry|vector")
#: More digits than this do not fit Spark's decimals.
_MOST_DIGITS = 38
_TABLE_NAME = re.compile(r"(?:(`(?:[^`]|``)+`|[^`.\s()]+)\.)?(`(?:[^`]|``)+`|[^`.\s()]+)")


@dataclass(frozen=True)
class MysqlColumn:
    """A column in `information_schema`'s words: `kind` is `bigint`, `type` `bigint(20) unsigned`.

    `digits` is a number's precision, 0 of anything else.
    """

    name: str
    kind: str
    type: str
    nullable: bool = True
    digits: int = 0
    comment: str = ""


@dataclass(frozen=True)
class MysqlTable:
    """A table or view, by its quoted name, and its columns; invisible ones are among them."""

    name: str
    columns: tuple[MysqlColumn, ...]

    def column(self, name: str) -> MysqlColumn:
        """The column of that name; the caller knows that there is one."""
        return next(each for each in self.columns if each.name == name)


@dataclass(frozen=True)
class MysqlReading:
    """What to ask of the server for a contract: `found` maps its names to the table's spelling."""

    table: MysqlTable
    contract: Contract
    found: Mapping[str, str]
    key: str = field(default="")

    def source(self, *, hashed: bool) -> str:
        """What stands after FROM: a query with an alias, the row's hash in it if asked for.

        The server merges the query with the condition of a range, so that an index serves it.
        """
        selected = [
            f"{_expression(self.table.column(self.found[each.name]), each.type)}"
            f" AS {backticked(each.name)}"
            for each in self.contract.columns
        ]
        if self.key:
            selected.append(f"{backticked(self.key)} AS {RANGE_KEY}")
        if hashed:
            selected.append(f"{self._row_hash()} AS {ROW_HASH}")
        return f"(SELECT {', '.join(selected)} FROM {self.table.name}) AS lake_source"  # noqa: S608

    def fingerprint_query(self) -> str:
        """Rows and the sum of their hashes, in one statement: the table as of one moment."""
        row = self._row_hash()
        return (
            f"SELECT COUNT(*) AS row_count, CAST(SUM({row}) AS CHAR) AS hash_sum"  # noqa: S608
            f" FROM {self.table.name}"
        )

    def text_columns(self) -> list[str]:
        """The columns, by the contract's names, that the server hands over as text."""
        return [
            each.name
            for each in self.contract.columns
            if _travels_as_text(self.table.column(self.found[each.name]), each.type)
        ]

    def zero_dates(self) -> frozenset[str]:
        """The columns, by the contract's names, where a zero date may stand for no date."""
        return frozenset(
            each.name
            for each in self.contract.columns
            if self.table.column(self.found[each.name]).kind in DATED
            and each.type in ("date", "timestamp")
        )

    def _row_hash(self) -> str:
        parts = [_hashed(self.table.column(self.found[name])) for name in self.contract.names]
        digits = f"LEFT(SHA2(CONCAT_WS(',', {', '.join(parts)}), 256), 15)"
        return f"CAST(CONV({digits}, 16, 10) AS SIGNED)"


def mysql_table(spark: SparkSession, jdbc: Mapping[str, str], table: str) -> MysqlTable:
    """Look a table or view up; raises `ReferenceRefused` when the user can see none of the name."""
    schema, name = _parts(table)
    in_schema = f"table_schema = {text_literal(schema) if schema else 'DATABASE()'}"
    rows = query(
        spark,
        jdbc,
        "SELECT CAST(table_name AS CHAR) AS there, CAST(column_name AS CHAR) AS name,"  # noqa: S608
        " CAST(data_type AS CHAR) AS kind, CAST(column_type AS CHAR) AS type,"
        " CAST(is_nullable AS CHAR) AS nullable, CAST(numeric_precision AS CHAR) AS digits,"
        " CAST(column_comment AS CHAR) AS comment, CAST(ordinal_position AS SIGNED) AS place,"
        " CAST(@@lower_case_table_names AS SIGNED) AS folds FROM information_schema.columns"
        f" WHERE {in_schema} AND LOWER(table_name) = LOWER({text_literal(name)})",
    ).collect()
    exact = [row for row in rows if row["there"] == name]
    chosen = exact or [row for row in rows if row["folds"]]
    if not chosen:
        spelt = sorted({row["there"] for row in rows})
        near = f" There is {', '.join(spelt)}: names of tables heed case here." if spelt else ""
        raise ReferenceRefused(
            f"Expected a table or view {table} in {schema or 'the schema of LAKE_DATABASE'}, found"
            f" none that this user may read.{near} Correct `table` in the declaration, or GRANT"
            " SELECT on it."
        )
    ordered = sorted(chosen, key=lambda row: int(row["place"]))
    quoted = ".".join(backticked(part) for part in (schema, ordered[0]["there"]) if part)
    return MysqlTable(quoted, tuple(_column(row) for row in ordered))


def query(spark: SparkSession, jdbc: Mapping[str, str], sql: str) -> DataFrame:
    """The rows of one statement."""
    return spark.read.format("jdbc").options(**jdbc).option("query", sql).load()


def backticked(name: str) -> str:
    """A name as MySQL takes it whatever it holds."""
    return "`{}`".format(name.replace("`", "``"))


def text_literal(text: str) -> str:
    """A text as SQL, whether or not the server takes backslashes for escapes."""
    return f"_utf8mb4 x'{text.encode().hex()}'"


def _parts(table: str) -> tuple[str, str]:
    """Schema, which may be empty, and table of a name such as `songs` or `music.songs`."""
    match = _TABLE_NAME.fullmatch(table.strip())
    if match is None:
        raise ReferenceRefused(
            f"Expected the name of a table or view, such as songs or music.songs, found {table!r}."
            " For a query, create a view and name that."
        )
    schema, name = (_unquoted(part or "") for part in match.groups())
    return schema, name


def _unquoted(part: str) -> str:
    return part[1:-1].replace("``", "`") if part.startswith("`") else part


def _column(row: Row) -> MysqlColumn:
    return MysqlColumn(
        name=row["name"],
        kind=row["kind"].lower(),
        type=row["type"].lower(),
        nullable=row["nullable"].upper() == "YES",
        digits=int(row["digits"] or 0),
        comment=row["comment"] or "",
    )


def _travels_as_text(column: MysqlColumn, target: str) -> bool:
    if column.kind in _AS_TEXT or column.kind in _TEXTS:
        return True
    if column.kind == "decimal" and column.digits > _MOST_DIGITS:
        return True
    return target == "string" and (
        column.kind in _INTEGERS or column.kind in ("decimal", "float", "double", "bit", "year")
    )


def _expression(column: MysqlColumn, target: str) -> str:
    """A column in SQL, so that it arrives exact and alike in every release of Spark."""
    value = backticked(column.name)
    if column.kind == "bit":
        value = f"CAST({value} AS UNSIGNED)"  # the driver gives its bytes, or a boolean
    elif column.kind == "tinyint" and target != "string":
        value = f"({value} + 0)"  # the driver gives a boolean for TINYINT(1) unless told otherwise
    elif column.kind == "year":
        value = f"CAST({value} AS SIGNED)"
    elif column.kind == "float" and target != "string":
        return f"({value} + 0e0)"  # as text it would have six digits
    is_text = column.kind in _TEXTS
    return f"CAST({value} AS CHAR)" if _travels_as_text(column, target) and not is_text else value


def _hashed(column: MysqlColumn) -> str:
    """A column as text that differs when the value does, and for null from every value."""
    value = backticked(column.name)
    if _LARGE.fullmatch(column.kind):
        return f"QUOTE(SHA2({value}, 256))"
    if column.kind == "float":
        value = f"({value} + 0e0)"
    return f"QUOTE(CAST({value} AS BINARY))"
