"""The fast reader: JSON documents of objects that are laid out plainly.

Plain means that documents follow each other with nothing between them, or stand alone on a line.
Spark's text source cuts such objects apart without parsing; whatever is not provably one document
satisfying the contract is only marked DIRTY here, and its object is left to the exact reader
(`spark/exact.py`). Nothing here decides what a broken document says.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from spark.frames import (
    DIRTY,
    DOCUMENT,
    FIRST,
    FRAGMENT,
    KIND,
    LAST,
    MIDDLE,
    POSITION,
    SINGLE,
    UNKNOWN_KEYS,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from spark.contract import Contract

#: What separates the documents of a plain object: nothing (cut at `}{`), or a line feed.
CONCATENATED, LINES = "}{", "\n"

#: Strict JSON: a lenient parser could take a piece of a string for a document.
JSON_OPTIONS = {"allowSingleQuotes": "false", "columnNameOfCorruptRecord": "_lake_corrupt"}

#: Every document of a task's first so many is asked for unknown keys, then one in so many: a
#: producer's new key shows at once, and the common document is parsed once.
KEYS_CHECKED_FIRST, KEYS_CHECKED_EVERY = 10_000, 16

_VALUE, _TEXT, _KIND_IF_CLEAN, _ROW = "value", "_lake_text", "_lake_kind_if_clean", "_lake_row"
_CORRUPT = JSON_OPTIONS["columnNameOfCorruptRecord"]
#: Keys of the wrapper that proves a text to be one document; no document has them by accident.
_INNER, _GUARD = "9f2c7a1e-documents", "9f2c7a1e-guard"


def with_plain_documents(fragments: DataFrame, contract: Contract, separator: str) -> DataFrame:
    """Type each fragment (column `value`) by the contract and say of which KIND it is.

    Replaces `value` by FRAGMENT, KIND, DOCUMENT (its text with the braces that the cut took),
    UNKNOWN_KEYS and the contract's columns. The columns of a DIRTY fragment mean nothing. Needs POSITION.
    Blank lines are no fragments and are left out.
    """
    mended = _with_mended_lines if separator == LINES else _with_mended_cuts
    row = F.col(_ROW)
    return (
        fragments.transform(mended, contract)
        .withColumn(KIND, F.when(_is_clean(contract), F.col(_KIND_IF_CLEAN)).otherwise(DIRTY))
        .select(
            *[name for name in fragments.columns if name != _VALUE],
            F.col(_VALUE).alias(FRAGMENT),
            KIND,
            F.col(_TEXT).alias(DOCUMENT),
            _unknown_keys(contract).alias(UNKNOWN_KEYS),
            *[row[name].alias(name) for name in contract.names],
        )
    )


def _with_mended_cuts(fragments: DataFrame, contract: Contract) -> DataFrame:
    """Put back the braces that the cut at `}{` took, and parse.

    Only an object's first fragment still has its opening brace. Whether a closing one is the
    object's last or a nested value's is seen by which text is exactly one document.
    """
    value = F.col(_VALUE)
    opens, closes = value.startswith("{"), value.endswith("}")
    opened = F.when(opens, value).otherwise(F.concat(F.lit("{"), value))
    closed = F.concat(opened, F.lit("}"))
    inner, last = F.col("_lake_inner"), F.col("_lake_last")
    return (
        fragments.withColumn("_lake_inner", _wrapped(closed, contract))
        .withColumn("_lake_inner", _proven(inner, contract))
        .withColumn("_lake_last", _wrapped(F.when(closes & inner.isNull(), opened), contract))
        .withColumn("_lake_last", _proven(last, contract))
        .select(
            *fragments.columns,
            F.when(last.isNotNull(), opened).otherwise(closed).alias(_TEXT),
            F.when(last.isNotNull(), F.when(opens, SINGLE).otherwise(LAST))
            .otherwise(F.when(opens, FIRST).otherwise(MIDDLE))
            .alias(_KIND_IF_CLEAN),
            F.coalesce(inner, last).alias(_ROW),
        )
    )


def _with_mended_lines(fragments: DataFrame, contract: Contract) -> DataFrame:
    text = F.regexp_replace(F.col(_VALUE), "^[ \\t\\r]+|[ \\t\\r]+$", "")
    tidy = F.when(F.col(_VALUE).endswith("}") & F.col(_VALUE).startswith("{"), F.col(_VALUE))
    return (
        fragments.withColumn(_TEXT, F.coalesce(tidy, text))
        .filter(F.col(_TEXT) != "")
        .withColumn(_KIND_IF_CLEAN, F.lit(SINGLE))
        .withColumn(_ROW, _wrapped(F.col(_TEXT), contract))
        .withColumn(_ROW, _proven(F.col(_ROW), contract))
    )


def _wrapped(text: Column, contract: Contract) -> Column:
    """The text parsed as the first of two elements of an array.

    Whatever stands before, after or between documents breaks the array or changes how many
    elements it has, which is what `_proven` looks at.
    """
    element = [*contract.spark_schema().fields, StructField(_GUARD, IntegerType())]
    wrapper = [
        StructField(_INNER, ArrayType(_nullable(element))),
        StructField(_CORRUPT, StringType()),
    ]
    wrapped = F.concat(F.lit(f'{{"{_INNER}":['), text, F.lit(f',{{"{_GUARD}":0}}]}}'))
    return F.from_json(wrapped, _nullable(wrapper), JSON_OPTIONS)


def _proven(wrapped: Column, contract: Contract) -> Column:
    """The document of a wrapped text that holds exactly one, else null."""
    elements = wrapped[_INNER]
    columns = [elements[0][name].alias(name) for name in contract.names]
    is_one = (F.size(elements) == 2) & (elements[1][_GUARD] == 0)
    return F.when(is_one, F.struct(*columns, wrapped[_CORRUPT].alias(_CORRUPT)))


def _nullable(fields: list[StructField]) -> StructType:
    """The fields as the parser gives them: it reads a missing key as null, required or not."""
    return StructType([StructField(field.name, field.dataType) for field in fields])


def _is_clean(contract: Contract) -> Column:
    row = F.col(_ROW)
    tests = [row.isNotNull(), row[_CORRUPT].isNull(), is_valid_utf8(F.col(_TEXT))]
    tests += [row[name].isNotNull() for name in contract.required]
    if not contract.required:
        # `{}` may be a piece of a string between two cuts; only the exact reader can tell.
        tests.append(F.coalesce(*[row[name].cast("string") for name in contract.names]).isNotNull())
    return reduce(lambda left, right: left & right, tests)


def is_valid_utf8(text: Column) -> Column:
    """Whether a string column holds UTF-8; a parser would replace other bytes without a word."""
    if hasattr(F, "is_valid_utf8"):  # since Spark 4.0
        return F.is_valid_utf8(text)
    return F.encode(text, "UTF-8") == text.cast("binary")


def _unknown_keys(contract: Contract) -> Column:
    in_task = F.col(POSITION).bitwiseAND((1 << 33) - 1)
    checked = (in_task < KEYS_CHECKED_FIRST) | (in_task % KEYS_CHECKED_EVERY == 0)
    known = F.array(*[F.lit(name) for name in contract.names])
    unknown = F.array_except(F.json_object_keys(F.when(checked, F.col(_TEXT))), known)
    return F.when(F.size(unknown) > 0, unknown)
