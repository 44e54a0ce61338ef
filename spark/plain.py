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
from spark.json_types import beyond_range, overflows, parsed_fields, typed_columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from spark.contract import Contract

#: What separates the documents of a plain object: nothing (cut at `}{`), or a line feed.
CONCATENATED, LINES = "}{", "\n"

#: Strict JSON: a lenient parser could take a piece of a string for a document.
JSON_OPTIONS = {"allowSingleQuotes": "false", "columnNameOfCorruptRecord": "_lake_corrupt"}

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
#: An escaped half of a character, which the parser would replace without a word. It also takes an
#: escaped backslash before `ud800` for one, which costs an exact reading and nothing else.
_LONE_SURROGATE = f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}"

#: Every document of a task's first so many is asked for unknown keys, then one in so many: a
#: producer's new key shows at once, and the common document is parsed once.
KEYS_CHECKED_FIRST, KEYS_CHECKED_EVERY = 10_000, 16

_VALUE, _CUT, _IS_TEXT = "value", "_lake_cut", "_lake_is_text"
_FLAT, _WRAPPED = "_lake_flat", "_lake_wrapped"
#: Bits of _CUT: the braces that the cut took and that were put back.
_BRACE_BEFORE, _BRACE_BEHIND = 1, 2
_CORRUPT = JSON_OPTIONS["columnNameOfCorruptRecord"]
#: Keys of the wrapper that proves a text to be one document; no document has them by accident.
_INNER, _GUARD = "9f2c7a1e-documents", "9f2c7a1e-guard"
_BEFORE, _AFTER = f'{{"{_INNER}":[', f',{{"{_GUARD}":0}}]}}'


def with_texts(fragments: DataFrame, separator: str) -> DataFrame:
    """Replace each fragment (column `value`) by what `with_plain_documents` parses.

    Apart from it, because the parser's own arguments are evaluated without generated code, unless
    something between the two, such as a join, keeps Spark from merging them. Blank lines are no
    fragments and are left out.
    """
    return _lines(fragments) if separator == LINES else _cuts(fragments)


def with_plain_documents(texts: DataFrame, contract: Contract) -> DataFrame:
    """Type each text by the contract and say of which KIND it is.

    Replaces what `with_texts` added by FRAGMENT (what was cut out, if DIRTY and text), KIND,
    DOCUMENT (its text with the braces that the cut took), UNKNOWN_KEYS and the contract's columns.
    The columns of a DIRTY fragment mean nothing. Needs POSITION.
    """
    added = (_FLAT, _WRAPPED, _IS_TEXT, _CUT)
    flat, whole = _flat(contract), _whole(contract)
    row = F.coalesce(flat, whole[_INNER][0])
    document = F.coalesce(_FLAT, _unwrapped(F.col(_WRAPPED)))
    is_sound = (_is_sound(flat) | _is_one(whole)) & _satisfies(contract, row, document)
    kinds = F.array(*[F.lit(kind) for kind in (SINGLE, LAST, FIRST, MIDDLE)])
    kind = F.when(is_sound, kinds[F.col(_CUT)]).otherwise(DIRTY)
    # One projection, in which Spark evaluates once what is always needed more than once. What is
    # needed only under a condition would be parsed again for each use.
    return texts.select(
        *[name for name in texts.columns if name not in added],
        F.when((kind == DIRTY) & F.col(_IS_TEXT), _fragment(document)).alias(FRAGMENT),
        kind.alias(KIND),
        document.alias(DOCUMENT),
        _unknown_keys(document, contract).alias(UNKNOWN_KEYS),
        *typed_columns(contract, row),
    )


def _lines(fragments: DataFrame) -> DataFrame:
    value = F.col(_VALUE)
    trimmed = F.regexp_replace(value, "^[ \\t\\r]+|[ \\t\\r]+$", "")
    is_tidy = value.startswith("{") & value.endswith("}")
    lines = fragments.withColumn(_VALUE, F.when(is_tidy, value).otherwise(trimmed))
    has_one_end = F.instr(value, "}") == F.length(value)
    return lines.filter(value != "").select(
        *[name for name in fragments.columns if name != _VALUE],
        *_texts(value, value.startswith("{") & has_one_end),
        *(_is_text(value).alias(_IS_TEXT), F.lit(0).alias(_CUT)),
    )


