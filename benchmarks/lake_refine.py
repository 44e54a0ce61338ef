"""The refine job on the generated events, as the assets run it but without Dagster around it.

python -m benchmarks.lake_refine 2m    one refine in a fresh process, with its peak of memory
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import time
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks import datasets
from examples.activity import tracks
from resources.compute.local import local_spark_config
from resources.settings import load_settings
from resources.storage import FolderStorage
from spark.contract import Column, Contract
from spark.refining import RefineReport, run_refine
from spark.spec import CleanSpec, JoinSpec, PartitionInput, RawObject, RawSpec, RefineSpec

RAW = Contract(
    (
        Column("uuid", "string", nullable=False),
        Column("device_ts", "timestamp"),
        Column("device_id", "int"),
        Column("device_temp", "int"),
        Column("track_id", "int"),
        Column("activity_type", "string"),
    )
)
TRACKS = Contract(
    (
        Column("track_id", "int", nullable=False),
        Column("title", "string"),
        Column("artist", "string"),
        Column("length_seconds", "int"),
        Column("release_year", "int"),
    )
)


def session() -> SparkSession:
    """Spark as the local engine starts it."""
    builder = SparkSession.builder
    for key, value in local_spark_config(
        load_settings({"LAKE_ROOT": str(datasets.home())})
    ).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def write_reference(spark: SparkSession) -> str:
    """The tracks as a reference's version; returns its URI."""
    target = datasets.home() / "tracks"
    rows = [tuple(each.values()) for each in tracks()]
    frame = spark.createDataFrame(rows, TRACKS.spark_schema()).coalesce(1)
    frame.write.mode("overwrite").parquet(str(target))
    return str(target)


def raw_hours(size: str, count: int) -> dict[str, list[RawObject]]:
    """The raw objects of the first hours, by hour as `2026/11/01/05`."""
    storage = FolderStorage(datasets.events(size))
    hours: dict[str, list[RawObject]] = {}
    for info in storage.list(""):
        hour = info.key.rpartition("/")[0]
        hours.setdefault(hour, []).append(RawObject(info.key, storage.uri(info.key), info.size))
    return dict(sorted(hours.items())[:count])


def refine(
    spark: SparkSession, hours: dict[str, list[RawObject]], reference: str, output: Path
) -> RefineReport:
    """Refine hours of events into `output`, which must not exist."""
    taken = [column for column in TRACKS.columns if column.name != "track_id"]
    spec = RefineSpec(
        table="activity",
        attempt="bench",
        partitions=tuple(
            PartitionInput(
                hour.replace("/", "-"),
                {"dt": hour[:10].replace("/", "-"), "hour": hour[11:]},
                tuple(objects),
            )
            for hour, objects in hours.items()
        ),
        raw=RawSpec("json", RAW),
        row_filter=None,
        deduplicate=("uuid",),
        joins=(
            JoinSpec(
                "tracks",
                reference,
                TRACKS,
                {"track_id": "track_id"},
                {column.name: column.name for column in taken},
                "keep",
            ),
        ),
        clean=CleanSpec(None, (), {}, {}),
        published=Contract(
            (*RAW.columns, *[dataclasses.replace(column, nullable=True) for column in taken])
        ),
        output=str(output / "refined"),
        quarantine=str(output / "quarantine"),
    )
    return run_refine(spark, spec)


def timed(spark: SparkSession, size: str, reference: str, hours: int = datasets.HOURS) -> float:
    """Seconds that one refine of a week or less takes; what it wrote is removed."""
    output = datasets.home() / "lake-out"
    shutil.rmtree(output, ignore_errors=True)
    found = raw_hours(size, hours)
    began = time.perf_counter()
    refine(spark, found, reference, output)
    seconds = time.perf_counter() - began
    shutil.rmtree(output)
    return seconds


def peak_bytes(spark: SparkSession) -> int:
    """The most memory that the JVM has had at once, as Linux counts it."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    pid = jvm.java.lang.ProcessHandle.current().pid()
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Refine once and print the seconds and the peak of memory."""
    parser = argparse.ArgumentParser(description="Refine generated events once.")
    parser.add_argument("size", choices=sorted(datasets.EVENTS_PER_HOUR))
    size = parser.parse_args().size
    spark = session()
    seconds = timed(spark, size, write_reference(spark))
    print(f"refine_{size}_seconds {seconds:.2f}")
    print(f"refine_{size}_peak_bytes {peak_bytes(spark)}")


if __name__ == "__main__":
    main()
