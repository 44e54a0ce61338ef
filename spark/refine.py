"""Refine: filter, deduplicate, join and clean typed documents, as pure transforms.

Nothing here reads, writes, counts or asks the time. Every row keeps its OBJECT, PARTITION and
POSITION, and none is removed: FATE says what becomes of it and REASON why it is turned away.
"""

from __future__ import annotations

import importlib
from functools import reduce
from typing import TYPE_CHECKING, Callable

from pyspark.sql import Window
from pyspark.sql import functions as F

from spark.errors import ReferenceRefused, SpecError
from spark.exact import QUOTED_CHARACTERS
from spark.fitting import fit, quoted
from spark.frames import (
    DIRTY,
    DROPPED,
    DUPLICATE,
    FATE,
    FILTERED,
    KIND,
    OBJECT,
    ORDER,
    PARTITION,
    POSITION,
    PREFIX,
    PUBLISHED,
    REASON,
    REJECTED,
    UNMATCHED,
    UNREAD,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from spark.contract import Contract
    from spark.spec import CleanSpec, JoinSpec

    Transform = Callable[[DataFrame], DataFrame]

#: Bits of ORDER that are a hash; the others hold up to 134 million partitions.
HASH_BITS = 36

#: What importing somebody's module can raise.
_LOADING_FAILURES = (
    ImportError,
    AttributeError,
    ValueError,
    SyntaxError,
    NameError,
    TypeError,
)
_RANK, _FOUND = "_lake_rank", "_lake_found"


def passes(row_filter: str) -> Column:
    """Whether a row passes the declared filter; what the filter cannot decide does not pass."""
    return F.coalesce(F.expr(row_filter), F.lit(False))


def with_first_fate(rows: DataFrame, row_filter: str | None) -> DataFrame:
    """FATE as far as a document alone decides it."""
    fate = F.when(F.col(KIND) == DIRTY, UNREAD)
    if row_filter is not None:
        fate = fate.when(~passes(row_filter), FILTERED)
    return rows.withColumn(FATE, fate.otherwise(PUBLISHED))


def with_order(rows: DataFrame, key: Sequence[str]) -> DataFrame:
    """ORDER sorts by partition, and brings documents of equal key together within it.

    It is one number, which Spark compares without looking at the rows. Equal numbers of unequal
    keys are told apart afterwards, by the keys.
    """
    hashed = F.xxhash64(*key) if key else F.lit(0)
    within = F.when(F.col(FATE) == PUBLISHED, hashed).otherwise(F.col(OBJECT))
    order = F.shiftleft(F.col(PARTITION).cast("long"), HASH_BITS)
    return rows.withColumn(ORDER, order.bitwiseOR(within.bitwiseAND((1 << HASH_BITS) - 1)))


def with_duplicates(placed: DataFrame, key: Sequence[str]) -> DataFrame:
    """FATE is DUPLICATE for all but the first row of a key within its partition.

    Rows of equal ORDER must be in one task. A row of which the whole key is null equals no other.
    """
    if not key:
        return placed
    same = Window.partitionBy(ORDER, FATE, *key).orderBy(OBJECT, POSITION)
    has_key = reduce(lambda left, right: left | right, [F.col(name).isNotNull() for name in key])
    is_duplicate = (F.col(FATE) == PUBLISHED) & (F.col(_RANK) > 1) & has_key
    return (
        placed.withColumn(_RANK, F.row_number().over(same))
        .withColumn(FATE, F.when(is_duplicate, DUPLICATE).otherwise(F.col(FATE)))
        .drop(_RANK)
    )


def with_reference(rows: DataFrame, reference: DataFrame, join: JoinSpec, bit: int) -> DataFrame:
    """Left join to one reference; `bit` of UNMATCHED is set where it has no row.

    A row that finds none is kept, DROPPED or REJECTED as the declaration says.
    """
    keys = {name: f"{PREFIX}key_{position}" for position, name in enumerate(join.on.values())}
    right = reference.select(
        *[F.col(name).alias(alias) for name, alias in keys.items()],
        *[F.col(name).alias(alias) for name, alias in join.columns.items()],
        F.lit(True).alias(_FOUND),
    )
    on = [rows[left] == right[keys[name]] for left, name in join.on.items()]
    joined = rows.join(F.broadcast(right), on=on, how="left")
    is_unmatched = F.col(_FOUND).isNull()
    mark = F.when(is_unmatched, 1 << bit).otherwise(0)
    return (
        joined.withColumn(UNMATCHED, F.col(UNMATCHED).bitwiseOR(mark))
        .withColumn(FATE, _fate_of_unmatched(join.unmatched, is_unmatched))
        .withColumn(REASON, _reason_of_unmatched(join, is_unmatched))
        .drop(_FOUND, *keys.values())
    )


def _fate_of_unmatched(choice: str, is_unmatched: Column) -> Column:
    fate = {"drop": DROPPED, "quarantine": REJECTED}.get(choice)
    if fate is None:
        return F.col(FATE)
    return F.when(is_unmatched & (F.col(FATE) == PUBLISHED), fate).otherwise(F.col(FATE))


def _reason_of_unmatched(join: JoinSpec, is_unmatched: Column) -> Column:
    if join.unmatched != "quarantine":
        return F.col(REASON)
    values = F.concat_ws(
        ", ", *[F.coalesce(F.col(n).cast("string"), F.lit("null")) for n in join.on]
    )
    reason = F.concat(
        F.lit(f"no row of {join.reference} has {', '.join(join.on.values())}, found "), values
    )
    return F.when(is_unmatched, F.concat_ws("; ", REASON, reason)).otherwise(F.col(REASON))


def clean(rows: DataFrame, spec: CleanSpec, published: Contract) -> DataFrame:
    """Apply the named transform, drops, renames and casts; what cannot be cast is REJECTED."""
    transformed = rows
    if spec.transform is not None:
        transformed = named_transform(spec.transform.function)(rows)
        _refuse_lost_columns(rows, transformed, spec)
    renamed = transformed.select(
        *[
            F.col(quoted(name)).alias(spec.rename.get(name, name))
            for name in transformed.columns
            if name not in spec.drop
        ]
    )
    checked = reduce(_with_cast, spec.cast.items(), renamed)
    # Without a transform, what is required was so when it was read, and casts say what they lose.
    required = published.required if spec.transform is not None else ()
    missing = [
        F.when(F.col(name).isNull(), F.lit(f"{name}: required, but null after cleaning"))
        for name in required
    ]
    if missing:
        reasons = F.concat_ws("; ", REASON, *missing)
        checked = checked.withColumn(REASON, F.when(reasons != "", reasons))
    return checked.withColumn(
        FATE,
        F.when(F.col(REASON).isNotNull() & (F.col(FATE) == PUBLISHED), REJECTED).otherwise(
            F.col(FATE)
        ),
    )


def _with_cast(rows: DataFrame, cast: tuple[str, str]) -> DataFrame:
    """Cast one column without losing a value: no truncation, no overflow, no null."""
    name, type_text = cast
    have = rows.schema[name].dataType
    try:
        fitted = fit(name, have, type_text)
    except ReferenceRefused as error:
        raise SpecError(
            f"cast: column `{name}` is {have.simpleString()}, of which no value can become "
            f"{type_text}; declare another type, or a transform that converts it"
        ) from error
    reason = F.concat(
        F.lit(f"{name}: cannot be cast to {type_text}, found "),
        F.substring(F.col(name).cast("string"), 1, QUOTED_CHARACTERS),
    )
    said = F.when(F.expr(fitted.misfit), F.concat_ws("; ", REASON, reason))
    return rows.withColumn(REASON, F.coalesce(said, F.col(REASON))).withColumn(
        name, F.expr(fitted.typed)
    )


def named_transform(function: str) -> Transform:
    """The function that a declaration names as `module:function`; raises `SpecError`."""
    module, _, name = function.partition(":")
    try:
        found: Transform = getattr(importlib.import_module(module), name)
    except _LOADING_FAILURES as error:
        raise SpecError(
            f"the transform {function!r} cannot be loaded ({error}); expected 'module:function' "
            "naming a function DataFrame -> DataFrame, such as 'spark.transforms:tidy'"
        ) from error
    return found


def _refuse_lost_columns(before: DataFrame, after: DataFrame, spec: CleanSpec) -> None:
    lost = [name for name in before.columns if name not in {*after.columns, *spec.drop}]
    if lost:
        function = spec.transform.function if spec.transform else ""
        raise SpecError(
            f"the transform {function} lost the columns {', '.join(lost)}, which are published or "
            "say where a document came from; add columns with `withColumn` rather than `select`, "
            "and name those to be left out under `drop`"
        )
