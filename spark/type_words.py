"""The words of column types.

Here live the types that Spark, the Hive/Glue catalog and Parquet all have, how else they may be
spelled, and what to use instead of those that one of the three lacks. Only names and advice: the
grammar lives in `spark/type_parser.py`. Nothing here needs Spark.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SIMPLE_TYPES = (
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "string",
    "binary",
    "date",
    "timestamp",
)
NESTED_TYPES = ("array", "map", "struct")
ALIASES = {
    "byte": "tinyint",
    "short": "smallint",
    "integer": "int",
    "long": "bigint",
    "real": "float",
    "dec": "decimal",
    "numeric": "decimal",
    "timestamp_ltz": "timestamp",
}
INSTEAD = {
    "bool": "boolean",
    "bytes": "binary",
    "blob": "binary",
    "str": "string",
    "char": "string",
    "varchar": "string",
    "text": "string",
    "uuid": "string",
    "json": "string, or a struct",
    "enum": "string",
    "variant": "string, or a struct",
    "object": "a struct",
    "interval": "bigint, with the unit in the column's name",
    "time": "string, or int seconds of the day",
    "datetime": "timestamp",
    "timestamp_ntz": "timestamp, which is an instant in UTC",
    "timestamptz": "timestamp",
    "unsigned": "the next larger signed type; decimal(20,0) for an unsigned bigint",
    "void": "the type the column will have once it holds values",
    "null": "the type the column will have once it holds values",
    "int8": "tinyint if it has 8 bits, bigint if it has 8 bytes",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float32": "float",
    "float64": "double",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "decimal(20,0)",
}
ALLOWED = ", ".join(
    [*SIMPLE_TYPES, "decimal(p,s)", "array<type>", "map<key,value>", "struct<name:type,...>"]
)


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that suggests the known name closest to `word`; empty when none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""
