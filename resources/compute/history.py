"""What past runs took, kept in storage: one small object a run, few of them for each size of input.

Estimates learn from these. They are no record to rely on: the runs themselves are in Dagster.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from pydantic import TypeAdapter, ValidationError

from resources.compute.engine import Usage
from resources.errors import ObjectMissing
from resources.storage import Storage

#: Runs that are kept of each engine and each doubling of the input: the newest.
KEPT = 5
_READERS = 16


@dataclass(frozen=True)
class PastRun:
    """One run that succeeded: what went in, how long it waited and ran, what it was billed.

    `run` sorts by time, as an attempt's identifier does. `cores` is what the engine had; `usd` is
    None where a price was missing.
    """

    run: str
    engine: str
    cores: int
    partitions: int
    input_bytes: int
    documents: int
    seconds_waiting: float
    seconds_running: float
    usage: Usage | None = None
    usd: Decimal | None = None


_RUN = TypeAdapter(PastRun)


def remember(storage: Storage, table: str, asset: str, run: PastRun) -> None:
    """Keep a run's figures, and forget the oldest of its engine and size beyond `KEPT`."""
    folder = f"{_folder(table, asset)}{run.engine}/{_size_class(run.input_bytes):02d}/"
    data = _RUN.dump_python(run, mode="json")
    storage.write(f"{folder}{run.run}.json", json.dumps(data, indent=1).encode())
    keys = [info.key for info in storage.list(folder)]
    storage.delete(sorted(keys)[:-KEPT])


def past_runs(storage: Storage, table: str, asset: str) -> list[PastRun]:
    """What is known of a table's runs, oldest first; objects that are no such record are skipped.

    One listing, and one request for each run kept, sixteen at a time.
    """
    listed = sorted(info.key for info in storage.list(_folder(table, asset)))
    keys = [key for _, each in groupby(listed, _parent) for key in list(each)[-KEPT:]]
    with ThreadPoolExecutor(_READERS) as readers:
        found = list(readers.map(lambda key: _read(storage, key), keys))
    return sorted((run for run in found if run is not None), key=lambda run: run.run)


def newest_of_each_size(runs: Sequence[PastRun]) -> list[PastRun]:
    """What would be kept of runs, given and returned oldest first."""
    seen: Counter[tuple[str, int]] = Counter()
    kept = []
    for run in reversed(runs):
        place = run.engine, _size_class(run.input_bytes)
        seen[place] += 1
        if seen[place] <= KEPT:
            kept.append(run)
    return kept[::-1]


def largest_input(runs: Iterable[PastRun], engine: str) -> int:
    """The most bytes that an engine has managed in one run."""
    return max((run.input_bytes for run in runs if run.engine == engine), default=0)


def _folder(table: str, asset: str) -> str:
    return f"_runs/{table}/{asset}/"


def _parent(key: str) -> str:
    return key.rpartition("/")[0]


def _size_class(size: int) -> int:
    """Doublings of the input, so that runs of all sizes are kept and not the newest alone."""
    return size.bit_length()


def _read(storage: Storage, key: str) -> PastRun | None:
    try:
        return _RUN.validate_json(storage.read(key))
    except (ValidationError, ObjectMissing):
        return None
