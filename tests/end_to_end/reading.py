"""A process that queries the table all the while and prints, at the end, everything it ever saw.

`python reading.py ROOT` says `reading` once it does, and ends when its standard input does.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path

from spark.errors import LakeError
from tests.end_to_end.plays import HOURS, seen
from tests.workshop import Workshop, environment

#: What is noted for a partition that a query did not show.
ABSENT = (0, "absent")
#: Between two queries, so that whoever is being watched gets on.
PAUSE_SECONDS = 0.05


def main(root: Path) -> None:
    """Collect the distinct states of each partition, and every error."""
    lake = Workshop(root, environment=environment()).lake
    states: dict[str, set[tuple[int, str]]] = {}
    errors: list[str] = []
    queries = 0
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        try:
            found = seen(lake)
            for key in HOURS:
                states.setdefault(key, set()).add(found.get(key, ABSENT))
        except LakeError as error:
            errors.append(str(error))
        queries += 1
        if queries == 1:
            print("reading", flush=True)
    told = {key: sorted(each) for key, each in states.items()}
    print(json.dumps({"queries": queries, "states": told, "errors": errors}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
