"""The events that are measured on: generated once, kept in the system's folder for such things."""

from __future__ import annotations

import gzip
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from examples.activity import Options, write_activity

HOURS, OBJECTS_PER_HOUR = 168, 2
EVENTS_PER_HOUR = {"2m": 14_286, "24m": 142_860}
#: One document in so many is malformed, and one has a value of the wrong type.
BAD_ONE_IN = 100_000


def home() -> Path:
    """Where data sets and results are kept between runs."""
    return Path(tempfile.gettempdir()) / "lake-assets-bench"


def options(size: str, *, start: datetime = datetime(2026, 11, 1, tzinfo=UTC)) -> Options:
    """A week of hours, `size` events in all, 0.5 % of them delivered twice."""
    return Options(
        start=start,
        hours=HOURS,
        events_per_hour=EVENTS_PER_HOUR[size],
        objects_per_hour=OBJECTS_PER_HOUR,
        malformed=1 / BAD_ONE_IN,
        wrong_type=1 / BAD_ONE_IN,
    )


def events(size: str) -> Path:
    """The folder of the raw objects (yyyy/MM/dd/HH below it), generated if need be."""
    root = home() / size
    done = root / "done.json"
    wanted = repr(options(size))
    if not done.exists() or json.loads(done.read_text()) != wanted:
        print(f"generating {size} events in {root} …", flush=True)
        write_activity(root, options(size), processes=2)
        done.write_text(json.dumps(wanted))
    return root / "raw" / "activity"


def lines(size: str) -> Path:
    """The same documents one a line, as a notebook's `read.json` needs them."""
    source, target = events(size), home() / f"{size}-lines"
    for path in sorted(source.glob("*/*/*/*/*.gz")):
        copy = target / path.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = gzip.decompress(path.read_bytes())
            copy.write_bytes(gzip.compress(text.replace(b"}{", b"}\n{"), compresslevel=6))
    return target
