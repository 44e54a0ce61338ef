"""`auto` over many runs of simulated engines, of which it knows only what past runs showed."""

from __future__ import annotations

from statistics import median

from benchmarks.simulated_engines import SIZES, Choice, choices


def simulated() -> list[Choice]:
    return [each for seed in range(3) for each in choices(seed, 60)]


def test_estimates_are_near_and_the_cheapest_engine_is_mostly_chosen() -> None:
    found = simulated()

    assert len(SIZES) >= 12
    assert median(each.error for each in found) < 0.2
    assert sum(each.engine == each.cheapest for each in found) > 0.85 * len(found)
    # Where another was cheaper, it was so by little.
    assert sum(each.took_usd for each in found) < sum(each.cheapest_usd for each in found) * 11 / 10


def test_the_cost_is_estimated_as_well_as_the_time() -> None:
    errors = [abs(each.expected_usd - each.took_usd) / each.took_usd for each in simulated()]

    assert median(errors) < 0.2


def test_more_than_one_engine_is_worth_choosing() -> None:
    assert len({each.cheapest for each in simulated()}) >= 3
