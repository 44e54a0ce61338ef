"""The lake at hand in a notebook: `from lake_assets.notebook import open_lake`.

    lake = open_lake()
    lake.sql("select activity_type, count(*) from activity group by all")

Importing this opens nothing. Dagster and Spark are imported by what needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from resources.catalog.opening import open_catalog
from resources.explore import MOST_DOCUMENTS, Explorer, Relation
from resources.lake_storage import lake_storage
from resources.settings import Settings, load_settings
from resources.storage import open_storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class NotebookLake(Explorer):
    """An `Explorer` that knows the declarations, and gives frames of Spark as well."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is read yet."""
        self.settings = settings
        storage = lake_storage(settings)
        raw_storage = open_storage(settings.raw_root, settings.aws)
        super().__init__(storage, raw_storage, open_catalog(settings, storage))

    def raw(self, table: str, *partitions: str, most: int = MOST_DOCUMENTS) -> Relation:
        """Raw JSON documents of a declared table's partitions; see `Explorer.documents`."""
        from lake_assets.declared import declared_table  # noqa: PLC0415 imports Dagster

        return self.documents(declared_table(table).table, partitions, most)

    @cached_property
    def spark(self) -> SparkSession:
        """Spark in this process, as assets use it; started when first asked for."""
        from pyspark.sql import SparkSession  # noqa: PLC0415 slow to import

        from resources.compute.local import local_spark_config  # noqa: PLC0415 imports Spark

        builder = SparkSession.builder
        for name, value in local_spark_config(self.settings).items():
            builder = builder.config(name, value)
        return builder.getOrCreate()

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
        result: DataFrame,
        name: str,
        format: str = "parquet",  # noqa: A002 Spark's own word for it
        **options: str,
    ) -> str:
        """Write a result for colleagues to the lake's scratch prefix; gives its address."""
        from resources.scratch import save_frame  # noqa: PLC0415 imports Spark

        return save_frame(self._storage, result, name, format, options)

    def spark_reference(self, name: str) -> DataFrame:
        """A reference's current version, also as the view `reference_<name>`."""
        from resources.explore_spark import reference_frame  # noqa: PLC0415 imports Spark

        frame = reference_frame(self.spark, self._storage, name)
        frame.createOrReplaceTempView(f"reference_{name}")
        return frame


def open_lake() -> NotebookLake:
    """The lake that the settings name; in a notebook, `%%sql` cells query it from then on."""
    lake = NotebookLake(load_settings())
    _have_sql_cells(lake)
    return lake


def _have_sql_cells(lake: NotebookLake) -> None:
    try:
        from IPython import get_ipython  # noqa: PLC0415 of the extra `notebook`
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        shell.register_magic_function(lambda _, cell: lake.pandas(cell), "cell", "sql")
