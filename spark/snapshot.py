"""A reference table of a database, kept as Parquet under a version that is its content's hash.

Here live what is refused, and the writing. The reading is in `spark/reference_source.py`, casts in
`spark/fitting.py`. Which version is current is not known here: a directory counts only once a
manifest names it (`resources/references.py`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark.content import Content, content_of
from spark.contract import Contract
from spark.errors import ReadError, ReferenceRefused
from spark.fitting import Fit, fit, quoted
from spark.reference_source import ReferenceSource, read_reference, reference_source
from spark.snapshot_spec import SnapshotReport, SnapshotSpec

__all__ = [
    "SnapshotReport",
    "SnapshotSpec",
    "read_reference",
    "refuse_bad_keys",
    "take_snapshot",
]

_log = logging.getLogger(__name__)
#: How many offending rows a refusal names.
SHOWN = 5
#: A value longer than this is cut in a refusal, in characters.
SHOWN_CHARACTERS = 80


def take_snapshot(
    spark: SparkSession, spec: SnapshotSpec, exists: Callable[[str], bool]
) -> SnapshotReport:
    """Read the table once and write it as a new version, unless `exists` knows that version.

    The directory is the attempt's own, so no crash and no concurrent run can leave rows in it. It
    is read back before it is reported. Raises `ReferenceRefused` for content that the contract or
    the key cannot hold, `ReadError` when what was written is not what was read.
    """
    report = _snapshot(spark, spec, exists)
    if report is not None:
        return report
    note = (
        f"table {spec.table} changed while its {spec.ranges} ranges were read, or is a view that"
        " never gives the same rows twice; it was read again in one statement"
    )
    _log.warning("reference %s: %s", spec.name, note)
    whole = _snapshot(spark, replace(spec, ranges=1), exists)
    if whole is None:
        raise ReadError(f"Reference `{spec.name}`: one range of table {spec.table} is torn.")
    return replace(whole, notes=(*whole.notes, note))


@dataclass(frozen=True)
class _Checks:
    """How each column becomes the contract's, and where a zero date becomes null, as SQL."""

    fits: Mapping[str, Fit]
    zeros: Mapping[str, str]

    @property
    def flags(self) -> dict[str, str]:
        """A name for each count that is taken with the content's hash: misfits, then zeros."""
        conditions = [*(each.misfit for each in self.fits.values()), *self.zeros.values()]
        return {f"_lake_flag_{at}": condition for at, condition in enumerate(conditions)}


def _snapshot(
    spark: SparkSession, spec: SnapshotSpec, exists: Callable[[str], bool]
) -> SnapshotReport | None:
    """The snapshot, or None when the ranges that were read are of different moments."""
    source = reference_source(spark, spec)
    rows = source.rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        if replace(source, rows=rows).is_torn(spark, spec):
            return None
        checks = _checks(source, spec.contract)
        flagged = rows.select(
            *(F.expr(each.typed).alias(name) for name, each in checks.fits.items()),
            *(F.expr(condition).alias(flag) for flag, condition in checks.flags.items()),
        )
        content = content_of(flagged, list(checks.flags))
        _refuse_misfits(rows, spec, checks.fits, content.flagged)
        typed = flagged.drop(*checks.flags)
        refuse_bad_keys(typed, spec.key)
        directory = f"version={content.version}-{spec.attempt}"
        is_new = not exists(content.version)
        if is_new:
            _write(spark, typed, f"{spec.output.rstrip('/')}/{directory}", content)
        return SnapshotReport(
            name=spec.name,
            version=content.version,
            rows=content.rows,
            written=is_new,
            directory=directory if is_new else "",
            notes=tuple(_zero_notes(checks, content.flagged[len(checks.fits) :])),
        )
    finally:
        rows.unpersist()


