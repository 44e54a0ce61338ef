"""A process whose Spark reads and writes S3: one JVM can load the connector only when it starts.

`python on_s3.py FOLDER FIRST LAST` takes where S3 is from the environment, loads the tracks into
the embedded database in FOLDER, materializes the radio table for the hours, and prints what a
reader of the published table sees. Before that it reads and writes objects of awkward names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from lake_assets.resources import lake_resources
from resources.source_database import embedded
from resources.storage import Storage
from tests.end_to_end.conftest import DECLARATION, RADIO
from tests.resources.keys import AWKWARD_KEYS
from tests.workshop import Row, Workshop, environment

AWKWARD_PREFIX = "[t] #%20 {a,b}*?/attempt=1"


def main(folder: Path, first: str, last: str) -> None:
    """Materialize all four assets for the hours, and tell what came of it."""
    workshop = Workshop(folder, DECLARATION, environment=environment())
    spark: SparkSession = lake_resources(workshop.settings)["pyspark"].spark_session  # type: ignore[attr-defined]
    told: dict[str, object] = {"awkward": awkward(spark, workshop.lake.storage)}
    tracks = spark.read.option("header", True).schema(
        workshop.table.joins[0].reference.contract.spark_schema()
    )
    embedded(workshop.lake.database).load_table(
        spark, "TRACKS", tracks.csv(str(RADIO / "tracks.csv")), ["track_id"]
    )
    result = workshop.materialize(span=(first, last))
    if not result.success:
        failures = [each for each in result.all_events if each.is_failure]
        told["failed"] = [f"{each.message} {each.event_specific_data}" for each in failures]
    else:
        told["rows"] = workshop.query(
            "SELECT play_id, station, track_id, song, track_name, dt, hour FROM radio"
        )
        told["quarantined"] = [
            (row["document"], row["source_object"]) for row in quarantined(workshop.lake.storage)
        ]
        told["one_hour"] = workshop.query(
            f"SELECT count(*) AS n FROM radio WHERE hour = '{last[-2:]}'"
        )
    print(json.dumps(told), flush=True)


def quarantined(storage: Storage) -> list[Row]:
    """Everything that lies in quarantine."""
    rows: list[Row] = []
    for info in storage.list("quarantine/"):
        if info.key.endswith(".parquet"):
            with storage.open_input(info.key) as file:
                rows += pq.read_table(file).to_pylist()
    return rows


def awkward(spark: SparkSession, storage: Storage) -> list[str]:
    """Names of objects that Spark did not read or write as they are."""
    for key in AWKWARD_KEYS:
        storage.write(key, key.encode())
    storage.write("raw/a.json", b"what a glob of [a] would find")
    wrong = [
        key
        for key in AWKWARD_KEYS
        if [row.value for row in spark.read.text(storage.uri(key)).collect()] != [key]
    ]
    spark.range(3).write.parquet(storage.target_uri(AWKWARD_PREFIX))
    if spark.read.parquet(storage.uri(AWKWARD_PREFIX)).count() != 3:
        wrong.append(AWKWARD_PREFIX)
    return wrong


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
