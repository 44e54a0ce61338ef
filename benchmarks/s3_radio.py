"""The week of radio data on S3 against the same in a folder, each in a warm process, in turns.

`python -m benchmarks.s3_radio FOLDER` is one of the processes: where its lake lies it takes from the
environment. It prints the seconds of a run for each line of input. The data lies beside the project.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks import datasets
from lake_assets.resources import lake_resources
from resources.aws import aws_client
from resources.source_database import embedded
from resources.storage import S3Storage
from tests.end_to_end.conftest import DECLARATION, RADIO
from tests.end_to_end.test_radio import WEEK
from tests.servers.versitygw import KEYS, versitygw_server
from tests.workshop import Workshop, environment

#: Until then the JVM is still compiling.
WARM_UPS, ROUNDS = 3, 5
SELECT = ["raw/radio", "refined/radio", "catalog/radio"]


def figures() -> Iterator[tuple[str, float]]:
    """Seconds of each, and their ratio."""
    os.environ.update(KEYS)
    home = datasets.home() / "radio"
    shutil.rmtree(home, ignore_errors=True)
    with versitygw_server() as server:
        raw = S3Storage("radio", "raw", server.aws)
        aws_client(server.aws, "s3").create_bucket(Bucket=raw.bucket)
        for path in sorted((RADIO / "plays").rglob("*.gz")):
            raw.write(str(path.relative_to(RADIO)), path.read_bytes())
        on_s3 = {
            "LAKE_ROOT": "s3://radio/lake",
            "LAKE_RAW_ROOT": raw.root,
            "LAKE_S3_ENDPOINT": server.aws.endpoints["s3"],
            "LAKE_AWS_REGION": server.aws.region,
        }
        in_folder = {"LAKE_RAW_ROOT": str(RADIO)}
        with _lake(home / "s3", on_s3) as there, _lake(home / "folder", in_folder) as here:
            for _ in range(WARM_UPS):
                _seconds(there), _seconds(here)
            pairs = [(_seconds(there), _seconds(here)) for _ in range(ROUNDS)]
    yield "radio_on_s3_seconds", statistics.median(there for there, _ in pairs)
    yield "radio_in_folder_seconds", statistics.median(here for _, here in pairs)
    yield "radio_s3_over_folder", statistics.median(there / here for there, here in pairs)


@contextmanager
def _lake(folder: Path, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.s3_radio", str(folder)],
        env={**os.environ, "LAKE_SPARK_MEMORY": "1g", **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.communicate()


def _seconds(process: subprocess.Popen[str]) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    for line in process.stdout:
        name, _, value = line.partition(" ")
        if name == "seconds":
            return float(value)
    raise RuntimeError("expected a figure of the process, which has ended")


def main(folder: Path) -> None:
    """Load the tracks, then run once for each line."""
    workshop = Workshop(folder, DECLARATION, environment=environment())
    spark = lake_resources(workshop.settings)["pyspark"].spark_session  # type: ignore[attr-defined]
    load_tracks(workshop, spark)
    for _ in sys.stdin:
        began = time.perf_counter()
        assert workshop.materialize(SELECT, span=WEEK).success
        print(f"seconds {time.perf_counter() - began}", flush=True)


def load_tracks(workshop: Workshop, spark: SparkSession) -> None:
    """Fill the database with the tracks and take their snapshot."""
    reference = workshop.table.joins[0].reference
    tracks = spark.read.option("header", "true").schema(reference.contract.spark_schema())
    embedded(workshop.lake.database).load_table(
        spark, "TRACKS", tracks.csv(str(RADIO / "tracks.csv")), ["track_id"]
    )
    assert workshop.materialize([f"reference/{reference.name}"]).success


if __name__ == "__main__":
    main(Path(sys.argv[1]))
