"""The exact reader: every byte of an object becomes part of a document or of a stated reason.

It takes whole objects into Python, at a fraction of the fast reader's speed, and so is used for
the objects that the fast reader (`spark/plain.py`) could not take, and for CSV. How bytes become
documents is `spark/scanner.py` and `spark/csv_records.py`; typing them is Spark's work here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from spark.compression import decompress
from spark.frames import DOCUMENT, OBJECT, POSITION, REASON, UNKNOWN_KEYS, small_frame
from spark.json_types import beyond_range, overflows, parsed_fields, typed_columns
from spark.plain import JSON_OPTIONS
from spark.repair import Found
from spark.scanner import scan_documents

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row, SparkSession

    from spark.contract import Contract

#: Whether the fast reader finds this very document as well.
PLAIN = "_lake_plain"

#: How much of a value is quoted in a reason.
QUOTED_CHARACTERS = 100

_CONTENT, _ROW, _LOOSE = "content", "_lake_row", "_lake_loose"
_CORRUPT = JSON_OPTIONS["columnNameOfCorruptRecord"]

_DOCUMENTS = StructType(
    [
        StructField(OBJECT, IntegerType(), nullable=False),
        StructField(POSITION, LongType()),
        StructField(PLAIN, BooleanType(), nullable=False),
        StructField(DOCUMENT, StringType(), nullable=False),
        StructField(REASON, StringType()),
    ]
)


def exact_documents(contents: DataFrame, separator: str) -> DataFrame:
    """Cut whole objects (columns OBJECT, `content`) into documents and what is none.

    POSITION counts documents, and whatever stands between two of them as one, from 1.
    """
    rows = contents.select(OBJECT, _CONTENT).rdd.flatMap(partial(_scan, separator=separator))
    return contents.sparkSession.createDataFrame(rows, _DOCUMENTS, verifySchema=False)


def _scan(row: Row, separator: str) -> Iterator[Found]:
    data, trouble = decompress(bytes(row[_CONTENT]))
    position = 0
    for position, found in enumerate(scan_documents(data, separator), start=1):
        yield Found(row[OBJECT], position, found.plain, found.text, found.reason)
    if trouble is not None:
        rest = position + 1
        yield Found(row[OBJECT], rest, is_plain=False, document="", reason=trouble)


def found_documents(session: SparkSession, found: Iterable[Found]) -> DataFrame:
    """What was found already, as `exact_documents` gives it."""
    schema = ", ".join(f"{each.name} {each.dataType.simpleString()}" for each in _DOCUMENTS)
    return small_frame(session, found, schema)


def with_typed_documents(documents: DataFrame, contract: Contract) -> DataFrame:
    """Type each document by the contract; REASON says which column cannot hold what was found."""
    strict = StructType([*parsed_fields(contract), StructField(_CORRUPT, StringType())])
    loose = StructType([StructField(name, StringType()) for name in contract.names])
    is_document = F.when(F.col(REASON).isNull(), F.col(DOCUMENT))
    row = F.col(_ROW)
    known = F.array(*[F.lit(name) for name in contract.names])
    return (
        documents.withColumn(_ROW, F.from_json(is_document, strict, JSON_OPTIONS))
        .withColumn(_LOOSE, F.from_json(is_document, loose, JSON_OPTIONS))
        .withColumn(REASON, F.coalesce(REASON, _contract_reason(contract)))
        .withColumn(UNKNOWN_KEYS, F.array_except(F.json_object_keys(is_document), known))
        .withColumn(UNKNOWN_KEYS, F.when(F.size(UNKNOWN_KEYS) > 0, F.col(UNKNOWN_KEYS)))
        .select(
            *documents.columns,
            UNKNOWN_KEYS,
            *typed_columns(contract, row),
        )
    )


def _contract_reason(contract: Contract) -> Column:
    """Why a complete document does not satisfy the contract, or null when it does."""
    row, loose = F.col(_ROW), F.col(_LOOSE)
    too_large = overflows(contract, row)
    wrong = [
        F.when(
            (row[name].isNull() & loose[name].isNotNull()) | too_large.get(name, F.lit(False)),
            F.concat(
                F.lit(f"{name}: expected {contract.column(name).type}, found "),
                F.substring(loose[name], 1, QUOTED_CHARACTERS),
            ),
        )
        for name in contract.names
    ]
    wrong += [
        F.when(
            each,
            F.lit(
                f"{name}: expected {contract.column(name).type}, found a number beyond its range"
            ),
        )
        for name, each in beyond_range(contract, row, F.col(DOCUMENT)).items()
    ]
    missing = [
        F.when(loose[name].isNull(), F.lit(f"{name}: required, but missing or null"))
        for name in contract.required
    ]
    named = F.concat_ws("; ", *wrong, *missing)
    is_corrupt = row.isNull() | row[_CORRUPT].isNotNull()
    nested = F.when(is_corrupt, F.lit("a nested value does not have the declared type"))
    return F.coalesce(F.when(named != "", named), nested)
