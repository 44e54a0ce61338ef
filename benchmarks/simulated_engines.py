"""Engines that exist as a model only, to see how well `auto` chooses among several.

The model: a job waits, starts, then works `WORK` core-seconds for each GB over the engine's cores,
of which a share is lost to what cannot be done in parallel. Waits and work scatter lognormally. Waits
are of the size that AWS's users report: minutes for a cluster's instances, about one for workers of
EMR Serverless, less for Glue. Costs are by the price table. Of these numbers `auto` knows the sites:
its defaults are off by the factor that `WORK` is, and in their waits, until runs show it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from resources.compute.engine import Usage
from resources.compute.estimate import GB, Site, site_cost
from resources.compute.history import PastRun, newest_of_each_size
from resources.compute.placement import Placing, decide
from resources.compute.prices import Prices

#: Half of what benchmarks showed: objects that are easier to read.
WORK = 580.0
SCATTER = 0.12
#: From 10 MB to 200 GB.
SIZES = tuple(int(0.01 * GB * (20_000 ** (step / 13))) for step in range(14))
LIMIT = Placing((), max_minutes=90)
#: The machine is an m5.xlarge that would be let go: it has a price.
PRICES = Prices(local_hour=Decimal("0.192"))

#: Sites, with what their jobs wait for, and the share of cores that work.
ENGINES: tuple[tuple[Site, float, float], ...] = (
    (Site("local", 2, 4.0, Usage(3600.0), 5.0, 15.0, bills_waiting=True, max_input_bytes=8 * GB),
     4.0, 0.95),
    (Site("emr", 24, 96.0, Usage(3600.0, instance_hours={"m5.2xlarge": 3.0, "m5.xlarge": 1.0}),
          400.0, 20.0, bills_waiting=True), 330.0, 0.85),
    (Site("emr-serverless", 16, 64.0, Usage(3600.0, vcpu_hours=20.0, memory_gb_hours=80.0), 90.0,
          20.0), 70.0, 0.85),
    (Site("glue", 16, 64.0, Usage(3600.0, dpu_hours=5.0), 60.0, 30.0), 45.0, 0.8),
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One decision: what was expected of the engine chosen, what it took, and what was cheapest."""

    engine: str
    cheapest: str
    expected_seconds: float
    took_seconds: float
    expected_usd: Decimal
    took_usd: Decimal
    cheapest_usd: Decimal

    @property
    def error(self) -> float:
        """Of the expected time, as a share of what it took."""
        return abs(self.expected_seconds - self.took_seconds) / self.took_seconds


def choices(seed: int, runs: int) -> Iterator[Choice]:
    """A table's runs in the order of time, of sizes at random; each is learned from.

    Where no engine keeps the limit, the run is left out: there is nothing to choose.
    """
    draw = random.Random(seed)
    past: list[PastRun] = []
    for number in range(runs):
        size = draw.choice(SIZES)
        took = [_run(draw, number, size, *each) for each in ENGINES]
        within = [run for run in took if _may(run)]
        if not within:
            continue
        decision = decide(LIMIT, [site for site, _, _ in ENGINES], size, past, PRICES)
        actual = next(run for run in took if run.engine == decision.engine)
        best = min(within, key=_usd)
        assert decision.chosen.usd is not None
        yield Choice(
            decision.engine,
            best.engine,
            decision.chosen.seconds,
            actual.seconds_waiting + actual.seconds_running,
            decision.chosen.usd,
            _usd(actual),
            _usd(best),
        )
        past = newest_of_each_size([*past, actual])


def _run(
    draw: random.Random, number: int, size: int, site: Site, wait: float, share: float
) -> PastRun:
    waiting = wait * draw.lognormvariate(0, 0.25)
    work = WORK * size / GB / (site.cores * share)
    running = (site.start_seconds * 0.8 + work) * draw.lognormvariate(0, SCATTER)
    return PastRun(
        run=f"{number:04d}",
        engine=site.engine,
        cores=site.cores,
        partitions=1,
        input_bytes=size,
        documents=0,
        seconds_waiting=waiting,
        seconds_running=running,
        usd=site_cost(site, waiting, running, PRICES),
    )


def _may(run: PastRun) -> bool:
    site = next(site for site, _, _ in ENGINES if site.engine == run.engine)
    fits = not site.max_input_bytes or run.input_bytes <= site.max_input_bytes
    seconds = run.seconds_waiting + run.seconds_running
    return fits and seconds <= (LIMIT.max_minutes or 0) * 60


def _usd(run: PastRun) -> Decimal:
    assert run.usd is not None
    return run.usd
