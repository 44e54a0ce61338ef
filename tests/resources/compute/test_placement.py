"""Estimates and decisions: pure functions of sites, past runs and prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from resources.compute.engine import Usage
from resources.compute.estimate import GB, Site, estimate
from resources.compute.history import PastRun
from resources.compute.placement import Decision, Override, Placing, decide
from resources.compute.prices import Prices
from resources.errors import PlacementError

LOCAL = Site("local", 2, 2.0, Usage(3600.0), 5.0, 15.0, bills_waiting=True, max_input_bytes=4 * GB)
GLUE = Site("glue", 8, 32.0, Usage(3600.0, dpu_hours=2.0), 60.0, 30.0)
EMR = Site(
    "emr", 12, 48.0, Usage(3600.0, instance_hours={"m5.xlarge": 4.0}), 400.0, 20.0,
    bills_waiting=True,
)  # fmt: skip
SITES = (LOCAL, EMR, GLUE)
AUTO = Placing(())


def past(site: Site, gigabytes: float, seconds: float, usage: Usage | None = None) -> PastRun:
    size = int(gigabytes * GB)
    return PastRun(
        run=f"{size}-{seconds}",
        engine=site.engine,
        cores=site.cores,
        partitions=1,
        input_bytes=size,
        documents=1,
        seconds_waiting=7.0,
        seconds_running=seconds,
        usage=usage,
    )


def choose(
    placing: Placing, gigabytes: float, runs: Sequence[PastRun] = (), override: str = ""
) -> Decision:
    asked = Override(override) if override else None
    return decide(placing, SITES, int(gigabytes * GB), runs, Prices(), asked)


# --- Estimates ---


def test_without_past_runs_benchmarks_and_cores_say_how_long_it_takes() -> None:
    two, eight = (estimate(site, GB, [], Prices()) for site in (LOCAL, GLUE))

    assert two.basis == eight.basis == "benchmarks"
    assert two.seconds_running - 15 == pytest.approx(4 * (eight.seconds_running - 30))
    assert two.usd == 0


def test_runs_of_several_sizes_make_a_line() -> None:
    runs = [past(LOCAL, size, 20 + 100 * size) for size in (0.1, 0.5, 1.0, 2.0)]

    found = estimate(LOCAL, 3 * GB, runs, Prices())

    assert found.seconds_running == pytest.approx(320)
    assert found.seconds_waiting == 7.0
    assert found.basis == "4 past runs"


def test_one_odd_run_does_not_bend_the_line() -> None:
    runs = [past(LOCAL, size, 20 + 100 * size) for size in (0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0)]

    found = estimate(LOCAL, 3 * GB, [*runs, past(LOCAL, 1.1, 5000)], Prices())

    assert found.seconds_running == pytest.approx(320, rel=0.1)


def test_runs_of_one_size_scale_what_is_usual() -> None:
    usual = estimate(LOCAL, GB, [], Prices()).seconds_running
    runs = [past(LOCAL, 1.0, usual / 10) for _ in range(6)]

    assert estimate(LOCAL, GB, runs, Prices()).seconds_running == pytest.approx(usual / 10)


def test_runs_elsewhere_say_how_much_work_a_gigabyte_is() -> None:
    runs = [past(LOCAL, size, 20 + 100 * size) for size in (0.1, 0.5, 1.0, 2.0)]

    found = estimate(GLUE, 4 * GB, runs, Prices())

    assert found.basis == "4 runs elsewhere"
    assert found.seconds_running == pytest.approx(30 + 4 * 100 * 2 / 8)


def test_runs_on_another_number_of_cores_are_not_taken_for_runs_here() -> None:
    smaller = Site("glue", 4, 16.0, Usage(3600.0, dpu_hours=1.0), 60.0, 30.0)

    assert estimate(GLUE, GB, [past(smaller, 1.0, 9999)], Prices()).basis == "benchmarks"


def test_an_empty_input_takes_what_starting_takes() -> None:
    runs = [past(LOCAL, 0.0, 12.0) for _ in range(5)]

    assert estimate(LOCAL, 0, runs, Prices()).seconds_running == pytest.approx(12.0)


def test_a_cluster_is_billed_while_it_starts_and_glue_is_not() -> None:
    glue, emr = (estimate(site, 0, [], Prices()) for site in (GLUE, EMR))

    assert glue.usd == Decimal("0.014667")  # a minute of two DPUs
    assert emr.usd == pytest.approx(Decimal(420 / 3600 * 4 * 0.24), rel=Decimal("0.001"))


def test_what_was_billed_corrects_what_was_expected_to_be() -> None:
    plain = estimate(GLUE, GB, [past(GLUE, 1.0, 360.0)], Prices())
    half = past(GLUE, 1.0, 360.0, Usage(360.0, dpu_hours=0.1))
    billed = estimate(GLUE, GB, [half], Prices())
    dear = estimate(GLUE, GB, [half], Prices(glue_dpu_hour=Decimal("0.88")))

    assert plain.usd is not None
    assert billed.usd == pytest.approx(plain.usd / 2, rel=Decimal("0.001"))
    assert dear.usd == pytest.approx(plain.usd, rel=Decimal("0.001"))


def test_an_estimate_without_a_price_is_one_of_time_only() -> None:
    odd = Site("emr", 4, 16.0, Usage(3600.0, instance_hours={"z1d.metal": 1.0}), 400.0, 20.0)

    assert estimate(odd, GB, [], Prices()).usd is None


# --- Decisions ---


def test_one_engine_that_is_declared_is_taken() -> None:
    found = choose(Placing(("glue",)), 1.0)

    assert (found.engine, found.reason) == ("glue", "glue: declared")
    assert [each.engine for each in found.alternatives] == ["local", "emr"]


def test_auto_takes_the_machine_that_costs_nothing_while_it_is_large_enough() -> None:
    assert choose(AUTO, 1.0).engine == "local"

    found = choose(AUTO, 10.0)

    assert found.engine != "local"
    [local] = [each for each in found.alternatives if each.engine == "local"]
    assert local.obstacle == "too small: its memory is for 4.0 GB"


def test_a_size_that_a_past_run_has_managed_is_not_too_large() -> None:
    assert choose(AUTO, 10.0, [past(LOCAL, 12.0, 100.0)]).engine == "local"


def test_auto_takes_the_cheapest_that_is_fast_enough() -> None:
    found = choose(Placing((), max_minutes=10), 2.0)

    assert found.engine == "glue"
    [local] = [each for each in found.alternatives if each.engine == "local"]
    assert local.lateness == "above the limit of 10 minutes"


def test_the_machine_is_not_free_where_its_hour_has_a_price() -> None:
    dear = Prices(local_hour=Decimal(1000))

    assert decide(AUTO, SITES, GB, [], dear).engine == "glue"


def test_the_first_of_an_order_of_preference_that_may_is_taken() -> None:
    found = choose(Placing(("emr-serverless", "local", "glue"), max_minutes=10), 2.0)

    assert found.engine == "glue"
    assert "emr-serverless is not configured" in found.reason
    assert "local is above the limit of 10 minutes" in found.reason


def test_none_within_the_limits_is_refused_with_all_estimates_and_what_to_do() -> None:
    with pytest.raises(PlacementError) as caught:
        choose(Placing((), max_usd=0.01), 100.0)

    said = str(caught.value)
    for words in ("local: ", "emr: ", "glue: ", "limit of 0.01 USD", "LAKE_MAX_USD", "launchpad"):
        assert words in said


@pytest.mark.parametrize("placing", [AUTO, Placing(("local", "glue", "emr"))])
def test_where_none_is_fast_enough_the_fastest_is_taken_and_it_is_said(placing: Placing) -> None:
    found = choose(placing.within(Placing((), None, 5)), 100.0)

    assert found.engine == "emr"
    assert found.reason == "emr: the fastest, though none is expected within 5 minutes"


def test_a_limit_of_time_does_not_keep_a_declared_engine_from_running() -> None:
    found = choose(Placing(("local",), max_minutes=5), 3.0)

    assert found.reason == "local: declared, though expected to take more than 5 minutes"


def test_a_preference_for_what_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(PlacementError, match="emr-serverless is not configured"):
        decide(Placing(("emr-serverless", "glue")), [LOCAL], GB, [], Prices())


def test_a_limit_holds_for_an_engine_that_is_declared_too() -> None:
    with pytest.raises(PlacementError, match=r"glue: .* above the limit of 0\.01 USD"):
        choose(Placing(("glue",), max_usd=0.01), 100.0)


def test_a_declared_machine_is_taken_however_large_the_input_is() -> None:
    assert choose(Placing(("local",)), 100.0).engine == "local"


def test_an_engine_named_in_the_launchpad_is_taken_beyond_any_limit() -> None:
    found = choose(Placing(("local",), max_usd=0.01), 100.0, override="emr")

    assert (found.engine, found.reason) == ("emr", "emr: asked for when the run was launched")


@pytest.mark.parametrize(
    ("placing", "override"), [(Placing(("emr-serverless",)), ""), (AUTO, "emr-serverless")]
)
def test_an_engine_that_is_not_configured_is_refused_with_those_that_are(
    placing: Placing, override: str
) -> None:
    with pytest.raises(PlacementError, match="'emr-serverless'; there are: local, emr, glue"):
        choose(placing, 1.0, override=override)


def test_of_two_limits_the_stricter_holds() -> None:
    declared = Placing(("glue",), max_usd=2.0, max_minutes=30)

    assert declared.within(Placing((), 1.0, None)) == Placing(("glue",), 1.0, 30)
    assert declared.within(Placing((), 5.0, 10)) == Placing(("glue",), 2.0, 10)


def test_an_engine_without_a_price_is_no_choice_under_a_limit_of_cost() -> None:
    odd = Site("emr", 64, 256.0, Usage(3600.0, instance_hours={"z1d.metal": 1.0}), 60.0, 20.0)

    with pytest.raises(PlacementError, match="without a known price"):
        decide(Placing(("emr",), max_usd=5), [odd], GB, [], Prices())
    assert decide(AUTO, [odd, GLUE], 100 * GB, [], Prices()).engine == "glue"
