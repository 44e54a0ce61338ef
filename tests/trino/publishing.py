"""A process that publishes a table of every type from JSON on S3, in two steps of its contract.

`python publishing.py FOLDER` takes where S3 and Glue are from the environment. After the first hour
a column is widened and one is added; the second hour has them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.workshop import Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
DECLARATION = """
table: readings
description: A value of every type.
raw:
  source: readings
  columns:
    - {name: id, type: string, nullable: false}
    - {name: number, type: int}
    - {name: large, type: bigint}
    - {name: price, type: "decimal(12,2)"}
    - {name: ratio, type: double}
    - {name: share, type: float}
    - {name: is_new, type: boolean}
    - {name: day, type: date}
    - {name: at, type: timestamp}
    - {name: tags, type: "array<string>"}
    - {name: place, type: "struct<name:string,floor:int>"}
    - {name: counts, type: "map<string,int>"}
partitions: {by: hour, start: 2024-05-01, end: 2024-05-02}
"""
GROWN = DECLARATION.replace("number, type: int", "number, type: bigint").replace(
    "partitions:", "    - {name: note, type: string, comment: Added later.}\npartitions:"
)
FULL = {
    "id": "whole, ein Wert, 값 😀",
    "number": -7,
    "large": 9007199254740993,
    "price": -1234567890.05,
    "ratio": 0.1,
    "share": 0.5,
    "is_new": True,
    "day": "1969-12-31",
    "at": "2024-05-01T05:06:07.123456Z",
    "tags": ["a", None, ""],
    "place": {"name": "Halle", "floor": -1},
    "counts": {"a": 1, "b": None},
}


def main(folder: Path) -> None:
    """Publish both hours and print what DuckDB reads of them."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("LAKE_")}
    workshop = Workshop(folder, DECLARATION, environment=settings)
    raw = workshop.lake.raw_storage
    raw.write("readings/2024/05/01/05/a.json", _text([FULL, {"id": "empty"}]))
    raw.write(
        "readings/2024/05/01/06/a.json", _text([{"id": "late", "number": 2**40, "note": "n"}])
    )
    for declaration, hour in ((DECLARATION, FIVE), (GROWN, SIX)):
        workshop.declare(declaration)
        result = workshop.materialize(partition=hour)
        failures = [f"{each.event_specific_data}" for each in result.all_events if each.is_failure]
        if failures:
            sys.exit("\n".join(failures))
    rows = workshop.query("SELECT * FROM readings ORDER BY hour, id")
    print(json.dumps({"rows": rows}, default=str), flush=True)


def _text(documents: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(each) for each in documents).encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
