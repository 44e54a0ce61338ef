"""Which raw partitions changed since the last look, and what of that is due to be reported.

A look lists partitions one by one: those that are not complete yet, those that somebody named, a
part of the look-back window, and one of what is older. What was seen is kept in a cursor of bounded
size. Whoever looks (`lake_assets/sensors.py`) reports; what became of a report is in
`resources/arrival_answers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from resources.arrival_cursor import Cursor, Pending, Seen
from resources.attempts import newest
from resources.partitions import ALL, Partitioning
from resources.raw import RawPartition, list_raw
from resources.storage import Storage, fingerprint
from resources.table import Table

#: Complete partitions of the window that one look lists again: 48 hours take four looks.
LOOKBACK_AT_ONCE = 12
#: A stale partition is remembered up to this many; the sweep finds the others once these are done.
STALE_AT_MOST = 200
#: Objects this much younger than our clock says are told as skew.
SKEW = timedelta(seconds=60)
#: The fingerprint of a partition without any object.
NO_OBJECTS = fingerprint(())


@dataclass(frozen=True)
class Watch:
    """How a table's raw objects are watched.

    Partitions that ended within `window` are reported when they change. One is complete `grace`
    after its end, and reported before that only if `is_early`. `end` is where partitions stop.
    """

    window: timedelta
    grace: timedelta
    is_early: bool = False
    end: datetime | None = None

    def recent(self, partitioning: Partitioning, now: datetime) -> list[str]:
        """The partitions of the window that may be reported now, newest first."""
        if partitioning.by == "none":
            return [ALL]
        length = partitioning.length
        latest_end = partitioning.start_of(partitioning.key_of(now))
        youngest = latest_end if self.is_early else now - self.grace - length
        if self.is_early:
            latest_end += length
        if self.end is not None:
            latest_end, youngest = min(latest_end, self.end), min(youngest, self.end - length)
        oldest = max(latest_end - self.window, partitioning.start)
        if youngest < oldest:
            return []
        keys = partitioning.between(partitioning.key_of(oldest), partitioning.key_of(youngest))
        return keys[::-1]

    def is_complete(self, partitioning: Partitioning, key: str, now: datetime) -> bool:
        """Whether a partition ended, and its grace too."""
        if partitioning.by == "none":
            return False
        return partitioning.start_of(key) + partitioning.length + self.grace <= now


@dataclass(frozen=True)
class Arrival:
    """A partition whose objects are others than at the last look.

    `is_late` says that it was complete by then.
    """

    raw: RawPartition
    is_complete: bool
    is_late: bool


@dataclass(frozen=True)
class Look:
    """What one look found; `completed` are partitions that became complete without a change."""

    cursor: Cursor
    arrivals: tuple[Arrival, ...]
    completed: tuple[RawPartition, ...]
    listed: int
    skewed: timedelta

    @property
    def empty(self) -> list[str]:
        """Partitions that became complete without any object."""
        return [each.key for each in self.completed if not each.objects]


@dataclass(frozen=True)
class Lookout:
    """Looks at the raw objects of one table, and at verdicts for what is older than the window."""

    raw_storage: Storage
    storage: Storage
    table: Table
    watch: Watch

    def look(
        self,
        cursor: Cursor,
        now: datetime,
        *,
        is_time_up: Callable[[], bool],
        notified: Iterable[str] = (),
    ) -> Look:
        """List what is due, until the time is up; the next look begins with what was left."""
        cursor = cursor.only(self.table.partitions.has)
        recent = self.watch.recent(self.table.partitions, now)
        is_recent = set(recent)
        plan = self._plan(cursor, recent, notified, now)
        state = _State(
            {key: seen for key, seen in cursor.seen.items() if key in is_recent},
            dict(cursor.stale),
        )
        for number, key in enumerate(plan):
            if number and is_time_up():
                plan, left = plan[:number], plan[number:]
                break
            (raw,) = list_raw(self.raw_storage, self.table, [key])
            state.skew(raw, now)
            if key in is_recent:
                is_complete = self.watch.is_complete(self.table.partitions, key, now)
                state.take(raw, is_complete=is_complete, now=now)
            else:
                state.stale_if(raw, self._why_stale(raw))
        else:
            left = []
        seen_now = replace(
            cursor,
            seen=state.seen,
            left=tuple(left),
            lookback=_last(plan, cursor.lookback, among=is_recent),
            older=_last(plan, cursor.older, among=set(plan) - is_recent - set(cursor.stale)),
            stale=state.stale,
        )
        return Look(
            seen_now, tuple(state.arrivals), tuple(state.completed), len(plan), state.skewed
        )

    def _plan(
        self, cursor: Cursor, recent: list[str], notified: Iterable[str], now: datetime
    ) -> list[str]:
        """Keys in the order they are looked at, each of them once."""
        done = {key for key in recent if key in cursor.seen and cursor.seen[key].is_complete}
        first = [key for key in recent if key not in done]
        rest = [key for key in recent if key in done]
        within = self._within(notified, now)
        lookback = _next(rest, cursor.lookback, LOOKBACK_AT_ONCE)
        known_stale = list(cursor.stale)[:1]
        plan = [
            *cursor.left,
            *first,
            *within,
            *lookback,
            *known_stale,
            *self._older(cursor, recent),
        ]
        return list(dict.fromkeys(plan))

    def _within(self, keys: Iterable[str], now: datetime) -> Iterator[str]:
        """The keys that a table has partitions for; others are somebody else's objects."""
        partitioning = self.table.partitions
        for key in filter(partitioning.has, keys):
            if partitioning.by == "none":
                yield key
                continue
            is_due = self.watch.is_early or self.watch.is_complete(partitioning, key, now)
            if is_due and partitioning.start_of(key) < min(now, self.watch.end or now):
                yield key

    def _older(self, cursor: Cursor, recent: list[str]) -> Iterator[str]:
        """The next partition before the window, going back in time and then from its edge again."""
        partitioning = self.table.partitions
        if partitioning.by == "none" or not recent:
            return
        edge = partitioning.start_of(recent[-1])
        start = partitioning.start_of(cursor.older) if cursor.older else edge
        before = min(start, edge) - partitioning.length
        if before < partitioning.start:
            before = edge - partitioning.length
        if before >= partitioning.start:
            yield partitioning.key_of(before)

    def _why_stale(self, raw: RawPartition) -> str | None:
        """What an old partition's newest attempt lacks, or None."""
        verdict = newest(self.storage, self.table.name, raw.key)
        if verdict is None:
            return "never refined" if raw.objects else None
        return None if verdict.inputs.get("raw") == raw.fingerprint else "objects changed"