def _cuts(fragments: DataFrame) -> DataFrame:
    """Put back the braces that the cut at `}{` took.

    Only an object's first fragment still has its opening brace. Whether a closing one is the
    object's last or a nested value's is guessed by counting; whoever parses the text will see.
    """
    value = F.col(_VALUE)
    opens = value.startswith("{")
    opened = F.when(opens, value).otherwise(F.concat(F.lit("{"), value))
    is_last = value.endswith("}") & (_count(opened, "{") == _count(opened, "}"))
    text = F.when(is_last, opened).otherwise(F.concat(opened, F.lit("}")))
    before = F.when(opens, 0).otherwise(_BRACE_BEFORE)
    behind = F.when(is_last, 0).otherwise(_BRACE_BEHIND)
    return fragments.select(
        *[name for name in fragments.columns if name != _VALUE],
        *_texts(text, ~value.contains("}")),
        *(_is_text(value).alias(_IS_TEXT), before.bitwiseOR(behind).alias(_CUT)),
    )


def _texts(document: Column, is_flat: Column) -> list[Column]:
    wrapped = F.concat(F.lit(_BEFORE), document, F.lit(_AFTER))
    return [
        F.when(is_flat, document).alias(_FLAT),
        F.when(~is_flat, wrapped).alias(_WRAPPED),
    ]


def _count(text: Column, character: str) -> Column:
    return F.octet_length(text) - F.octet_length(F.translate(text, character, ""))


def _unwrapped(text: Column) -> Column:
    return text.substr(F.lit(len(_BEFORE) + 1), F.length(text) - len(_BEFORE) - len(_AFTER))


def _fragment(document: Column) -> Column:
    """The document without the braces that were put back."""
    put_before = F.col(_CUT).bitwiseAND(_BRACE_BEFORE)
    put_behind = F.shiftright(F.col(_CUT), 1)
    return document.substr(put_before + 1, F.length(document) - put_before - put_behind)


def _element(contract: Contract) -> StructType:
    extra = [StructField(_GUARD, IntegerType()), StructField(_CORRUPT, StringType())]
    return StructType([*parsed_fields(contract), *extra])


def _flat(contract: Contract) -> Column:
    """A text with no closing brace but its last character, parsed.

    If it can be parsed at all it is one document: the parser, which does not look at what follows,
    stopped at the only closing brace.
    """
    return F.from_json(_FLAT, _element(contract), JSON_OPTIONS)


def _whole(contract: Contract) -> Column:
    """Any other text, parsed as the first of two elements of an array.

    Whatever stands before, after or between documents breaks the array or changes how many
    elements it has, which is what `_is_one` looks at.
    """
    elements = StructField(_INNER, ArrayType(_element(contract)))
    wrapper = StructType([elements, StructField(_CORRUPT, StringType())])
    return F.from_json(_WRAPPED, wrapper, JSON_OPTIONS)


def _is_sound(parsed: Column) -> Column:
    """Whether there is a row, of which every value could be typed."""
    return parsed.isNotNull() & parsed[_CORRUPT].isNull()


def _is_one(parsed: Column) -> Column:
    """Whether what was wrapped is exactly one document, of which every value could be typed."""
    elements = parsed[_INNER]
    is_guarded = F.coalesce(elements[1][_GUARD] == 0, F.lit(False))
    return _is_sound(parsed) & (F.size(elements) == 2) & is_guarded


def _satisfies(contract: Contract, row: Column, document: Column) -> Column:
    tests = [F.col(_IS_TEXT), *[row[name].isNotNull() for name in contract.required]]
    tests += [~F.coalesce(each, F.lit(False)) for each in overflows(contract, row).values()]
    tests += [~each for each in beyond_range(contract, row, document).values()]
    if not contract.required:
        # `{}` may be a piece of a string between two cuts; only the exact reader can tell.
        tests.append(F.coalesce(*[row[name].cast("string") for name in contract.names]).isNotNull())
    return reduce(lambda left, right: left & right, tests)


def _is_text(value: Column) -> Column:
    """Whether every octet and every escape is of a character."""
    return is_valid_utf8(value) & ~(value.contains("\\u") & value.rlike(_LONE_SURROGATE))


def is_valid_utf8(text: Column) -> Column:
    """Whether a string column holds UTF-8; a parser would replace other bytes without a word."""
    if hasattr(F, "is_valid_utf8"):  # since Spark 4.0
        return F.is_valid_utf8(text)
    return F.encode(text, "UTF-8") == text.cast("binary")


def _unknown_keys(document: Column, contract: Contract) -> Column:
    in_task = F.col(POSITION).bitwiseAND((1 << 33) - 1)
    checked = (in_task < KEYS_CHECKED_FIRST) | (in_task % KEYS_CHECKED_EVERY == 0)
    known = F.array(*[F.lit(name) for name in contract.names])
    return F.array_except(F.json_object_keys(F.when(checked, document)), known)
