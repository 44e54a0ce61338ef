"""What Spark's JSON parser is asked for, and how its values become the contract's.

It reads a key that is missing as null, required or not, and takes 128 to 255 for a tinyint, which
come out negative. So every tinyint, nested ones too, is parsed as a smallint and narrowed here. A
number that is too large for a double, such as 1e400, it takes for infinity without a word.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    DoubleType,
    FloatType,
    MapType,
    ShortType,
    StructField,
    StructType,
)

if TYPE_CHECKING:
    from pyspark.sql import Column

    from spark.contract import Contract

#: A value that is infinite by its own word, which common writers of JSON use.
_SAYS_INFINITY = r'(?i)[:\[,]\s*"?[-+]?inf(inity)?"?\s*[,}\]]'


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


def beyond_range(contract: Contract, row: Column, document: Column) -> dict[str, Column]:
    """For each column of floating-point numbers, nested or not, whether one was too large for it.

    Infinity is what the parser makes of one; in a document that says infinity it is taken for that.
    """
    says_so = document.rlike(_SAYS_INFINITY)
    return {
        field.name: _is_infinite(field.dataType, row[field.name]) & ~says_so
        for field in contract.spark_schema().fields
        if _can_be_infinite(field.dataType)
    }


def _can_be_infinite(kind: DataType) -> bool:
    if isinstance(kind, ArrayType):
        return _can_be_infinite(kind.elementType)
    if isinstance(kind, MapType):
        return _can_be_infinite(kind.valueType)
    if isinstance(kind, StructType):
        return any(_can_be_infinite(each.dataType) for each in kind)
    return isinstance(kind, (DoubleType, FloatType))


def _is_infinite(kind: DataType, value: Column) -> Column:
    """Whether a value of a kind that can be infinite, or one within it, is so; never null."""
    if isinstance(kind, ArrayType):
        inner = F.exists(value, lambda each: _is_infinite(kind.elementType, each))
    elif isinstance(kind, MapType):
        inner = F.exists(F.map_values(value), lambda each: _is_infinite(kind.valueType, each))
    elif isinstance(kind, StructType):
        members = [
            _is_infinite(each.dataType, value[each.name])
            for each in kind
            if _can_be_infinite(each.dataType)
        ]
        inner = reduce(lambda left, right: left | right, members)
    else:
        inner = F.abs(value) == float("inf")
    return F.coalesce(inner, F.lit(False))


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