def refuse_bad_keys(df: DataFrame, key: Sequence[str]) -> None:
    """Raise `ReferenceRefused` for keys that are null or occur twice; keys are compared exactly."""
    if not key:
        raise ReferenceRefused("Expected a reference with a key; declare at least one key column.")
    columns = [F.col(quoted(name)) for name in key]
    any_null = reduce(or_, (column.isNull() for column in columns))
    bad = (
        df.select(*columns)
        .groupBy(*columns)
        .agg(F.count(F.lit(1)).alias("_lake_rows"))
        .where(any_null | (F.col("_lake_rows") > 1))
        .orderBy(F.desc("_lake_rows"), *columns)
        .limit(SHOWN + 1)
        .collect()
    )
    if not bad:
        return
    listed = "; ".join(f"{_key_text(row, key)} in {row['_lake_rows']} rows" for row in bad[:SHOWN])
    more = "; and more" if len(bad) > SHOWN else ""
    raise ReferenceRefused(
        f"Expected each key ({', '.join(key)}) once and never null, found {listed}{more}. A join"
        " would multiply or lose rows: correct the table, or declare a key that is unique."
    )


def _checks(source: ReferenceSource, contract: Contract) -> _Checks:
    """Null is a misfit where the contract requires a value, and a zero date is null."""
    fits, zeros = {}, {}
    for column in contract.columns:
        found = fit(column.name, source.rows.schema[column.name].dataType, column.type)
        value = quoted(column.name)
        if not column.nullable:
            found = replace(found, misfit=f"{value} IS NULL OR {found.misfit}")
        elif column.name in source.zero_dates:
            zeros[column.name] = f"{value} LIKE '0000-00-00%'"
            found = replace(found, misfit=f"({found.misfit}) AND NOT {zeros[column.name]}")
        fits[column.name] = found
    return _Checks(fits, zeros)


def _zero_notes(checks: _Checks, counts: Sequence[int]) -> Iterator[str]:
    for name, count in zip(checks.zeros, counts):
        if count:
            yield f"column `{name}`: {count} zero dates became null"


def _refuse_misfits(
    rows: DataFrame, spec: SnapshotSpec, fits: Mapping[str, Fit], counts: Sequence[int]
) -> None:
    problems = [
        _describe_misfits(rows.where(each.misfit), spec, name, count)
        for (name, each), count in zip(fits.items(), counts)
        if count
    ]
    if problems:
        raise ReferenceRefused(
            f"Reference `{spec.name}`: table {spec.table} holds what its contract cannot. "
            + " ".join(problems)
            + " Correct the table, or declare a type that holds these values."
        )


def _write(spark: SparkSession, df: DataFrame, uri: str, content: Content) -> None:
    df.write.mode("error").parquet(uri)
    literal = re.sub(r"([\\*?\[\]{},^])", r"\\\1", uri)  # readers take globs, writers do not
    found = content_of(spark.read.schema(df.schema).parquet(literal))
    if found.version != content.version:
        raise ReadError(
            f"Expected {content.rows} rows of version {content.version} in {uri}, read back"
            f" {found.rows} of version {found.version}. The directory is in no manifest; take the"
            " snapshot again."
        )


def _describe_misfits(misfits: DataFrame, spec: SnapshotSpec, name: str, count: int) -> str:
    column = spec.contract.column(name)
    ordered = misfits.orderBy(*(F.col(quoted(each)) for each in spec.key))
    shown = ordered.select(
        *(F.col(quoted(each)).cast("string").alias(each) for each in spec.key),
        F.col(quoted(name)).cast("string").alias("_lake_value"),
    ).limit(SHOWN)
    listed = "; ".join(
        f"{_shown(row['_lake_value'])} at {_key_text(row, spec.key)}" for row in shown.collect()
    )
    required = "" if column.nullable else " not null"
    return f"Column `{name}` ({column.type}{required}), {count} rows: {listed}."


def _key_text(row: Row, key: Sequence[str]) -> str:
    return ", ".join(f"{name}={_shown(row[name])}" for name in key)


def _shown(value: object) -> str:
    if value is None:
        return "null"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