@dataclass
class _State:
    """What a look has found so far."""

    seen: dict[str, Seen]
    stale: dict[str, str]

    def __post_init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.completed: list[RawPartition] = []
        self.skewed = timedelta(0)

    def take(self, raw: RawPartition, *, is_complete: bool, now: datetime) -> None:
        """Compare a partition of the window with what was seen of it."""
        old = self.seen.get(raw.key, Seen(NO_OBJECTS))
        self.stale.pop(raw.key, None)
        now_seen = replace(old, fingerprint=raw.fingerprint, is_complete=is_complete)
        if raw.fingerprint != old.fingerprint:
            self.arrivals.append(Arrival(raw, is_complete, is_late=old.is_complete))
            now_seen = replace(now_seen, pending=Pending(now.timestamp(), {"raw": raw.fingerprint}))
        elif is_complete and not old.is_complete:
            self.completed.append(raw)
        self.seen[raw.key] = now_seen

    def stale_if(self, raw: RawPartition, reason: str | None) -> None:
        """Remember an old partition as stale, at the end of the list, or forget it."""
        self.stale.pop(raw.key, None)
        if reason is not None and len(self.stale) < STALE_AT_MOST:
            self.stale[raw.key] = reason

    def skew(self, raw: RawPartition, now: datetime) -> None:
        """Notice objects that were written later than our clock says it is."""
        if raw.newest is not None and raw.newest - now > SKEW:
            self.skewed = max(self.skewed, raw.newest - now)


def _next(keys: list[str], after: str, count: int) -> list[str]:
    """The next keys in a round; they are newest first."""
    start = next((number for number, key in enumerate(keys) if key < after), 0) if after else 0
    return [*keys[start:], *keys[:start]][:count]


def _last(plan: list[str], before: str, among: set[str]) -> str:
    """Where a round stopped: the last key of the plan that belongs to it."""
    return next((key for key in reversed(plan) if key in among), before)
