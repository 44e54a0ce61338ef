"""Sample rows into the embedded database, once: for the demo and the walk-throughs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from dagster_pyspark import LazyPySparkResource

from lake_assets.home import dagster_home
from lake_assets.progress import noise_in
from resources.compute.local import local_spark_config
from resources.lake import Lake
from resources.source_database import embedded


def load_once(
    lake: Lake,
    table: str,
    rows: Sequence[Mapping[str, int | str]],
    schema: str,
    key: Sequence[str],
) -> bool:
    """Load rows as a table, starting Spark; False if they are there already.

    Raises `DatabaseError` for a server, into which nothing is ever loaded.
    """
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    database = embedded(lake.database)
    marker = database.directory.with_name(f"{database.directory.name}.{table.lower()}")
    if database.directory.is_dir() and marker.is_file() and marker.read_text("utf-8") == digest:
        return False
    with noise_in(dagster_home(lake.settings) / "lake.log"):
        resource = LazyPySparkResource(spark_config=local_spark_config(lake.settings))
        spark = resource.spark_session
        database.load_table(spark, table, spark.createDataFrame(list(rows), schema), key)
    marker.write_text(digest, encoding="utf-8")
    return True
