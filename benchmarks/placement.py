"""How well `auto` estimates and chooses: on runs of this machine, and among simulated engines."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from pyspark.sql import SparkSession

from benchmarks.lake_refine import raw_hours, timed, write_reference
from benchmarks.simulated_engines import choices
from resources.compute.estimate import Site, estimate
from resources.compute.history import PastRun
from resources.compute.prices import Prices
from resources.compute.sites import sites
from resources.settings import load_settings

#: Hours of the small events that are refined in one run: half a MB to 87 MB.
HOURS = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 54, 84, 120, 168)
#: Tables that are simulated, and the runs of each. After `LEARNT` of them it has seen most sizes.
TABLES, RUNS, LEARNT = 20, 100, 20


def figures(spark: SparkSession) -> Iterator[tuple[str, float]]:
    """Of real runs the error of an estimate from all others; of simulated ones the choices too."""
    [site] = [each for each in sites(load_settings({})) if each.engine == "local"]
    runs = list(_local_runs(spark, site))
    errors = [_error(site, run, [each for each in runs if each is not run]) for run in runs]
    yield "placement_local_sizes", len(runs)
    yield "placement_local_first_error", median(_error(site, run, []) for run in runs)
    yield "placement_local_error", median(errors)
    yield from simulated()


def simulated() -> Iterator[tuple[str, float]]:
    """Errors of time, and how often and how well the cheapest engine within the limit was met."""
    tables = [list(choices(seed, RUNS)) for seed in range(TABLES)]
    for name, part in (("new", slice(LEARNT)), ("learnt", slice(LEARNT, None))):
        found = [each for table in tables for each in table[part]]
        yield f"placement_{name}_error", median(each.error for each in found)
        cheapest = sum(each.engine == each.cheapest for each in found)
        yield f"placement_{name}_cheapest_share", cheapest / len(found)
        paid, best = sum(each.took_usd for each in found), sum(each.cheapest_usd for each in found)
        yield f"placement_{name}_paid_over_cheapest", float(paid / best)


def _local_runs(spark: SparkSession, site: Site) -> Iterator[PastRun]:
    """A warm session, as runs of a range have it; the first run warms it up and is not kept."""
    reference = write_reference(spark)
    timed(spark, "2m", reference, hours=12)
    for hours in HOURS:
        objects = [each for found in raw_hours("2m", hours).values() for each in found]
        seconds = timed(spark, "2m", reference, hours=hours)
        size = sum(each.size for each in objects)
        yield PastRun(f"{hours:03d}", "local", site.cores, hours, size, 0, 0.0, seconds)


def _error(site: Site, run: PastRun, past: list[PastRun]) -> float:
    """Of the seconds that the job itself runs, as a share of what it took."""
    expected = estimate(site, run.input_bytes, past, Prices()).seconds_running
    return abs(expected - run.seconds_running) / run.seconds_running
