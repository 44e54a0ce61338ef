"""What a notebook's user writes: read ready-split lines, join, write. No ledger, no quarantine.

It silently drops what does not match, turns what does not parse into nulls, and keeps duplicates.
"""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = (
    "uuid string, device_ts timestamp, device_id int, device_temp int, track_id int, "
    "activity_type string"
)


def refine(spark: SparkSession, raw: Path, reference: str, output: Path) -> None:
    """The whole notebook: raw lines below yyyy/MM/dd/HH to Parquet by day and hour."""
    events = spark.read.schema(SCHEMA).json(f"{raw}/*/*/*/*/")
    path = F.input_file_name()
    events = events.withColumn("dt", F.regexp_extract(path, r"/(\d{4}/\d{2}/\d{2})/", 1))
    events = events.withColumn("hour", F.regexp_extract(path, r"/(\d{2})/[^/]*$", 1))
    tracks = spark.read.parquet(reference)
    joined = events.join(tracks, "track_id")
    joined.withColumn("dt", F.regexp_replace("dt", "/", "-")).write.partitionBy(
        "dt", "hour"
    ).parquet(str(output))
