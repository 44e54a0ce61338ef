"""What the refine job is held against: the short script that a notebook user writes.

It gets its input ready-split, one document a line, and does not count, quarantine or deduplicate:
`read.json`, join, `write.parquet`. Nothing of this project's pipeline is imported.

    python -m benchmarks.notebook_refine lines out
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from examples.activity import tracks

EVENTS = (
    "uuid string, device_ts timestamp, device_id int, device_temp int, "
    "track_id int, activity_type string"
)
TRACKS = "track_id int, title string, artist string, length_seconds int, release_year int"


def split_into_lines(raw: Path, lines: Path) -> None:
    """Copy the objects below `raw` (yyyy/MM/dd/HH) to `lines`, one document a line.

    What a notebook's user has done beforehand, so it belongs to no measurement. None of the generated
    strings holds `}{`.
    """
    for source in sorted(raw.glob("*/*/*/*/*.gz")):
        target = lines / source.relative_to(raw)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = gzip.decompress(source.read_bytes()).replace(b"}{", b"}\n{") + b"\n"
        target.write_bytes(gzip.compress(text, compresslevel=6, mtime=0))


def refine(spark: SparkSession, lines: Path, output: Path) -> None:
    """Join the events below `lines` with the tracks; write Parquet by hour to `output`."""
    rows = [tuple(row.values()) for row in tracks()]
    reference = spark.createDataFrame(rows, TRACKS)
    hour = F.regexp_extract(F.input_file_name(), r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]*$", 4)
    day = F.regexp_extract(F.input_file_name(), r"/(\d{4}/\d{2}/\d{2})/\d{2}/[^/]*$", 1)
    events = spark.read.schema(EVENTS).json(f"{lines.as_posix()}/*/*/*/*/*.gz")
    (
        events.withColumn("dt", F.translate(day, "/", "-"))
        .withColumn("hour", hour)
        .join(F.broadcast(reference), "track_id", "left")
        .write.partitionBy("dt", "hour")
        .parquet(output.as_posix())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Refine activity events as a notebook does.")
    parser.add_argument("lines", type=Path, help="folder of ready-split objects")
    parser.add_argument("output", type=Path, help="a folder that is not there yet")
    given = parser.parse_args()
    spark = SparkSession.builder.master("local[2]").getOrCreate()
    began = time.perf_counter()
    refine(spark, given.lines, given.output)
    print(f"seconds {time.perf_counter() - began:.2f}")
    spark.stop()


if __name__ == "__main__":
    main()
