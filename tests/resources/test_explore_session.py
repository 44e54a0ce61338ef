"""A notebook's session that is lost: the next one works. In a process of its own, whose JVM dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOSING = """
import os, signal, sys
from pathlib import Path
from pyspark import SparkContext
from lake_assets.notebook import open_lake
from resources.explore_errors import explained

lake = open_lake()
first = lake.spark
assert lake.spark is first
frame = first.range(3)
assert frame.count() == 3
[python] = first.sparkContext.parallelize([0], 1).map(lambda _: sys.executable).collect()
assert python == sys.executable, python
SparkContext._gateway.proc.kill()
SparkContext._gateway.proc.wait()
try:
    frame.count()
except Exception as error:
    print(type(explained(error)).__name__)
second = lake.spark
print(second is first, second.range(4).count(), lake.spark is second)
second.stop()
print(lake.spark.range(5).count())
"""


@pytest.mark.slow
def test_a_session_whose_jvm_died_is_replaced(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSING],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "LAKE_ROOT": str(tmp_path),
            "LAKE_SPARK_MASTER": "local[1]",
            "LAKE_SPARK_MEMORY": "600m",
        },
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["SessionLost", "False", "4", "True", "5"]
