"""A process that materializes one hour in several lakes, whose names tell a proxy what to refuse.

`python refused_on_s3.py FOLDER NAME...` prints a line of JSON for each lake: what failed, and the
rows that a reader sees.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.end_to_end.plays import HOURS, deliver
from tests.workshop import Workshop, environment

SELECT = ["raw/plays", "refined/plays", "catalog/plays"]


def main(folder: Path, names: list[str]) -> None:
    """Materialize the hour in each lake."""
    variables = environment()
    root = variables["LAKE_ROOT"]
    for name in names:
        workshop = Workshop(
            folder / name,
            raw_root=folder / "raw",
            environment={**variables, "LAKE_ROOT": f"{root}/{name}"},
        )
        deliver(workshop, "before", count=20)
        workshop.have_songs()
        result = workshop.materialize(SELECT, partition=HOURS[0])
        failures = [
            f"{each.message} {each.event_specific_data}"
            for each in result.all_events
            if each.is_failure or each.is_step_up_for_retry
        ]
        published = workshop.lake.pointers(workshop.table)
        told = {
            "name": name,
            "succeeded": result.success,
            "failures": failures,
            "rows": sum(each.rows for each in published.values()),
            "verdicts": len(list(workshop.lake.storage.list("refined/plays/_manifest/"))),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
