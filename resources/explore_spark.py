"""Published tables and references as frames of Spark, over exactly the files that are current."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from resources.browse import published_table
from resources.catalog.base import Catalog, Pointer
from resources.errors import StorageError
from resources.references import current_version
from resources.storage import Storage
from spark.contract import Contract


def table_frame(
    spark: SparkSession, catalog: Catalog, storage: Storage, name: str, keys: Sequence[str] = ()
) -> DataFrame:
    """A published table, or some of its partitions; partition columns last, as text.

    Raises `CatalogError` that lists the tables there are.
    """
    found = published_table(catalog, name)
    pointers = [each for key, each in found.pointers.items() if not keys or key in keys]
    frame = _frame(spark, storage, found.entry.contract, _keys(pointers))
    columns = found.entry.partition_columns
    return frame.select("*", *(_value(name, is_read=bool(pointers)) for name in columns))


def reference_frame(spark: SparkSession, storage: Storage, name: str) -> DataFrame:
    """A reference's current version. Raises `StorageError` before its first materialization."""
    version = current_version(storage, name)
    if version is None:
        raise StorageError(
            f"Expected a reference that has been materialized, found {name!r}. "
            f"Materialize reference/{name} first."
        )
    contract = Contract.from_json({"columns": version.columns})
    return _frame(spark, storage, contract, [each.key for each in version.files])


def _frame(
    spark: SparkSession, storage: Storage, contract: Contract, keys: Sequence[str]
) -> DataFrame:
    if not keys:
        return spark.createDataFrame([], contract.spark_schema())
    return spark.read.schema(contract.spark_schema()).parquet(*(storage.uri(key) for key in keys))


def _keys(pointers: Sequence[Pointer]) -> list[str]:
    return [file.key for each in pointers for file in each.files]


def _value(column: str, *, is_read: bool) -> Column:
    """A partition column by the directories' names, those of attempts and adopted ones alike."""
    if not is_read:
        return F.lit("").alias(column)
    path = F.col("_metadata.file_path")
    return F.regexp_extract(path, f"/{re.escape(column)}=([^/]+)/", 1).alias(column)
