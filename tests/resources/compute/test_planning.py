"""A lake's planner: what it reads of the lake, and what it leaves there."""

from __future__ import annotations

import logging
from decimal import Decimal
from pathlib import Path

import pytest

from resources.attempts import newest
from resources.compute.engine import Usage
from resources.compute.figures import JobFigures
from resources.compute.history import past_runs
from resources.compute.planning import Planner
from resources.errors import PlacementError
from resources.lake import Refined
from tests.workshop import PyArrowCompute, Workshop

FIVE = "2024-05-01-05"
TOOK = JobFigures("local", 4.0, 36.0, Usage(3600.0))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """An hour of one document on a machine whose hour costs 2 USD."""
    prices = tmp_path / "prices.yaml"
    prices.write_text("local_hour: 2\n")
    made = Workshop(tmp_path / "lake", environment={"LAKE_PRICES": str(prices)})
    made.have_songs()
    made.deliver("2024/05/01/05", "a.json", {"play_id": "a"})
    return made


def refined(workshop: Workshop) -> list[Refined]:
    rows: list[dict[str, object]] = [
        {"play_id": "a", "song_id": None, "seconds": None, "title": None}
    ]
    return workshop.lake.refine(PyArrowCompute({FIVE: rows}), workshop.table, [FIVE])


def test_what_a_run_took_is_kept_with_its_cost_and_read_for_the_next_one(
    workshop: Workshop,
) -> None:
    planner, raw = Planner(workshop.lake), workshop.lake.raw(workshop.table, [FIVE])
    first = planner.place(workshop.table, raw)

    kept = planner.learn(workshop.table, refined(workshop), TOOK)

    assert past_runs(workshop.lake.storage, "plays", "refined") == [kept]
    assert (kept.documents, kept.input_bytes, kept.usd) == (1, 16, Decimal(2))
    second = planner.place(workshop.table, raw)
    assert (first.chosen.basis, second.chosen.basis) == ("benchmarks", "1 past run")
    assert second.chosen.seconds == pytest.approx(40.0)


def test_a_setting_limits_what_a_declaration_leaves_open(
    workshop: Workshop, tmp_path: Path
) -> None:
    dear = Workshop(
        tmp_path / "dear", environment={**workshop.environment, "LAKE_MAX_USD": "0.001"}
    )

    with pytest.raises(PlacementError, match=r"above the limit of 0\.001 USD"):
        Planner(dear.lake).place(dear.table, [])


def test_a_run_that_succeeded_does_not_fail_where_its_figures_cannot_be_kept(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    (workshop.root / "_runs").write_text("a file where a folder would be")

    with caplog.at_level(logging.WARNING):
        kept = Planner(workshop.lake).learn(workshop.table, refined(workshop), TOOK)

    assert kept.seconds_running == 36.0
    assert "not kept for estimates" in caplog.text
    assert newest(workshop.lake.storage, "plays", FIVE) is not None


def test_figures_without_a_price_are_kept_without_a_cost(workshop: Workshop) -> None:
    odd = JobFigures("emr", 4.0, 36.0, Usage(60.0, instance_hours={"z1d.metal": 1.0}))

    for figures in (odd, JobFigures("emr", 4.0, 36.0)):
        assert Planner(workshop.lake).learn(workshop.table, refined(workshop), figures).usd is None
