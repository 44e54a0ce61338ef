"""The lake at hand in a notebook: `from lake_assets.notebook import open_lake`.

    lake = open_lake()
    lake.sql("select activity_type, count(*) from activity group by all")

Importing this opens nothing. Dagster and Spark are imported by what needs them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from lake_assets.cli_print import say, size
from lake_assets.notebook_cells import have_cells
from resources.browse import query_athena
from resources.catalog.opening import open_athena, open_catalog, open_glue
from resources.collecting import guard_collects
from resources.errors import CatalogError
from resources.explore import MOST_DOCUMENTS, MOST_ROWS, Explorer, Relation, polars_frame
from resources.explore_errors import explained
from resources.lake_storage import lake_storage
from resources.scratch import saved_results
from resources.settings import Settings, load_settings
from resources.storage import open_storage
from spark.errors import LakeError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from pyspark.sql import DataFrame, SparkSession

_SAVED = pa.schema(
    [
        ("name", pa.string()),
        ("address", pa.string()),
        ("files", pa.int64()),
        ("bytes", pa.int64()),
        ("saved", pa.timestamp("us", "UTC")),
        ("stays_until", pa.timestamp("us", "UTC")),
    ]
)


class NotebookLake(Explorer):
    """An `Explorer` that knows the declarations, and gives frames of Spark as well."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is read yet."""
        self.settings = settings
        self._spark: SparkSession | None = None
        storage = lake_storage(settings)
        raw_storage = open_storage(settings.raw_root, settings.aws)
        super().__init__(storage, raw_storage, open_catalog(settings, storage))

    def raw(self, table: str, *partitions: str, most: int = MOST_DOCUMENTS) -> Relation:
        """Raw JSON documents of a declared table's partitions; see `Explorer.documents`."""
        from lake_assets.declared import declared_table  # noqa: PLC0415 imports Dagster

        return self.documents(declared_table(table).table, partitions, most)

    @property
    def spark(self) -> SparkSession:
        """Spark in this process, as assets use it, or on the Spark Connect server that is set.

        A new session where the last one is gone. In this process, frames that are large are measured
        before `collect`, `toPandas` or `toArrow` fetches them.
        """
        if self.settings.spark_remote:
            return self._remote_spark(self.settings.spark_remote)
        from resources import explore_session  # noqa: PLC0415 imports Spark

        if self._spark is None or not explore_session.is_alive(self._spark):
            explore_session.forget_lost_jvm()
            self._spark = explore_session.open_session(self.settings)
            guard_collects()
        return self._spark

    def _remote_spark(self, address: str) -> SparkSession:
        from resources.spark_connect import connected  # noqa: PLC0415 imports Spark

        if not address.startswith("emr://"):
            return connected(address)
        from resources.compute.emr_sessions import EmrSessions, SessionAddress  # noqa: PLC0415 boto3
        from resources.emr_connect import emr_channel  # noqa: PLC0415 optional

        sessions = EmrSessions(self.settings.aws, self.settings.root)
        return connected(address, lambda: emr_channel(sessions, SessionAddress.of(address)))

    def sql(self, query: str, engine: str = "duckdb") -> Relation:
        """A query on published tables: as a relation, or on Athena, which costs money, at once.

        Athena gives 100,000 rows at most, with a warning where there are more, and calls tables as
        Glue does. Raises `CatalogError` with the engine's message and position.
        """
        if engine == "duckdb":
            return super().sql(query)
        if engine != "athena":
            raise CatalogError(f"Expected the engine 'duckdb' or 'athena', found {engine!r}.")
        athena, glue = open_athena(self.settings), open_glue(self.settings, self._storage)
        found = query_athena(athena, glue, query, MOST_ROWS)
        say(f"{size(found.bytes_scanned)} scanned by Athena, about {found.cost_usd:.5f} USD")
        if not found.is_whole:
            warnings.warn(f"These are the first {MOST_ROWS:,} rows.", stacklevel=2)
        return self.connection.from_arrow(found.table)

    def pandas(self, query: str | Relation | DataFrame, most: int = MOST_ROWS) -> pd.DataFrame:
        """At most so many rows as a data frame, of a query, a relation or a frame of Spark."""
        if isinstance(query, str | Relation):
            return super().pandas(query, most)
        frame: pd.DataFrame = query.limit(most + 1).toPandas()
        if len(frame) > most:
            warnings.warn(f"These are the first {most:,} rows; there are more.", stacklevel=2)
        return frame.head(most)

    def polars(self, query: str | Relation | DataFrame, most: int = MOST_ROWS) -> pl.DataFrame:
        """The same for Polars."""
        if isinstance(query, str | Relation):
            return super().polars(query, most)
        rows = query.limit(most + 1).toArrow()
        if len(rows) > most:
            warnings.warn(f"These are the first {most:,} rows; there are more.", stacklevel=2)
        return polars_frame(rows.slice(0, most))

    def spark_table(self, name: str, partitions: Sequence[str] = ()) -> DataFrame:
        """A published table, or some partitions, as a frame and as a temporary view of its name."""
        from resources.explore_spark import table_frame  # noqa: PLC0415 imports Spark

        frame = table_frame(self.spark, self._catalog, self._storage, name, partitions)
        frame.createOrReplaceTempView(name)
        return frame

    def files(
        self,
        path: str,
        format: str = "",  # noqa: A002 Spark's own word for it
        *,
        encoding: str = "UTF-8",
        columns: Mapping[str, str] | None = None,
        **options: str,
    ) -> DataFrame:
        """Files of a folder or of S3 as a frame; see `read_files`, `options` are Spark's own."""
        from resources.explore_files import read_files  # noqa: PLC0415 imports Spark

        return read_files(
            self.spark, path, format, encoding=encoding, columns=columns, options=options
        )

    def database_table(self, name: str) -> DataFrame:
        """A table of the source database as it is now: a reference by its name, or any table."""
        from lake_assets.declared import declared_tables  # noqa: PLC0415 imports Dagster
        from resources.explore_database import reference_rows, table_rows  # noqa: PLC0415
        from resources.source_database import lake_database  # noqa: PLC0415 imports Spark

        database = lake_database(self.settings)
        for each in declared_tables().values():
            for join in each.table.joins:
                if join.reference.name == name:
                    return reference_rows(self.spark, database, join.reference)
        return table_rows(self.spark, database, name)

    def save(
        self,
        result: DataFrame | Relation | pd.DataFrame,
        name: str,
        format: str = "parquet",  # noqa: A002 Spark's own word for it
        *,
        encoding: str = "UTF-8",
        **options: str,
    ) -> str:
        """Write a result for colleagues to the lake's scratch prefix, and give its address.

        A frame of Spark goes to any format that `files` reads, with Spark's `options`; a relation
        or a data frame to Parquet or CSV, without Spark.
        """
        from pyspark.sql import DataFrame as SparkFrame  # noqa: PLC0415 slow to import

        from resources.explore_save import save_frame, save_relation  # noqa: PLC0415

        if isinstance(result, SparkFrame):
            return save_frame(
                self._storage, result, name, format, encoding=encoding, options=options
            )
        relation = result if isinstance(result, Relation) else self.connection.from_df(result)
        return save_relation(self._storage, relation, name, format, encoding)

    def scratch(self) -> Relation:
        """What was saved: name, address, files, bytes, when, and until when it stays at least."""
        kept = timedelta(days=self.settings.scratch_days)
        rows = [
            {
                "name": each.name,
                "address": self._storage.target_uri(each.directory),
                "files": each.files,
                "bytes": each.bytes,
                "saved": each.saved,
                "stays_until": each.saved + kept,
            }
            for each in saved_results(self._storage)
        ]
        return self.connection.from_arrow(pa.Table.from_pylist(rows, _SAVED))

    def spark_reference(self, name: str) -> DataFrame:
        """A reference's current version, also as the view `reference_<name>`."""
        from resources.explore_spark import reference_frame  # noqa: PLC0415 imports Spark

        frame = reference_frame(self.spark, self._storage, name)
        frame.createOrReplaceTempView(f"reference_{name}")
        return frame


def open_lake(spark: str = "") -> NotebookLake:
    """The lake that the settings name; in a notebook, `%%sql` cells query it from then on.

    `spark` is the address of a Spark Connect server, in place of LAKE_SPARK_REMOTE: sc://host:port,
    or the session on EMR that `lake notebook --on emr-connect` names.
    """
    settings = load_settings()
    lake = NotebookLake(replace(settings, spark_remote=spark or settings.spark_remote))
    _have_cells(lake)
    return lake


def _have_cells(lake: NotebookLake) -> None:
    try:
        from IPython import get_ipython  # noqa: PLC0415 of the extra `notebook`
    except ImportError:
        return
    shell = get_ipython()
    if shell is None:
        return
    settings = lake.settings

    def explain(error: BaseException) -> LakeError | None:
        return explained(error, settings.aws.region, settings.spark_remote)

    def run_sql(line: str, cell: str) -> pd.DataFrame:
        return lake.pandas(lake.sql(cell, line.strip() or "duckdb"))

    have_cells(shell, run_sql, explain)
