"""From an object's arrival to its rows in the published table, under `dagster dev`, part by part.

An object comes when nothing is under way, so that no wait for another run is in it. The parts are
read from Dagster's events; what readers see is asked twice a second.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import dagster as dg

from benchmarks.living import Living, stop

#: Arrivals that are measured, after one that is not; LAKE_ARRIVALS=6 for fewer.
ARRIVALS = int(os.environ.get("LAKE_ARRIVALS", "50"))
#: An event of a run, and the part of the delay that ends with it.
_ENDS = (
    (dg.DagsterEventType.RUN_ENQUEUED, "until_asked_for"),
    (dg.DagsterEventType.RUN_STARTING, "in_queue"),
    (dg.DagsterEventType.RUN_START, "process_start"),
)
#: The parts that are not ours: what Dagster's daemon waits and its launcher does.
_DAGSTERS = ("until_asked_for", "in_queue", "process_start")


def figures() -> Iterator[tuple[str, float]]:
    """Medians in seconds of each part, and of the whole."""
    parts: defaultdict[str, list[float]] = defaultdict(list)
    living = Living(Path(tempfile.mkdtemp(prefix="lake-delay-")))
    process = living.start()
    try:
        for number in range(ARRIVALS + 1):
            arrived = time.time()
            living.send(datetime.now(UTC))
            if not living.wait_until_whole(600):
                raise TimeoutError("Expected the beats to be published within ten minutes.")
            if number:
                for name, part in _parts(living, arrived, time.time()).items():
                    parts[name].append(part)
    finally:
        stop(process)
    for name, seconds in parts.items():
        yield f"delay_{name}_seconds", median(seconds)


def _parts(living: Living, arrived: float, seen: float) -> dict[str, float]:
    """The parts of the last arrival's delay; they add up to the whole."""
    with living.instance() as instance:
        (reported,) = instance.fetch_materializations(dg.AssetKey(["raw", "beats"]), 1).records
        (run,) = instance.get_run_records(limit=1)
        events = instance.all_logs(run.dagster_run.run_id)
    found = {"until_reported": reported.timestamp - arrived}
    before = reported.timestamp
    for event_type, name in _ENDS:
        at = next(e.timestamp for e in events if _type(e) is event_type)
        found[name], before = at - before, at
    for step in ("refined", "catalog"):
        at = max(
            e.timestamp
            for e in events
            if _type(e) is dg.DagsterEventType.STEP_SUCCESS and (e.step_key or "").startswith(step)
        )
        found[step], before = at - before, at
    found["of_dagster"] = sum(found[name] for name in _DAGSTERS)
    found["whole"] = seen - arrived
    return found


def _type(entry: dg.EventLogEntry) -> dg.DagsterEventType | None:
    return entry.dagster_event.event_type if entry.dagster_event else None
