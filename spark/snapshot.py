"""A reference table of a database, kept as Parquet under a version that is its content's hash.

Here live what a snapshot is asked to do, the reading, what is refused, and the writing. Ranges of
keys are in `spark/key_ranges.py`, casts in `spark/fitting.py`. Which version is current is not
known here: a directory counts only once a manifest names it (`resources/references.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark.content import Content, content_of
from spark.contract import Contract
from spark.errors import ReadError, ReferenceRefused
from spark.fitting import Fit, fit, quoted, reads_as_text
from spark.key_ranges import key_predicates, refuse_misquoting_url

#: How many offending rows a refusal names.
SHOWN = 5
#: A value longer than this is cut in a refusal, in characters.
SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class SnapshotSpec:
    """One snapshot of one table.

    `table` is what stands after FROM: a name, or a query in brackets with an alias. `output` is the
    URI of the reference's directory, as Spark writes it. `attempt` has never been used before.
    `jdbc` are Spark's options, url and driver among them. A table of at most `one_range_rows` rows
    is read in one range, a larger one in up to `ranges` at a time.
    """

    name: str
    table: str
    key: tuple[str, ...]
    contract: Contract
    output: str
    attempt: str
    jdbc: Mapping[str, str] = field(repr=False)
    ranges: int = 4
    one_range_rows: int = 20_000


@dataclass(frozen=True)
class SnapshotReport:
    """What a snapshot found; `directory`, below the output, is empty when nothing was written."""

    name: str
    version: str
    rows: int
    written: bool
    directory: str


def take_snapshot(
    spark: SparkSession, spec: SnapshotSpec, exists: Callable[[str], bool]
) -> SnapshotReport:
    """Read the table once and write it as a new version, unless `exists` knows that version.

    The directory is the attempt's own, so no crash and no concurrent run can leave rows in it. It
    is read back before it is reported. Raises `ReferenceRefused` for content that the contract or
    the key cannot hold, `ReadError` when what was written is not what was read.
    """
    source = read_reference(spark, spec).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        fits = _fits(source, spec.contract)
        flags = [f"_lake_misfit_{at}" for at, _ in enumerate(fits)]
        flagged = source.select(
            *(F.expr(each.typed).alias(name) for name, each in fits.items()),
            *(F.expr(each.misfit).alias(flag) for flag, each in zip(flags, fits.values())),
        )
        content = content_of(flagged, flags)
        _refuse_misfits(source, spec, fits, content.flagged)
        typed = flagged.drop(*flags)
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
        )
    finally:
        source.unpersist()


def read_reference(spark: SparkSession, spec: SnapshotSpec) -> DataFrame:
    """The table's declared columns, under the contract's names and in the database's types.

    A large table is read in several key ranges, each in a transaction of its own. Derby's
    timestamps, which have no zone, are taken as the session's time zone says.
    """
    spec.contract.jdbc_custom_schema()  # refuses nested types in words
    for name in spec.key:
        spec.contract.column(name)
    refuse_misquoting_url(spec.jdbc["url"])
    options = dict(spec.jdbc)
    there = spark.read.format("jdbc").options(**options).option("dbtable", spec.table).load()
    found = _matched_names(there.columns, spec)
    types = {name: there.schema[found[name]].dataType for name in found}
    as_text = [
        f"{quoted(found[column.name])} STRING"
        for column in spec.contract.columns
        if reads_as_text(options["url"], types[column.name], column.type)
    ]
    predicates: list[str] = []
    if spec.key:
        key = (found[spec.key[0]], types[spec.key[0]])
        limits = (spec.ranges, spec.one_range_rows)
        predicates = key_predicates(spark, spec.jdbc, spec.table, key, limits)
    if as_text:
        options["customSchema"] = ", ".join(as_text)
    url = options.pop("url")
    table = (
        spark.read.jdbc(url, spec.table, predicates=predicates, properties=options)
        if predicates
        else spark.read.jdbc(url, spec.table, properties=options)
    )
    return table.select(*(F.col(quoted(found[name])).alias(name) for name in found))


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


def _matched_names(there: Sequence[str], spec: SnapshotSpec) -> dict[str, str]:
    """The database's spelling of each column of the contract; case does not matter."""
    spellings: dict[str, list[str]] = {}
    for name in there:
        spellings.setdefault(name.lower(), []).append(name)
    wanted = spec.contract.names
    missing = [name for name in wanted if name.lower() not in spellings]
    twice = [name for name in wanted if len(spellings.get(name.lower(), [])) > 1]
    if missing or twice:
        trouble = "which it lacks" if missing else "which it has twice but for case"
        raise ReferenceRefused(
            f"Reference `{spec.name}`: expected table {spec.table} to have"
            f" {', '.join(missing or twice)}, {trouble}. Its columns: {', '.join(there)}."
        )
    return {name: spellings[name.lower()][0] for name in wanted}


def _fits(source: DataFrame, contract: Contract) -> dict[str, Fit]:
    """How each column becomes the contract's; null is a misfit where the contract requires one."""
    fits = {}
    for column in contract.columns:
        found = fit(column.name, source.schema[column.name].dataType, column.type)
        if not column.nullable:
            found = replace(found, misfit=f"{quoted(column.name)} IS NULL OR {found.misfit}")
        fits[column.name] = found
    return fits


def _refuse_misfits(
    source: DataFrame, spec: SnapshotSpec, fits: Mapping[str, Fit], counts: Sequence[int]
) -> None:
    problems = [
        _describe_misfits(source.where(each.misfit), spec, name, count)
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
