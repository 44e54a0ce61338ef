"""The ledger comes out even or says what does not."""

from __future__ import annotations

import pytest

from spark.errors import LedgerImbalance
from spark.ledger import Ledger, total

EVEN = Ledger(
    documents=21,
    published=10,
    quarantined={"malformed": 1, "no row of songs has song_id": 2},
    duplicates=3,
    filtered=4,
    dropped=1,
    unmatched={"songs": 5},
)


def test_an_empty_ledger_balances() -> None:
    Ledger().require_balance("plays, partition 2024-05-01-00")


def test_every_fate_counts_once_and_unmatched_is_no_fate() -> None:
    assert EVEN.accounted == 21
    EVEN.require_balance("plays")


@pytest.mark.parametrize(
    ("read", "accounted"),
    [
        (22, "21 are accounted for"),
        (20, "21 are accounted for"),
        (1_000_000, "1,000,000 documents"),
    ],
)
def test_a_document_too_few_or_too_many_is_an_imbalance(read: int, accounted: str) -> None:
    uneven = Ledger(**{**vars(EVEN), "documents": read})

    with pytest.raises(LedgerImbalance, match=accounted) as caught:
        uneven.require_balance("plays, partition 2024-05-01-00")

    assert str(caught.value).startswith("plays, partition 2024-05-01-00:")
    assert "Nothing was published" in str(caught.value)
    assert not caught.value.retryable


def test_a_total_adds_every_figure_and_every_reason() -> None:
    other = Ledger(documents=2, published=1, quarantined={"malformed": 1}, unmatched={"bands": 1})

    assert total([EVEN, other]) == Ledger(
        documents=23,
        published=11,
        quarantined={"malformed": 2, "no row of songs has song_id": 2},
        duplicates=3,
        filtered=4,
        dropped=1,
        unmatched={"songs": 5, "bands": 1},
    )


def test_a_total_of_nothing_is_an_empty_ledger() -> None:
    assert total([]) == Ledger()


def test_a_ledger_as_json_is_in_the_same_order_however_it_came_about() -> None:
    one = Ledger(quarantined={"b": 1, "a": 2}, unmatched={"d": 1, "c": 2})
    other = Ledger(quarantined={"a": 2, "b": 1}, unmatched={"c": 2, "d": 1})

    assert str(one.to_json()) == str(other.to_json())
    assert list(one.to_json()) == [
        "documents",
        "published",
        "quarantined",
        "duplicates",
        "filtered",
        "dropped",
        "unmatched",
    ]
