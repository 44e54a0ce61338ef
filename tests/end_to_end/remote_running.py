"""A process that refines and publishes plays on an engine elsewhere, to be killed from outside.

`python -m tests.end_to_end.remote_running FOLDER RUN ENGINE` takes the lake from the environment, and
is the same run as any other of that name. It prints where each hour was published from.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import dagster as dg

from tests.end_to_end.plays import HOURS
from tests.workshop import PLAYS, Workshop

#: Plays as they come, without a reference: what is tried is where they are refined.
TABLE = PLAYS.partition("references:")[0] + (
    "deduplicate: [play_id]\npartitions: {by: hour, start: 2024-05-01, end: 2024-05-02}\n"
)


def workshop(folder: Path, engine: str) -> Workshop:
    """The lake that the environment names, whose table runs on an engine."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("LAKE_")}
    return Workshop(folder, f"{TABLE}compute: {engine}\n", environment=settings)


def main(folder: Path, run: str, engine: str) -> None:
    """Materialize the hours; the exit code is 1, with the errors, if that fails."""
    made = workshop(folder, engine)
    result = made.materialize(
        ["refined/plays", "catalog/plays"],
        span=(HOURS[0], HOURS[-1]),
        tags={"dagster/root_run_id": run},
    )
    if not result.success:
        for event in result.all_events:
            if event.is_failure:
                print(event.message, event.event_specific_data, file=sys.stderr)
        sys.exit(1)
    metadata = result.asset_materializations_for_node("refined__plays")[0].metadata
    found = {
        name: each.value
        for name, each in metadata.items()
        if isinstance(each, (dg.TextMetadataValue, dg.FloatMetadataValue, dg.IntMetadataValue))
    }
    current = made.lake.pointers(made.table)
    told = {
        "metadata": found,
        "pointers": {key: each.directory for key, each in current.items()},
        "ledgers": {key: each.ledger for key, each in current.items()},
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
