"""Whether a partition's figures are unlike those of its kind: robust statistics over verdicts.

Its kind are the latest partitions of the same hour of the day; for daily partitions, of the same
day of the week. What is unlike is told, never refused: limits that refuse are the audit's.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from resources.attempts import Verdict, newest_of
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


def of_their_kind(
    storage: Storage,
    table: str,
    partitioning: Partitioning,
    keys: Sequence[str],
    known: Mapping[str, Verdict],
) -> list[list[Verdict]]:
    """For each of the partitions `keys` the newest verdicts on those before it that are of its kind.

    Those in `known`, by partition, are not read; the others are listed together.
    """
    kinds = [_keys_of_its_kind(partitioning, key) for key in keys]
    unknown = {key for kind in kinds for key in kind} - known.keys()
    verdicts = {**known, **newest_of(storage, table, unknown)}
    return [[verdicts[key] for key in kind if _has_passed(verdicts.get(key))] for kind in kinds]


def _has_passed(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.passed


def _keys_of_its_kind(partitioning: Partitioning, key: str) -> list[str]:
    if partitioning.by == "none":
        return []
    start, period = partitioning.start_of(key), _PERIODS[partitioning.by]
    moments = (start - number * period for number in range(1, LATEST + 1))
    return [partitioning.key_of(each) for each in moments if each >= partitioning.start]


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
