"""What became of every document of a partition, and the sum that must come out even."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

from spark.errors import LedgerImbalance

LedgerJson = dict[str, Union[int, dict[str, int]]]


@dataclass(frozen=True)
class Ledger:
    """Counts of documents of one partition.

    `quarantined` counts by reason; `unmatched` by reference, over published, quarantined and
    dropped documents alike, so it is no summand of its own.
    """

    documents: int = 0
    published: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    filtered: int = 0
    dropped: int = 0
    unmatched: dict[str, int] = field(default_factory=dict)

    @property
    def accounted(self) -> int:
        """Documents whose fate is known."""
        return (
            self.published
            + sum(self.quarantined.values())
            + self.duplicates
            + self.filtered
            + self.dropped
        )

    def require_balance(self, where: str) -> None:
        """Raise `LedgerImbalance` unless every document read is accounted for exactly once."""
        if self.documents != self.accounted:
            raise LedgerImbalance(
                f"{where}: {self.documents:,} documents were read but {self.accounted:,} are "
                f"accounted for (published {self.published:,}, quarantined "
                f"{sum(self.quarantined.values()):,}, duplicates {self.duplicates:,}, filtered "
                f"{self.filtered:,}, dropped {self.dropped:,}). Nothing was published. If a named "
                "transform adds or removes rows, move that into the filter or the join."
            )

    def to_json(self) -> LedgerJson:
        """The ledger as plain values."""
        return {
            "documents": self.documents,
            "published": self.published,
            "quarantined": dict(sorted(self.quarantined.items())),
            "duplicates": self.duplicates,
            "filtered": self.filtered,
            "dropped": self.dropped,
            "unmatched": dict(sorted(self.unmatched.items())),
        }


def total(ledgers: Iterable[Ledger]) -> Ledger:
    """The sum of several ledgers."""
    sums: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    unmatched: Counter[str] = Counter()
    for each in ledgers:
        sums.update(
            documents=each.documents,
            published=each.published,
            duplicates=each.duplicates,
            filtered=each.filtered,
            dropped=each.dropped,
        )
        quarantined.update(each.quarantined)
        unmatched.update(each.unmatched)
    return Ledger(
        documents=sums["documents"],
        published=sums["published"],
        quarantined=dict(quarantined),
        duplicates=sums["duplicates"],
        filtered=sums["filtered"],
        dropped=sums["dropped"],
        unmatched=dict(unmatched),
    )
