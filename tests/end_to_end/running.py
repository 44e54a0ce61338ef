"""A process that materializes three hours of plays through Dagster, to be killed from outside.

`python running.py ROOT` says `session` once Spark has started, goes on at a line of input, and says
`done` when everything is published.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lake_assets.resources import lake_resources
from tests.end_to_end.plays import HOURS
from tests.workshop import Workshop, environment


def main(root: Path) -> None:
    """Materialize all four assets for the range."""
    workshop = Workshop(root, environment=environment())
    lake_resources(workshop.settings)["pyspark"].spark_session  # type: ignore[attr-defined]  # noqa: B018
    print("session", flush=True)
    sys.stdin.readline()
    result = workshop.materialize(span=(HOURS[0], HOURS[-1]))
    if not result.success:
        for event in result.all_events:
            if event.is_failure:
                print(event.message, event.event_specific_data, file=sys.stderr)
        sys.exit(1)
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
