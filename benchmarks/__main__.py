"""Run the benchmarks: `make bench`, or `make bench ARGS="refine_2m overhead"`.

Each figure is a line `name value`. Ratios are of runs that took turns on the same machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from benchmarks import (
    arrival_delay,
    compaction,
    datasets,
    duckdb_refine,
    engines,
    explore,
    first_cell,
    lake_refine,
    mysql_snapshot,
    notebook_refine,
    placement,
    runs,
    s3_listing,
    s3_radio,
    sensor_tick,
    warm_cluster,
)

Figures = Iterator[tuple[str, float]]
ROUNDS = {"2m": 3, "24m": 1}
#: Until then the JVM is still compiling: half of a first run's CPU seconds, a tenth of the sixth's.
WARM_UPS = 5


def refine_over_duckdb(size: str) -> Figures:
    """Refine on a warm session against DuckDB, in turns."""
    spark = lake_refine.session()
    reference = lake_refine.write_reference(spark)
    for _ in range(WARM_UPS):
        lake_refine.timed(spark, "2m", reference)
    pairs = [
        (lake_refine.timed(spark, size, reference), _duckdb(size)) for _ in range(ROUNDS[size])
    ]
    yield f"refine_{size}_seconds", statistics.median(ours for ours, _ in pairs)
    yield f"duckdb_{size}_seconds", statistics.median(theirs for _, theirs in pairs)
    yield f"refine_{size}_over_duckdb", statistics.median(ours / theirs for ours, theirs in pairs)


def refine_over_notebook() -> Figures:
    """Refine against the notebook's script, in turns, on one warm session."""
    spark = lake_refine.session()
    reference = lake_refine.write_reference(spark)
    for _ in range(WARM_UPS):
        _notebook("2m", reference)
        lake_refine.timed(spark, "2m", reference)
    pairs = [
        (lake_refine.timed(spark, "2m", reference), _notebook("2m", reference))
        for _ in range(ROUNDS["2m"])
    ]
    yield "notebook_2m_seconds", statistics.median(theirs for _, theirs in pairs)
    yield "refine_over_notebook", statistics.median(ours / theirs for ours, theirs in pairs)


def memory_growth() -> Figures:
    """The peak of a fresh process at 24 million events over that at 2.4 million."""
    peaks = {size: _peak_bytes(size) for size in ("2m", "24m")}
    for size, peak in peaks.items():
        yield f"peak_{size}_mib", peak / 2**20
    yield "memory_growth", peaks["24m"] / peaks["2m"]


def single_runs_over_range(days: int) -> Figures:
    """A run for each hour over one run of all hours."""
    return runs.single_runs_over_range(lake_refine.session(), days)


def overhead() -> Figures:
    """What the audit, publishing and Dagster add to the Spark job for one small hour."""
    return runs.overhead_seconds(lake_refine.session())


def glue_publish() -> Figures:
    """Requests to Glue and peak memory of publishing 10,000 partitions."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.glue_publish"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in done.stdout.splitlines():
        name, value = line.split()
        yield name, float(value)


def placement_choices() -> Figures:
    """Estimates of time against what runs took, and how often the cheapest engine was chosen."""
    return placement.figures(lake_refine.session())


BENCHMARKS: dict[str, Callable[[], Figures]] = {
    "refine_2m": lambda: refine_over_duckdb("2m"),
    "refine_over_notebook": refine_over_notebook,
    "overhead": overhead,
    "single_runs": lambda: single_runs_over_range(7),
    "backfill": lambda: single_runs_over_range(runs.BACKFILLED),
    "arrival_delay": arrival_delay.figures,
    "glue_publish": glue_publish,
    "refine_24m": lambda: refine_over_duckdb("24m"),
    "memory_growth": memory_growth,
    "sensor_tick": sensor_tick.figures,
    "mysql_snapshot": mysql_snapshot.figures,
    "s3_listing": s3_listing.figures,
    "versitygw": s3_radio.figures,
    "compaction": compaction.figures,
    "explore": explore.figures,
    "first_cell": first_cell.figures,
    "placement": placement_choices,
    "engines": engines.figures,
    "warm_cluster": warm_cluster.figures,
}


def _duckdb(size: str) -> float:
    raw, output = datasets.events(size), datasets.home() / "duckdb-out"
    shutil.rmtree(output, ignore_errors=True)
    began = time.perf_counter()
    duckdb_refine.refine(raw, output)
    seconds = time.perf_counter() - began
    shutil.rmtree(output)
    return seconds


def _notebook(size: str, reference: str) -> float:
    raw, output = datasets.lines(size), datasets.home() / "notebook-out"
    shutil.rmtree(output, ignore_errors=True)
    began = time.perf_counter()
    notebook_refine.refine(lake_refine.session(), raw, reference, output)
    seconds = time.perf_counter() - began
    shutil.rmtree(output)
    return seconds


def _peak_bytes(size: str) -> int:
    datasets.events(size)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.lake_refine", size],
        check=True,
        capture_output=True,
        text=True,
    )
    line = next(line for line in done.stdout.splitlines() if "peak_bytes" in line)
    return int(line.split()[1])


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    print(f"# {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    for name in names:
        for figure, value in BENCHMARKS[name]():
            print(f"{figure} {value:.3g}" if value < 100 else f"{figure} {value:.0f}", flush=True)


if __name__ == "__main__":
    main()
