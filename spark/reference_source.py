"""Reading a reference table over JDBC, under the contract's names and in the database's types.

Here live what is asked of the database and in how many ranges. What the values become is in
`spark/fitting.py` and `spark/snapshot.py`, MySQL's own ways in `spark/mysql_source.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark.errors import ReferenceRefused
from spark.fitting import quoted, reads_as_text
from spark.key_ranges import key_predicates, refuse_misquoting_url
from spark.mysql_ranges import is_torn, mysql_predicates
from spark.mysql_source import ROW_HASH, MysqlReading, mysql_table
from spark.snapshot_spec import SnapshotSpec


@dataclass(frozen=True)
class ReferenceSource:
    """A table as it is read. `zero_dates` are columns where a date of zeros stands for none.

    `rows` may hold columns beside the contract's. `reading` is set for a table that is read in
    several ranges, which may be of different moments.
    """

    rows: DataFrame
    zero_dates: frozenset[str] = frozenset()
    reading: MysqlReading | None = None

    def is_torn(self, spark: SparkSession, spec: SnapshotSpec) -> bool:
        """Whether what was read never was the table; `rows` should be cached."""
        return self.reading is not None and is_torn(spark, spec.jdbc, self.reading, self.rows)


def reference_source(spark: SparkSession, spec: SnapshotSpec) -> ReferenceSource:
    """The declared columns of the table; raises `ReferenceRefused` for those that it lacks.

    A large table is read in several ranges of its key, each in a transaction of its own.
    """
    spec.contract.jdbc_custom_schema()  # refuses nested types in words
    for name in spec.key:
        spec.contract.column(name)
    refuse_misquoting_url(spec.jdbc["url"])
    if spec.jdbc["url"].startswith("jdbc:mysql:"):
        return _mysql_source(spark, spec)
    return ReferenceSource(_derby_rows(spark, spec))


def read_reference(spark: SparkSession, spec: SnapshotSpec) -> DataFrame:
    """The table's declared columns, under the contract's names and in the database's types."""
    rows = reference_source(spark, spec).rows
    return rows.select(*(F.col(quoted(name)) for name in spec.contract.names))


def _mysql_source(spark: SparkSession, spec: SnapshotSpec) -> ReferenceSource:
    table = mysql_table(spark, spec.jdbc, spec.table)
    found = _matched_names([each.name for each in table.columns], spec)
    reading = MysqlReading(table, spec.contract, found, found[spec.key[0]] if spec.key else "")
    limits = (spec.ranges, spec.one_range_rows)
    predicates = mysql_predicates(spark, spec.jdbc, reading, limits)
    # A comparison of texts means something else under MySQL's collations: none is pushed down.
    options = {**spec.jdbc, "pushDownPredicate": "false"}
    if as_text := reading.text_columns():
        options["customSchema"] = ", ".join(f"{quoted(name)} STRING" for name in as_text)
    source = reading.source(hashed=bool(predicates))
    rows = _rows(spark, source, options, predicates)
    names = [*spec.contract.names, *([ROW_HASH] if predicates else [])]
    rows = rows.select(*(F.col(quoted(name)) for name in names))
    return ReferenceSource(rows, reading.zero_dates(), reading if predicates else None)


def _derby_rows(spark: SparkSession, spec: SnapshotSpec) -> DataFrame:
    """Derby's timestamps, which have no zone, are taken as the session's time zone says."""
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
    table = _rows(spark, spec.table, options, predicates)
    return table.select(*(F.col(quoted(found[name])).alias(name) for name in found))


def _rows(
    spark: SparkSession, table: str, options: dict[str, str], predicates: list[str]
) -> DataFrame:
    properties = {name: value for name, value in options.items() if name != "url"}
    if predicates:
        return spark.read.jdbc(options["url"], table, predicates=predicates, properties=properties)
    return spark.read.jdbc(options["url"], table, properties=properties)


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
