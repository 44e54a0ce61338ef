"""What became of reported arrivals: answered by an attempt, or to be reported again.

An orchestrator can lose a report: its run failed, or listed the objects a moment too early. Storage
knows better. A report is answered once the newest attempt was made from what was reported, and is
published or was refused by its audit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from resources.arrival_cursor import Cursor, Pending
from resources.arrivals import NO_OBJECTS
from resources.attempts import Verdict, newest_of
from resources.lake import Lake
from resources.table import Table

#: A report without an answer is repeated after this long, then after twice as long, and so on.
FIRST_WAIT = timedelta(minutes=2)
LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True)
class Answers:
    """The cursor without what was answered, and the partitions to report now, or not yet.

    `again` are those to report once more; `held` are new ones that a run is under way for.
    """

    cursor: Cursor
    again: tuple[str, ...]
    held: tuple[str, ...]


def with_versions(cursor: Cursor, versions: dict[str, str], refresh: int, now: datetime) -> Cursor:
    """Expect attempts from these versions, if they are others, of the newest `refresh` partitions.

    The first versions that are seen are no change.
    """
    seen = dict(cursor.seen)
    if cursor.versions and cursor.versions != versions:
        with_objects = [key for key in seen if seen[key].fingerprint != NO_OBJECTS]
        for key in sorted(with_objects, reverse=True)[:refresh]:
            inputs = {**versions, "raw": seen[key].fingerprint}
            seen[key] = replace(seen[key], pending=Pending(now.timestamp(), inputs))
    return replace(cursor, seen=seen, versions=versions)


def answers(
    lake: Lake, table: Table, cursor: Cursor, now: datetime, is_busy: Callable[[str], bool]
) -> Answers:
    """Look for the attempts that answer pending reports; `is_busy` tells of unfinished runs.

    What comes while a run is under way is held until its end: it may be in that run, and the next one
    of a run that crashes will have it. A report is due again at once when an attempt came that had listed too early, and after a wait
    that grows when none came at all.
    """
    reports = {key: seen.pending for key, seen in cursor.seen.items() if seen.pending is not None}
    verdicts = newest_of(lake.storage, table.name, reports)
    published = _published(lake, table, reports, verdicts)
    now_seen = dict(cursor.seen)
    again: list[str] = []
    held: list[str] = []
    for key, report in reports.items():
        verdict = verdicts.get(key)
        known = replace(report, attempt=verdict.attempt if verdict is not None else "")
        if _is_answered(verdict, report, published):
            now_seen[key] = replace(cursor.seen[key], pending=None)
        elif report.reports == 1 and report.since == now.timestamp():
            if is_busy(key):
                held.append(key)
                known = replace(known, since=0.0, reports=0)
            now_seen[key] = replace(cursor.seen[key], pending=known)
        elif (_is_missed(verdict, report) or _is_due(report, now)) and not is_busy(key):
            again.append(key)
            repeated = replace(known, since=now.timestamp(), reports=report.reports + 1)
            now_seen[key] = replace(cursor.seen[key], pending=repeated)
    return Answers(replace(cursor, seen=now_seen), tuple(again), tuple(held))


def _published(
    lake: Lake, table: Table, reports: dict[str, Pending], verdicts: dict[str, Verdict]
) -> set[str]:
    """The attempts that readers see; the catalog is asked only if one of these passed."""
    waits = any(
        verdict.passed and _is_made_from(verdict, reports[key]) for key, verdict in verdicts.items()
    )
    return {each.attempt for each in lake.pointers(table).values()} if waits else set()


def _is_made_from(verdict: Verdict, report: Pending) -> bool:
    return report.inputs.items() <= verdict.inputs.items()


def _is_answered(verdict: Verdict | None, report: Pending, published: set[str]) -> bool:
    if verdict is None or not _is_made_from(verdict, report):
        return False
    return not verdict.passed or verdict.attempt in published


def _is_missed(verdict: Verdict | None, report: Pending) -> bool:
    """An attempt came after the report, and was made from something else."""
    is_newer = verdict is not None and verdict.attempt != report.attempt
    return is_newer and verdict is not None and not _is_made_from(verdict, report)


def _is_due(report: Pending, now: datetime) -> bool:
    doublings = min(report.reports - 1, 10)
    wait = min(FIRST_WAIT * float(2**doublings), LONGEST_WAIT)
    return now.timestamp() - report.since >= wait.total_seconds()
