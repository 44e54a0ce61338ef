"""Whether a partition's figures are unlike those of its kind: robust statistics over verdicts.

Its kind are the latest partitions of the same hour of the day; for daily partitions, of the same
day of the week. What is unlike is told, never refused: limits that refuse are the audit's.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from resources.attempts import Verdict, newest
from resources.browse import ledger_of
from resources.partitions import Partitioning
from resources.storage import Storage

#: Partitions of the same kind that are looked at, and how many are needed to say anything.
LATEST, ENOUGH = 14, 5
#: Beyond this many robust standard deviations (1.4826 times the median absolute deviation).
FAR = 4.0
#: Changes smaller than these are noise, however steady the past was: a fifth of the documents, and
#: a hundredth of them in shares.
LEAST_VOLUME, LEAST_SHARE = 0.2, 0.01
_PERIODS = {"hour": timedelta(days=1), "day": timedelta(days=7)}


@dataclass(frozen=True)
class Figure:
    """A figure of a partition beside those of its kind; `is_odd` says that it is far from them."""

    name: str
    value: float
    usual: float
    spread: float
    is_odd: bool


def figures(verdict: Verdict, kind: Sequence[Verdict]) -> list[Figure]:
    """Documents, and the shares quarantined and unmatched; nothing where too little is known."""
    if len(kind) < ENOUGH:
        return []
    documents = [float(ledger_of(each).documents) for each in kind]
    found = [_figure("documents", float(ledger_of(verdict).documents), documents, 0.0)]
    for name in ("quarantined", "unmatched"):
        shares = [_share(each, name) for each in kind]
        found.append(_figure(f"{name} share", _share(verdict, name), shares, LEAST_SHARE))
    return found


def of_its_kind(
    storage: Storage, table: str, partitioning: Partitioning, key: str
) -> list[Verdict]:
    """The newest verdicts on the partitions before this one that are of its kind."""
    if partitioning.by == "none":
        return []
    start, period = partitioning.start_of(key), _PERIODS[partitioning.by]
    moments = (start - number * period for number in range(1, LATEST + 1))
    keys = [partitioning.key_of(each) for each in moments if each >= partitioning.start]
    verdicts = (newest(storage, table, each) for each in keys)
    return [each for each in verdicts if each is not None and each.passed]


def _figure(name: str, value: float, kind: Sequence[float], least: float) -> Figure:
    usual = statistics.median(kind)
    spread = 1.4826 * statistics.median(abs(each - usual) for each in kind)
    allowed = max(FAR * spread, least or LEAST_VOLUME * usual)
    # More documents than usual are no loss: only a lack of them is told.
    distance = usual - value if name == "documents" else value - usual
    return Figure(name, value, usual, spread, distance > allowed)


def _share(verdict: Verdict, name: str) -> float:
    ledger = ledger_of(verdict)
    counts = ledger.quarantined if name == "quarantined" else ledger.unmatched
    return sum(counts.values()) / ledger.documents if ledger.documents else 0.0
