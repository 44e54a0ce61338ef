"""From an object's arrival to its rows in the published table, under `dagster dev`, part by part.

An object comes when nothing is under way, so that no wait for another run is in it. The parts are
read from Dagster's events; what readers see is asked twice a second.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import dagster as dg

from benchmarks.living import Living, stop

#: Arrivals that are measured, after one that is not; LAKE_ARRIVALS=6 for fewer.
ARRIVALS = int(os.environ.get("LAKE_ARRIVALS", "50"))
#: No further object is sent after this long; the figure `delay_arrivals` says how many there were.
LONGEST_SECONDS = 45 * 60.0
#: One arrival may take this long, on a machine that is busy with other things.
_PATIENCE_SECONDS = 600.0
#: An event of a run, and the part of the delay that ends with it.
_ENDS = (
    (dg.DagsterEventType.RUN_ENQUEUED, "until_asked_for"),
    (dg.DagsterEventType.RUN_STARTING, "in_queue"),
    (dg.DagsterEventType.RUN_START, "process_start"),
)
#: The parts that are not ours: what Dagster's daemon waits and its launcher does.
_DAGSTERS = ("until_asked_for", "in_queue", "process_start")


def figures() -> Iterator[tuple[str, float]]:
    """Medians in seconds of each part, and of the whole with what nine of ten arrivals stay below."""
    with tempfile.TemporaryDirectory(prefix="lake-delay-", ignore_cleanup_errors=True) as folder:
        parts = _measured(Living(Path(folder)))
    yield "delay_arrivals", len(parts["whole"])
    for name, seconds in parts.items():
        yield f"delay_{name}_seconds", median(seconds)
    if len(parts["whole"]) > 1:
        yield "delay_whole_p90_seconds", quantiles(parts["whole"], n=10, method="inclusive")[-1]


def _measured(living: Living) -> dict[str, list[float]]:
    """The parts of each arrival's delay, until there are enough or the time is up."""
    parts: defaultdict[str, list[float]] = defaultdict(list)
    until = time.monotonic() + LONGEST_SECONDS
    process = living.start()
    try:
        for number in range(ARRIVALS + 1):
            found = _arrival(living)
            print(
                f"# arrival {number} of {ARRIVALS}: {found['whole']:.1f} s",
                file=sys.stderr,
                flush=True,
            )
            for name, part in found.items() if number else ():
                parts[name].append(part)
            if len(parts["whole"]) > 1 and time.monotonic() > until:
                break
    finally:
        stop(process)
    return parts


def _arrival(living: Living) -> dict[str, float]:
    """Send an object, and wait for its rows and for the end of the run."""
    arrived = time.time()
    living.send(datetime.now(UTC))
    if not living.wait_until_whole(_PATIENCE_SECONDS):
        log = (living.root / "dagster-dev.log").read_text(errors="replace")
        raise TimeoutError(f"Expected the beats to be published within ten minutes.\n{log[-3000:]}")
    found = _parts(living, arrived, time.time())
    if not living.wait_until_idle(_PATIENCE_SECONDS):
        raise TimeoutError(f"Expected the run to end within ten minutes: {living.unfinished()}.")
    return found


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
    refined = next(
        e.timestamp
        for e in events
        if _type(e) is dg.DagsterEventType.STEP_SUCCESS and (e.step_key or "").startswith("refined")
    )
    found["refined"], found["published"] = refined - before, seen - refined
    found["of_dagster"] = sum(found[name] for name in _DAGSTERS)
    found["whole"] = seen - arrived
    return found


def _type(entry: dg.EventLogEntry) -> dg.DagsterEventType | None:
    return entry.dagster_event.event_type if entry.dagster_event else None
