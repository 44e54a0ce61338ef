"""What follows from a column's type: its one spelling, its Spark type, what it may widen to.

How a type is read from text lives in `spark/type_parser.py`, columns and contracts in
`spark/contract.py`. Nothing here needs a JVM.
"""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from spark.type_parser import ColumnType, parse_type

_SIMPLE: dict[str, DataType] = {
    "boolean": BooleanType(),
    "tinyint": ByteType(),
    "smallint": ShortType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "float": FloatType(),
    "double": DoubleType(),
    "string": StringType(),
    "binary": BinaryType(),
    "date": DateType(),
    "timestamp": TimestampType(),
}
_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_FLOATS = ("float", "double")


def canonical_type(text: str) -> str:
    """Spell a type as the project does: `INTEGER` is `int`, `decimal(10, 2)` is `decimal(10,2)`."""
    return str(parse_type(text))


def spark_type(text: str) -> DataType:
    """The Spark type of a type's text; everything nested is nullable."""
    return _to_spark(parse_type(text))


def spark_type_of(data_type: DataType) -> str:
    """The canonical spelling of a Spark type; `ContractError` for one the catalog lacks."""
    return canonical_type(_ddl(data_type))


def promotable(old: str, new: str) -> bool:
    """Whether files written as `old` can be read as `new` without loss; true of equal types.

    Wider integers, `float` to `double` and a decimal of the same scale with more digits, at the
    top level only: engines differ in what they read of a nested type that has changed.
    """
    was, becomes = parse_type(old), parse_type(new)
    if was == becomes:
        return True
    if was.name == becomes.name == "decimal":
        return was.scale == becomes.scale and was.precision < becomes.precision
    for widening in (_INTEGERS, _FLOATS):
        if was.name in widening and becomes.name in widening:
            return widening.index(was.name) < widening.index(becomes.name)
    return False


def _to_spark(kind: ColumnType) -> DataType:
    if kind.name == "decimal":
        return DecimalType(kind.precision, kind.scale)
    if kind.name == "struct":
        return StructType([StructField(name, _to_spark(field)) for name, field in kind.fields])
    parts = [_to_spark(field) for _, field in kind.fields]
    if kind.name == "array":
        return ArrayType(parts[0])
    if kind.name == "map":
        return MapType(parts[0], parts[1])
    return _SIMPLE[kind.name]


def _ddl(data_type: DataType) -> str:
    if isinstance(data_type, ArrayType):
        return f"array<{_ddl(data_type.elementType)}>"
    if isinstance(data_type, MapType):
        return f"map<{_ddl(data_type.keyType)},{_ddl(data_type.valueType)}>"
    if isinstance(data_type, StructType):
        fields = ((field.name.replace("`", "``"), _ddl(field.dataType)) for field in data_type)
        return "struct<" + ",".join(f"`{name}`:{kind}" for name, kind in fields) + ">"
    return data_type.simpleString()
