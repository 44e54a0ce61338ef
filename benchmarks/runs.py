"""What runs cost around the Spark job: one range against many hours, and each part of a small one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from pyspark.sql import SparkSession

from benchmarks import datasets
from benchmarks.lake_refine import TRACKS
from examples.activity import Options, tracks, write_activity
from lake_assets.component import checked_references, table_definitions
from lake_assets.declaration import TableModel
from lake_assets.resources import lake_resources
from resources.compute.local import LocalCompute
from resources.lake import Lake
from resources.settings import load_settings
from resources.source_database import embedded
from resources.table import Table
from spark.refining import RefineReport
from spark.snapshot import SnapshotReport, SnapshotSpec
from spark.spec import RefineSpec

#: Runs of one hour that are measured; the others are taken to cost the same. LAKE_SINGLE_RUNS=1 for fewer.
MEASURED = int(os.environ.get("LAKE_SINGLE_RUNS", "12"))
START, DAYS = datetime(2026, 10, 1, tzinfo=UTC), 30
#: Days of the backfill; LAKE_BACKFILL_DAYS=2 for fewer.
BACKFILLED = int(os.environ.get("LAKE_BACKFILL_DAYS", str(DAYS)))
#: A run may take this long before it is ended, whatever else the machine does.
_PATIENCE_SECONDS = 900.0


def declared() -> tuple[TableModel, Table]:
    """A month of hours of small events, joined to the tracks."""
    model = TableModel.model_validate(
        {
            "table": "week",
            "raw": {
                "source": "activity",
                "columns": [
                    {"name": "uuid", "type": "string", "nullable": False},
                    {"name": "device_ts", "type": "timestamp"},
                    {"name": "track_id", "type": "int"},
                ],
            },
            "references": [
                {
                    "name": "week_tracks",
                    "table": "TRACKS",
                    "key": ["track_id"],
                    "columns": [each.to_json() for each in TRACKS.columns],
                }
            ],
            "joins": [{"reference": "week_tracks", "match": {"track_id": "track_id"}}],
            "deduplicate": ["uuid"],
            "partitions": {"start": START, "end": START + timedelta(days=DAYS)},
        }
    )
    return model, model.to_table(checked_references(model, {}, None))


def prepare(spark: SparkSession, root: Path, hours: int) -> None:
    """Raw events, the tracks in the database, and their snapshot."""
    shutil.rmtree(root, ignore_errors=True)
    events = Options(start=START, hours=hours, events_per_hour=250, objects_per_hour=1)
    write_activity(root, events, processes=2)
    lake = Lake(load_settings({"LAKE_ROOT": str(root)}))
    rows = [tuple(each.values()) for each in tracks()]
    frame = spark.createDataFrame(rows, TRACKS.spark_schema())
    embedded(lake.database).load_table(spark, "TRACKS", frame, ["track_id"])
    _, table = declared()
    with lake.database.exclusive(spark, "the benchmark") as source:
        lake.snapshot(LocalCompute(spark), table.joins[0].reference, source.options())


def materialize(root: Path, keys: list[str]) -> None:
    """One Dagster run of raw, refined and catalog over a contiguous range."""
    model, table = declared()
    definitions = table_definitions(model, table)
    tags = (
        {"dagster/partition": keys[0]}
        if len(keys) == 1
        else {
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        }
    )
    selection = dg.AssetSelection.groups("week") - dg.AssetSelection.assets(
        ["reference", "week_tracks"]
    )
    dg.materialize(
        [each for each in definitions.assets or [] if isinstance(each, dg.AssetsDefinition)],
        selection=selection,
        resources=lake_resources(load_settings({"LAKE_ROOT": str(root)})),
        tags=tags,
    )


def single_runs_over_range(spark: SparkSession, days: int) -> Iterator[tuple[str, float]]:
    """Processes as Dagster starts them: one for all hours, against one for each."""
    root, hours = datasets.home() / "runs", 24 * days
    prepare(spark, root, hours)
    _, table = declared()
    last = START + timedelta(hours=hours - 1)
    keys = table.partitions.between(*(table.partitions.key_of(each) for each in (START, last)))
    whole = _in_a_process(root, keys)
    lake = Lake(load_settings({"LAKE_ROOT": str(root)}))
    attempts = {each.attempt for each in lake.pointers(table).values()}
    assert lake.pointers(table).keys() == set(keys)
    single = [_in_a_process(root, [key]) for key in keys[:: hours // MEASURED][:MEASURED]]
    shutil.rmtree(root)
    yield f"range_of_{hours}_jobs", len(attempts)
    yield f"range_of_{hours}_seconds", whole
    yield f"single_run_of_{hours}_seconds", sum(single) / len(single)
    yield f"single_runs_over_range_of_{hours}", sum(single) / len(single) * hours / whole


def _in_a_process(root: Path, keys: list[str]) -> float:
    code = (
        "from pathlib import Path; from benchmarks.runs import materialize; "
        f"materialize(Path({str(root)!r}), {keys!r})"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DAGSTER_HOME": ""},
        timeout=_PATIENCE_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"Expected a run of {keys[0]} to succeed:\n{done.stderr[-3000:]}")
    seconds = time.perf_counter() - began
    print(
        f"# {len(keys)} partitions from {keys[0]} in one run: {seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    return seconds


def overhead_seconds(spark: SparkSession) -> Iterator[tuple[str, float]]:
    """One small hour on a warm session, part by part; the last part is what Dagster adds."""
    root = datasets.home() / "runs"
    prepare(spark, root, 24)
    _, table = declared()
    lake = Lake(load_settings({"LAKE_ROOT": str(root)}))
    compute = _Timed(spark)
    key = table.partitions.key_of(START)
    for _ in range(3):  # the last one counts: warm code, warm session
        compute.seconds = 0.0
        listing = _seconds(lambda: lake.raw(table, [key]))
        refining = _seconds(lambda: lake.refine(compute, table, [key]))
        publishing = _seconds(lambda: lake.publish(table, [key]))
    for _ in range(2):
        in_dagster = _seconds(lambda: materialize(root, [key]))
    audit = refining - compute.seconds
    yield "overhead_listing_seconds", listing
    yield "overhead_spark_job_seconds", compute.seconds
    yield "overhead_audit_seconds", audit
    yield "overhead_publish_seconds", publishing
    yield "overhead_dagster_seconds", in_dagster - listing - refining - publishing
    yield "overhead_seconds", in_dagster - compute.seconds


class _Timed:
    """The local engine with a watch on the Spark job."""

    def __init__(self, spark: SparkSession) -> None:
        self.compute = LocalCompute(spark)
        self.seconds = 0.0

    def refine(self, spec: RefineSpec) -> RefineReport:
        began = time.perf_counter()
        report = self.compute.refine(spec)
        self.seconds += time.perf_counter() - began
        return report

    def snapshot(self, spec: SnapshotSpec, known: Collection[str]) -> SnapshotReport:
        return self.compute.snapshot(spec, known)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
