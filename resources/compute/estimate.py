"""How long a run would take on an engine, and what it would cost: from past runs, or benchmarks.

The model is a line: seconds to start, then seconds for each GB of input. Nothing here reads
storage, asks the time or knows a service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from statistics import median

from resources.compute.engine import Usage
from resources.compute.history import PastRun
from resources.compute.prices import MINIMUM_SECONDS, Prices, cost
from resources.errors import PriceUnknown

GB = 1_000_000_000
#: 2.4 million events, 87 MB of gzip, in 51 s on two cores: docs/performance.md. Objects that are
#: not compressed take a fraction of it, which the first runs show.
CORE_SECONDS_PER_GB = 51 * 2 / 0.087
#: A line is drawn only through so many runs, whose inputs differ by such a factor at least.
_ENOUGH, _SPREAD = 4, 3.0


@dataclass(frozen=True)
class Site:
    """An engine as it is configured.

    `cores` and `memory_gb` are what Spark has there. `hourly` is what an hour of a job is billed
    as; while a job waits for its machines it is billed only if `bills_waiting`. `seconds_waiting`
    and `start_seconds` are what the engine takes before the job starts and the job before it
    reads, where no run has shown it. `max_input_bytes` is what it can take, 0 for anything.
    """

    engine: str
    cores: int
    memory_gb: float
    hourly: Usage
    seconds_waiting: float
    start_seconds: float
    bills_waiting: bool = False
    max_input_bytes: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a run would take on an engine; `usd` is None where a price is missing.

    `basis` says what it is drawn from. `obstacle` is why the engine may not run it, and `lateness`
    why it should not if another can; both are empty if nothing is against it.
    """

    engine: str
    seconds_waiting: float
    seconds_running: float
    usd: Decimal | None
    basis: str
    obstacle: str = ""
    lateness: str = ""

    @property
    def seconds(self) -> float:
        """From being asked for to having ended."""
        return self.seconds_waiting + self.seconds_running

    @property
    def objection(self) -> str:
        """Whatever is against it."""
        return self.obstacle or self.lateness


def estimate(site: Site, input_bytes: int, past: Sequence[PastRun], prices: Prices) -> Estimate:
    """What `input_bytes` would take on a site, after the table's past runs there and elsewhere."""
    here = [run for run in past if run.engine == site.engine and run.cores == site.cores]
    waiting = median(run.seconds_waiting for run in here) if here else site.seconds_waiting
    line, basis = _line(site, here, past)
    running = line.at(input_bytes)
    try:
        usd = site_cost(site, waiting, running, prices) * _correction(site, here, prices)
    except PriceUnknown:
        return Estimate(site.engine, waiting, running, None, basis)
    return Estimate(site.engine, waiting, running, usd, basis)


@dataclass(frozen=True)
class _Line:
    start: float
    per_gb: float

    def at(self, input_bytes: float) -> float:
        return self.start + self.per_gb * input_bytes / GB


def _line(site: Site, here: Sequence[PastRun], past: Iterable[PastRun]) -> tuple[_Line, str]:
    """The line of this engine's runs; with few of one size, the usual one through their middle."""
    usual, basis = _usual(site, [run for run in past if run.engine != site.engine])
    if not here:
        return usual, basis
    runs = "1 past run" if len(here) == 1 else f"{len(here)} past runs"
    if len(here) >= _ENOUGH and _is_spread(here):
        return _theil_sen(here), runs
    factor = median(run.seconds_running / usual.at(run.input_bytes) for run in here)
    return _Line(usual.start * factor, usual.per_gb * factor), runs


def _usual(site: Site, elsewhere: Sequence[PastRun]) -> tuple[_Line, str]:
    """What is expected where no run was: by cores, from runs on other engines or benchmarks."""
    per_gb = CORE_SECONDS_PER_GB
    basis = "benchmarks"
    if len(elsewhere) >= _ENOUGH and _is_spread(elsewhere):
        # Each run times its cores: as if one core had done it.
        per_gb = _slope(
            [(run.input_bytes / GB, run.seconds_running * run.cores) for run in elsewhere]
        )
        basis = f"{len(elsewhere)} runs elsewhere"
    return _Line(site.start_seconds, per_gb / site.cores), basis


def _theil_sen(runs: Sequence[PastRun]) -> _Line:
    """A line that a few odd runs do not bend: the median of all slopes, then of what is left."""
    points = [(run.input_bytes / GB, run.seconds_running) for run in runs]
    per_gb = _slope(points)
    return _Line(max(0.0, median(y - per_gb * x for x, y in points)), per_gb)


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """The median slope between points, of those far enough apart to have one. Never negative."""
    slopes = [
        (b[1] - a[1]) / (b[0] - a[0])
        for a, b in combinations(sorted(points), 2)
        if b[0] >= a[0] * _SPREAD / 2 and b[0] > a[0]
    ]
    return max(0.0, median(slopes))


def _is_spread(runs: Sequence[PastRun]) -> bool:
    sizes = [run.input_bytes for run in runs]
    return max(sizes) > 0 and max(sizes) >= _SPREAD * min(sizes)


def site_cost(site: Site, waiting: float, running: float, prices: Prices) -> Decimal:
    """What so many seconds on a site are billed, in USD; raises `PriceUnknown`."""
    seconds = running + (waiting if site.bills_waiting else 0.0)
    if site.engine != "local":
        seconds = max(seconds, MINIMUM_SECONDS)
    return cost(_scaled(site.hourly, seconds), site.engine, prices)


def _correction(site: Site, here: Sequence[PastRun], prices: Prices) -> Decimal:
    """What past runs used over what the site says that they should have, both by today's prices."""
    ratios = []
    for run in here:
        modelled = site_cost(site, run.seconds_waiting, run.seconds_running, prices)
        if run.usage is not None and modelled > 0:
            ratios.append(cost(run.usage, site.engine, prices) / modelled)
    return median(ratios) if ratios else Decimal(1)


def _scaled(hourly: Usage, seconds: float) -> Usage:
    """What so many seconds are billed as."""
    hours = seconds / 3600
    return Usage(
        seconds,
        hourly.dpu_hours * hours,
        hourly.vcpu_hours * hours,
        hourly.memory_gb_hours * hours,
        hourly.storage_gb_hours * hours,
        {name: number * hours for name, number in hourly.instance_hours.items()},
        hourly.flexible,
    )
