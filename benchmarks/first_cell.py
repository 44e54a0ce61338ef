"""The first answer of a notebook and each further one, against plain PySpark in the same notebook.

The table is the one of `explore`: a week of hours, 24 million rows. Each way has a kernel of its own,
started as JupyterLab starts one; the clock runs from there to the first cell's answer. The ways take
turns, on files in the system's cache.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import explore

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

ROUNDS, FURTHER = 3, 5
_PROJECT = Path(__file__).parents[1]
_ANSWER_SECONDS = 300
_LAKE = "from lake_assets.notebook import open_lake\nlake = open_lake()\n"
_PLAIN = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[*]").config("spark.driver.memory", "2g").getOrCreate()
plays = spark.read.parquet(FOLDER + "/refined")
"""
_COUNT = "plays.groupBy('activity_type').count().toPandas()"
#: The first cell, and the one that is asked again and again: the rows of each kind of activity.
_WAYS = {
    "sql": (
        _LAKE,
        "lake.pandas('SELECT activity_type, count(*) AS n FROM activity GROUP BY ALL')",
    ),
    "spark": (f"{_LAKE}plays = lake.spark_table('activity')\n", _COUNT),
    "pyspark": (_PLAIN, _COUNT),
}


def figures() -> Iterator[tuple[str, float]]:
    """Seconds of each way, and the ratios of ours to plain PySpark."""
    folder = explore.published()
    first: dict[str, list[float]] = {name: [] for name in _WAYS}
    further: dict[str, list[float]] = {name: [] for name in _WAYS}
    for _ in range(ROUNDS):
        for name, (opening, question) in _WAYS.items():
            taken = _cells(folder, opening, question)
            first[name].append(taken[0])
            further[name].append(statistics.median(taken[1:]))
    for what, taken_by in (("first_cell", first), ("further_cell", further)):
        for name, seconds in taken_by.items():
            yield f"{what}_{name}_seconds", statistics.median(seconds)
        for name in ("sql", "spark"):
            pairs = zip(taken_by[name], taken_by["pyspark"], strict=True)
            yield f"{what}_{name}_over_pyspark", statistics.median(a / b for a, b in pairs)


def _cells(folder: Path, opening: str, question: str) -> list[float]:
    """Seconds from the start of a kernel to the first answer, then of each further one."""
    began = time.perf_counter()
    with _kernel({"LAKE_ROOT": str(folder)}) as client:
        _run(client, f"FOLDER = {str(folder)!r}\n{opening}{question}")
        taken = [time.perf_counter() - began]
        for _ in range(FURTHER):
            began = time.perf_counter()
            _run(client, question)
            taken.append(time.perf_counter() - began)
    return taken


@contextmanager
def _kernel(settings: Mapping[str, str]) -> Iterator[BlockingKernelClient]:
    from jupyter_client.manager import run_kernel  # noqa: PLC0415 of the extra `notebook`

    environment = {
        **os.environ,
        **settings,
        "PYTHONPATH": str(_PROJECT),
        "PYTHONWARNINGS": "ignore",
        "PYSPARK_PYTHON": sys.executable,
    }
    with run_kernel(kernel_name="python3", env=environment) as client:
        yield client


def _run(client: BlockingKernelClient, code: str) -> None:
    reply = client.execute_interactive(code, timeout=_ANSWER_SECONDS, output_hook=lambda _: None)
    content = reply["content"]
    if content["status"] != "ok":
        raise RuntimeError("\n".join(content["traceback"]))
