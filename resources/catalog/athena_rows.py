"""Athena's results, which are text, as Arrow tables of the types that it says they have.

Types and their spelling are those of GetQueryResults in engine version 3. Arrays, maps and rows
stay the text that Athena writes: it cannot be read back, since nothing in it is quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa

from resources.errors import CatalogError

if TYPE_CHECKING:
    from types_boto3_athena.type_defs import ColumnInfoTypeDef, RowTypeDef

Reader = Callable[[str], object]


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _timestamp(text: str) -> datetime:
    """Finer than microseconds is cut off."""
    whole, dot, fraction = text.partition(".")
    return datetime.fromisoformat(f"{whole}{dot}{fraction[:6]}")


def _zoned(text: str) -> datetime:
    """`2014-06-16 05:00:00.000 UTC`, `… Europe/Paris` or `… +09:00`."""
    moment, _, zone = text.rpartition(" ")
    if zone[0] in "+-":
        return datetime.fromisoformat(f"{_timestamp(moment).isoformat()}{zone}")
    return _timestamp(moment).replace(tzinfo=ZoneInfo(zone))


_READERS: dict[str, tuple[pa.DataType, Reader]] = {
    "boolean": (pa.bool_(), _boolean),
    "tinyint": (pa.int8(), int),
    "smallint": (pa.int16(), int),
    "integer": (pa.int32(), int),
    "int": (pa.int32(), int),
    "bigint": (pa.int64(), int),
    "float": (pa.float32(), float),
    "real": (pa.float32(), float),
    "double": (pa.float64(), float),
    "varbinary": (pa.binary(), bytes.fromhex),
    "date": (pa.date32(), date.fromisoformat),
    "timestamp": (pa.timestamp("us"), _timestamp),
    "timestamp with time zone": (pa.timestamp("us", tz="UTC"), _zoned),
}


def rows_of(
    columns: Sequence[ColumnInfoTypeDef], rows: Sequence[RowTypeDef], *, is_first_page: bool
) -> list[RowTypeDef]:
    """The rows of a page, without the column names that a SELECT's first page begins with."""
    names = [column["Name"] for column in columns]
    if is_first_page and rows:
        first = [field.get("VarCharValue") for field in rows[0].get("Data", [])]
        if first == names:
            return list(rows[1:])
    return list(rows)


def table_of(columns: Sequence[ColumnInfoTypeDef], rows: Sequence[RowTypeDef]) -> pa.Table:
    """The rows as a table; a field without a value is null.

    Raises `CatalogError` for a value that is not what its column's type says.
    """
    arrays = [_array(column, number, rows) for number, column in enumerate(columns)]
    return pa.Table.from_arrays(arrays, names=[column["Name"] for column in columns])


def _array(column: ColumnInfoTypeDef, number: int, rows: Sequence[RowTypeDef]) -> pa.Array:
    type_, read = _reader(column)
    texts = [row.get("Data", [])[number].get("VarCharValue") for row in rows]
    try:
        return pa.array([None if text is None else read(text) for text in texts], type_)
    except (ArithmeticError, LookupError, ValueError, pa.ArrowException) as error:
        raise CatalogError(
            f"Expected values of {column['Type']} in column {column['Name']!r} of Athena's "
            f"result; found one that is none ({error}). Cast the column to varchar in the query."
        ) from error


def _reader(column: ColumnInfoTypeDef) -> tuple[pa.DataType, Reader]:
    kind = column["Type"].lower()
    if kind == "decimal":
        return pa.decimal128(column.get("Precision", 38), column.get("Scale", 0)), Decimal
    return _READERS.get(kind, (pa.string(), str))
