"""A table of the source database as a frame of Spark, as it is now."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from resources.source_database import Database
from resources.table import Reference
from spark.errors import ReferenceRefused
from spark.fitting import fit, quoted
from spark.reference_source import read_reference
from spark.snapshot_spec import SnapshotSpec


def reference_rows(spark: SparkSession, database: Database, reference: Reference) -> DataFrame:
    """The declared columns of a reference's table, in the declared types, read now and kept.

    Raises `DatabaseError` for what the database refuses, `ReferenceRefused` for columns that are
    missing and values that are not of their type.
    """
    with database.exclusive(spark, f"reading {reference.table} in a notebook") as source:
        spec = SnapshotSpec(
            name=reference.name,
            table=reference.table,
            key=reference.key,
            contract=reference.contract,
            output="",
            attempt="",
            jdbc=source.options(),
        )
        rows = _kept(read_reference(spark, spec))
    fits = {
        each.name: fit(each.name, rows.schema[each.name].dataType, each.type)
        for each in reference.contract.columns
    }
    for name, each in fits.items():
        if (row := rows.where(each.misfit).select(quoted(name)).first()) is not None:
            raise ReferenceRefused(
                f"Expected values of column `{name}` of {reference.table} that its declared type "
                f"holds, found {row[0]!r}. Correct the declaration, or read the table as it is: "
                f"lake.database_table({reference.table!r})."
            )
    return rows.select(*(F.expr(each.typed).alias(name) for name, each in fits.items()))


def table_rows(spark: SparkSession, database: Database, table: str) -> DataFrame:
    """A table that is not declared, in the types that the driver gives; otherwise the same."""
    with database.exclusive(spark, f"reading {table} in a notebook") as source:
        return _kept(spark.read.format("jdbc").options(**source.options(), dbtable=table).load())


def _kept(frame: DataFrame) -> DataFrame:
    """Read now: later the embedded database is closed, and a plan would hold a server's password."""
    return frame.localCheckpoint()
