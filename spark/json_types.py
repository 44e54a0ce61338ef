"""What Spark's JSON parser is asked for, and how its values become the contract's.

It reads a key that is missing as null, required or not, and takes 128 to 255 for a tinyint, which
come out negative. So every tinyint, nested ones too, is parsed as a smallint and narrowed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    MapType,
    ShortType,
    StructField,
    StructType,
)

if TYPE_CHECKING:
    from pyspark.sql import Column

    from spark.contract import Contract


def parsed_fields(contract: Contract) -> list[StructField]:
    """The contract's columns as the parser is to read them."""
    return [
        StructField(field.name, _parsed_type(field.dataType))
        for field in contract.spark_schema().fields
    ]


def typed_columns(contract: Contract, row: Column) -> list[Column]:
    """The contract's columns out of a parsed row."""
    return [
        row[field.name].cast(field.dataType).alias(field.name)
        if _is_widened(field)
        else row[field.name].alias(field.name)
        for field in contract.spark_schema().fields
    ]


def overflows(contract: Contract, row: Column) -> dict[str, Column]:
    """For each column that the parser reads wider than it is, whether its value is too large."""
    found = {}
    for field in contract.spark_schema().fields:
        if _is_widened(field):
            value = row[field.name]
            back = value.cast(field.dataType).cast(_parsed_type(field.dataType))
            # As text, since maps cannot be compared.
            found[field.name] = F.to_json(F.struct(value.alias("v"))) != F.to_json(
                F.struct(back.alias("v"))
            )
    return found


def _is_widened(field: StructField) -> bool:
    return _parsed_type(field.dataType) != field.dataType


def _parsed_type(kind: DataType) -> DataType:
    if isinstance(kind, ByteType):
        return ShortType()
    if isinstance(kind, ArrayType):
        return ArrayType(_parsed_type(kind.elementType), kind.containsNull)
    if isinstance(kind, MapType):
        return MapType(kind.keyType, _parsed_type(kind.valueType), kind.valueContainsNull)
    if isinstance(kind, StructType):
        return StructType(
            [StructField(each.name, _parsed_type(each.dataType), each.nullable) for each in kind]
        )
    return kind
