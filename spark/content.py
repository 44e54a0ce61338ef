"""The version of a table: a hash of its rows that their order does not change.

Here lives the hash and nothing of where the rows come from or go to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from spark.errors import ReferenceRefused
from spark.fitting import quoted

#: A second seed, so that two tables must agree in two unrelated hashes to count as one version.
_SECOND_SEED = "lake reference"
_JSON_OPTIONS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "ignoreNullFields": "false"}


@dataclass(frozen=True)
class Content:
    """`version` is 16 hexadecimal digits; `flagged` counts the rows of each flag column."""

    rows: int
    version: str
    flagged: tuple[int, ...] = ()


def content_version(df: DataFrame) -> str:
    """16 hexadecimal digits of the rows, in any order, and of the columns' names and types.

    One aggregation. -0.0 is 0.0 and every NaN is the same. Raises `ReferenceRefused` for maps.
    """
    return content_of(df).version


def content_of(df: DataFrame, flags: Sequence[str] = ()) -> Content:
    """Hash the rows and count the true values of each of the `flags`, which are not hashed."""
    fields = [each for each in df.schema.fields if each.name not in flags]
    hashed = [part for each in fields for part in _hashed(each)]
    row = df.agg(
        F.count(F.lit(1)),
        F.sum(F.xxhash64(*hashed).cast("decimal(38,0)")),
        F.bit_xor(F.xxhash64(F.lit(_SECOND_SEED), *hashed)),
        *(F.count(F.when(F.col(flag), 1)) for flag in flags),
    ).collect()[0]
    rows, total, parity = row[0], row[1], row[2]
    columns = [[each.name, each.dataType.simpleString()] for each in fields]
    text = json.dumps([rows, str(total), str(parity), columns])
    return Content(rows, hashlib.sha256(text.encode()).hexdigest()[:16], tuple(row[3:]))


def _hashed(column: StructField) -> list[Column]:
    """What is hashed of a column; Spark's hash passes over nulls, so they are said as well."""
    value = F.col(quoted(column.name))
    if _has_map(column.dataType):
        raise ReferenceRefused(
            f"Column `{column.name}`: a map has no content hash, as its entries have no order."
            " Declare an array of structs."
        )
    if isinstance(column.dataType, (ArrayType, StructType)):
        return [F.to_json(F.struct(value), _JSON_OPTIONS)]
    return [value, value.isNull()]


def _has_map(data_type: DataType) -> bool:
    if isinstance(data_type, ArrayType):
        return _has_map(data_type.elementType)
    if isinstance(data_type, StructType):
        return any(_has_map(each.dataType) for each in data_type.fields)
    return isinstance(data_type, MapType)
