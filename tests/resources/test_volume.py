"""Figures of a partition beside those of its kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resources.attempts import Verdict
from resources.volume import ENOUGH, figures, of_their_kind
from spark.ledger import Ledger
from tests.workshop import PLAYS, PyArrowCompute, Workshop


def verdict(documents: int, quarantined: int = 0, unmatched: int = 0) -> Verdict:
    ledger = Ledger(
        documents=documents,
        published=documents - quarantined,
        quarantined={"bad": quarantined} if quarantined else {},
        unmatched={"songs": unmatched} if unmatched else {},
    )
    return Verdict("plays", "k", "a", "", {}, ledger.to_json(), "d", [], passed=True)


USUAL = [verdict(n) for n in (1000, 1010, 990, 1020, 980, 1005)]


@pytest.mark.parametrize(
    ("odd", "names"),
    [
        (verdict(1000), []),
        (verdict(5000), []),
        (verdict(850), []),
        (verdict(700), ["documents"]),
        (verdict(0), ["documents"]),
        (verdict(1000, quarantined=5), []),
        (verdict(1000, quarantined=30), ["quarantined share"]),
        (verdict(1000, unmatched=300), ["unmatched share"]),
    ],
)
def test_what_is_far_from_its_kind_is_odd(odd: Verdict, names: list[str]) -> None:
    assert [each.name for each in figures(odd, USUAL) if each.is_odd] == names


def test_one_bad_day_among_its_kind_does_not_hide_another() -> None:
    with_outage = [*USUAL, verdict(0), verdict(3)]

    assert [each.name for each in figures(verdict(10), with_outage) if each.is_odd] == ["documents"]


def test_too_few_of_their_kind_say_nothing() -> None:
    assert figures(verdict(0), USUAL[: ENOUGH - 1]) == []


def test_its_kind_are_the_same_hours_of_earlier_days(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "lake", PLAYS.replace(", end: 2024-05-02", ""))
    workshop.have_songs()
    keys = ["2024-05-01-05", "2024-05-02-05", "2024-05-02-06", "2024-05-03-05"]
    workshop.lake.refine(PyArrowCompute(), workshop.table, keys)

    last, before = "2024-05-03-05", "2024-05-02-05"
    storage, partitions = workshop.lake.storage, workshop.table.partitions
    found, none = of_their_kind(storage, "plays", partitions, [last, "2024-05-01-05"], {})

    assert [each.partition for each in found] == [before, "2024-05-01-05"]
    assert none == []

    failed = {before: replace(found[0], passed=False)}
    [known] = of_their_kind(storage, "plays", partitions, [last], failed)
    assert [each.partition for each in known] == ["2024-05-01-05"]


def test_days_are_beside_the_same_weekday(tmp_path: Path) -> None:
    workshop = Workshop(
        tmp_path / "lake", PLAYS.replace("by: hour", "by: day").replace(", end: 2024-05-02", "")
    )
    workshop.have_songs()
    workshop.lake.refine(PyArrowCompute(), workshop.table, ["2024-05-01", "2024-05-07"])

    storage, partitions = workshop.lake.storage, workshop.table.partitions
    [found] = of_their_kind(storage, "plays", partitions, ["2024-05-08"], {})

    assert [each.partition for each in found] == ["2024-05-01"]
