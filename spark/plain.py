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
from spark.json_types import overflows, parsed_fields, typed_columns

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

_VALUE, _KIND_IF_CLEAN, _ROW = "value", "_lake_kind_if_clean", "_lake_row"
_CLOSED, _OPENED = "_lake_closed", "_lake_opened"
_CORRUPT = JSON_OPTIONS["columnNameOfCorruptRecord"]
#: Keys of the wrapper that proves a text to be one document; no document has them by accident.
_INNER, _GUARD = "9f2c7a1e-documents", "9f2c7a1e-guard"


def with_plain_documents(fragments: DataFrame, contract: Contract, separator: str) -> DataFrame:
    """Type each fragment (column `value`) by the contract and say of which KIND it is.

    Replaces `value` by FRAGMENT, KIND, DOCUMENT (its text with the braces that the cut took),
    UNKNOWN_KEYS and the contract's columns. The columns of a DIRTY fragment mean nothing. Needs
    POSITION. Blank lines are no fragments and are left out.
    """
    parsed = _of_lines if separator == LINES else _of_cuts
    row = F.col(_ROW)
    is_last = F.col(_KIND_IF_CLEAN).isin(LAST, SINGLE)
    text = F.when(is_last, _opened(F.col(FRAGMENT))).otherwise(_closed(F.col(FRAGMENT)))
    if separator == LINES:
        text = F.col(FRAGMENT)
    return fragments.transform(parsed, contract).select(
        *[name for name in fragments.columns if name != _VALUE],
        FRAGMENT,
        F.when(_is_clean(contract), F.col(_KIND_IF_CLEAN)).otherwise(DIRTY).alias(KIND),
        text.alias(DOCUMENT),
        _unknown_keys(text, contract).alias(UNKNOWN_KEYS),
        *typed_columns(contract, row),
    )


def _of_cuts(fragments: DataFrame, contract: Contract) -> DataFrame:
    """Put back the braces that the cut at `}{` took, and parse.

    Only an object's first fragment still has its opening brace. Whether a closing one is the
    object's last or a nested value's is seen by which text is exactly one document.
    """
    value = F.col(_VALUE)
    others = [name for name in fragments.columns if name != _VALUE]
    opens, closes = F.col(FRAGMENT).startswith("{"), F.col(FRAGMENT).endswith("}")
    # A projection that parses does nothing else: what it parsed would be parsed again wherever it
    # is used in the same one.
    parsed = fragments.select(
        *others,
        value.alias(FRAGMENT),
        _wrapped(_closed(value), contract).alias(_CLOSED),
        _wrapped(F.when(value.endswith("}"), _opened(value)), contract).alias(_OPENED),
    )
    inner, last = _proven(F.col(_CLOSED), contract), _proven(F.col(_OPENED), contract)
    return parsed.select(
        *others,
        FRAGMENT,
        F.coalesce(inner, last).alias(_ROW),
        F.when(closes & inner.isNull(), F.when(opens, SINGLE).otherwise(LAST))
        .otherwise(F.when(opens, FIRST).otherwise(MIDDLE))
        .alias(_KIND_IF_CLEAN),
    )


def _of_lines(fragments: DataFrame, contract: Contract) -> DataFrame:
    value = F.col(_VALUE)
    others = [name for name in fragments.columns if name != _VALUE]
    trimmed = F.regexp_replace(value, "^[ \\t\\r]+|[ \\t\\r]+$", "")
    is_tidy = value.startswith("{") & value.endswith("}")
    lines = fragments.withColumn(_VALUE, F.when(is_tidy, value).otherwise(trimmed))
    parsed = lines.filter(value != "").select(
        *others, value.alias(FRAGMENT), _wrapped(value, contract).alias(_CLOSED)
    )
    return parsed.select(
        *others,
        FRAGMENT,
        _proven(F.col(_CLOSED), contract).alias(_ROW),
        F.lit(SINGLE).alias(_KIND_IF_CLEAN),
    )


def _opened(value: Column) -> Column:
    return F.when(value.startswith("{"), value).otherwise(F.concat(F.lit("{"), value))


def _closed(value: Column) -> Column:
    return F.concat(_opened(value), F.lit("}"))


def _wrapped(text: Column, contract: Contract) -> Column:
    """The text parsed as the first of two elements of an array.

    Whatever stands before, after or between documents breaks the array or changes how many
    elements it has, which is what `_proven` looks at.
    """
    element = StructType([*parsed_fields(contract), StructField(_GUARD, IntegerType())])
    wrapper = StructType(
        [StructField(_INNER, ArrayType(element)), StructField(_CORRUPT, StringType())]
    )
    wrapped = F.concat(F.lit(f'{{"{_INNER}":['), text, F.lit(f',{{"{_GUARD}":0}}]}}'))
    return F.from_json(wrapped, wrapper, JSON_OPTIONS)


def _proven(wrapped: Column, contract: Contract) -> Column:
    """The document of a wrapped text that holds exactly one, else null."""
    elements = wrapped[_INNER]
    columns = [elements[0][name].alias(name) for name in contract.names]
    is_one = (F.size(elements) == 2) & (elements[1][_GUARD] == 0)
    return F.when(is_one, F.struct(*columns, wrapped[_CORRUPT].alias(_CORRUPT)))


def _is_clean(contract: Contract) -> Column:
    row = F.col(_ROW)
    tests = [row.isNotNull(), row[_CORRUPT].isNull(), is_valid_utf8(F.col(FRAGMENT))]
    tests += [row[name].isNotNull() for name in contract.required]
    tests += [~F.coalesce(each, F.lit(False)) for each in overflows(contract, row).values()]
    if not contract.required:
        # `{}` may be a piece of a string between two cuts; only the exact reader can tell.
        tests.append(F.coalesce(*[row[name].cast("string") for name in contract.names]).isNotNull())
    return reduce(lambda left, right: left & right, tests)


def is_valid_utf8(text: Column) -> Column:
    """Whether a string column holds UTF-8; a parser would replace other bytes without a word."""
    if hasattr(F, "is_valid_utf8"):  # since Spark 4.0
        return F.is_valid_utf8(text)
    return F.encode(text, "UTF-8") == text.cast("binary")


def _unknown_keys(text: Column, contract: Contract) -> Column:
    in_task = F.col(POSITION).bitwiseAND((1 << 33) - 1)
    checked = (in_task < KEYS_CHECKED_FIRST) | (in_task % KEYS_CHECKED_EVERY == 0)
    known = F.array(*[F.lit(name) for name in contract.names])
    unknown = F.array_except(F.json_object_keys(F.when(checked, text)), known)
    return F.when(F.size(unknown) > 0, unknown)
