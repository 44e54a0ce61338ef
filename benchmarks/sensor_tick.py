"""What a tick of the arrivals sensor costs beside a long history: list calls, seconds, memory.

The store is a stub of `Storage` that holds keys in memory and answers as S3 does: pages of a thousand
in order of keys, found by prefix. A server would be measured instead of the tick; what a call costs
over the network comes on top, and is the same for both histories.
"""

from __future__ import annotations

import bisect
import math
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.runs import declared
from resources.arrival_cursor import Cursor, read_cursor
from resources.arrivals import Lookout, Watch
from resources.partitions import Partitioning
from resources.storage import FolderStorage, ObjectInfo

#: Objects of an hour, hours that are not complete, and ticks that are measured once all was seen.
AN_HOUR, OPEN, TICKS = 120, 3, 20
START = datetime(2020, 1, 1, tzinfo=UTC)


class PagedKeys(FolderStorage):
    """Keys in memory, listed a thousand a call; everything else is a folder without anything."""

    def __init__(self, root: Path, keys: list[str]) -> None:
        super().__init__(root)
        self._keys = keys
        self.calls = 0

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Objects below a prefix; a call for each page, one at the least."""
        at = bisect.bisect_left(self._keys, max(prefix, after))
        found = 0
        while at < len(self._keys) and self._keys[at].startswith(prefix):
            yield ObjectInfo(self._keys[at], 1000, "etag", START)
            at, found = at + 1, found + 1
        self.calls += max(1, math.ceil(found / 1000))


def figures() -> Iterator[tuple[str, float]]:
    """A tick over a short and over a long history."""
    measured = {}
    for name, keys in (("10k", 10_000), ("1m", 1_000_000)):
        measured[name] = calls, seconds, peak, cursor = tick(keys)
        yield f"tick_{name}_list_calls", calls
        yield f"tick_{name}_milliseconds", seconds * 1000
        yield f"tick_{name}_peak_kib", peak / 1024
        yield f"tick_{name}_cursor_kib", cursor / 1024
    yield "tick_1m_over_10k", measured["1m"][1] / measured["10k"][1]


def tick(keys: int) -> tuple[float, float, float, float]:
    """Calls, seconds, peak bytes and cursor's bytes of a tick; medians of many."""
    hours = max(keys // AN_HOUR, OPEN)
    names = [
        f"activity/{START + hour * timedelta(hours=1):%Y/%m/%d/%H}/object-{number:03}.gz"
        for hour in range(hours)
        for number in range(AN_HOUR)
    ]
    now = START + timedelta(hours=hours) - timedelta(minutes=1)
    _, declared_table = declared()
    table = replace(declared_table, partitions=Partitioning("hour", START))
    raw = PagedKeys(Path("/nonexistent"), names)
    watch = Watch(timedelta(hours=48), grace=timedelta(hours=OPEN - 1), is_early=True)
    lookout = Lookout(raw, FolderStorage("/nonexistent"), table, watch)
    cursor = _after(lookout, Cursor(), now)
    calls, seconds, peaks = [], [], []
    for number in range(TICKS):
        raw.calls = 0
        began = time.perf_counter()
        cursor = _after(lookout, cursor, now + timedelta(seconds=number))
        seconds.append(time.perf_counter() - began)
        calls.append(raw.calls)
    for number in range(TICKS):
        tracemalloc.start()
        cursor = _after(lookout, cursor, now + timedelta(seconds=TICKS + number))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return median(calls), median(seconds), median(peaks), len(cursor.to_text())


def _after(lookout: Lookout, cursor: Cursor, now: datetime) -> Cursor:
    """The cursor after a look, written and read as between two ticks."""
    found = lookout.look(cursor, now, is_time_up=lambda: False).cursor
    return read_cursor(found.to_text()) or Cursor()
