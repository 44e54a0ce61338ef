"""How much of a result may come to this process: measured, warned of, and refused in time.

Half of the memory that is free may be taken. Sizes are Arrow's; what becomes of them in Python is
larger by a factor.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pyarrow as pa

from resources.errors import ResultTooLarge

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: Memory that is worth a warning.
NOTABLE_BYTES = 256 * 1024 * 1024
#: What Arrow's bytes become, by experience: pandas holds them beside Arrow's for a while, and a
#: `Row` of Spark is a tuple of Python's objects.
_FACTORS = {"toArrow": 1, "toPandas": 2, "collect": 8}
_SAMPLE = 1000
_CGROUP = Path("/sys/fs/cgroup")


def allowed_bytes() -> int:
    """Half of the memory that is free here, within a container's limit where there is one."""
    free = psutil.virtual_memory().available
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or one without a limit
        return free // 2
    return min(free, max(limit - used, 0)) // 2


def judge(rows: int, bytes_: int) -> None:
    """Warn of a result of this size in memory; raises `ResultTooLarge` where it would not fit."""
    allowed = allowed_bytes()
    said = f"{rows:,} rows take about {_shown(bytes_)} of memory"
    if bytes_ > allowed:
        raise ResultTooLarge(
            f"Expected a result that fits into {_shown(allowed)}, half of the memory that is free; "
            f"{said}. Aggregate, select fewer columns, or take some rows with limit(…) or most=…."
        )
    if bytes_ > NOTABLE_BYTES:
        warnings.warn(f"{said}, of {_shown(2 * allowed)} that are free.", stacklevel=3)


def collected(reader: pa.RecordBatchReader) -> pa.Table:
    """All rows of a reader, judged while they come, so that too many never are in memory."""
    batches: list[pa.RecordBatch] = []
    rows = size = judged = 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if size > max(2 * judged, NOTABLE_BYTES // _FACTORS["toPandas"]):
            judge(rows, size * _FACTORS["toPandas"])
            judged = size
    return pa.Table.from_batches(batches, reader.schema)


def guard_collects() -> None:
    """Have frames of Spark judged before `collect`, `toPandas` and `toArrow` fetch them.

    Only those that Spark estimates to be large are counted, and a sample of their rows measured.
    """
    from pyspark.sql.classic.dataframe import DataFrame as Classic  # noqa: PLC0415 slow to import

    for name in _FACTORS:
        method = getattr(Classic, name)
        if not hasattr(method, "__wrapped__"):
            setattr(Classic, name, _guarded(method))


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def collect(frame: DataFrame, *arguments: Any, **named: Any) -> Any:
        _judge_frame(frame, _FACTORS[method.__name__])
        return method(frame, *arguments, **named)

    return collect


def _judge_frame(frame: DataFrame, factor: int) -> None:
    estimate = int(str(frame._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))
    # Parquet's bytes may be a tenth of what they say.
    if estimate * factor < NOTABLE_BYTES // 8:
        return
    sample = type(frame).toArrow.__wrapped__(frame.limit(_SAMPLE))  # type: ignore[attr-defined]
    if sample.num_rows < _SAMPLE:
        return
    rows = frame.count()
    judge(rows, rows * sample.nbytes // sample.num_rows * factor)


def _shown(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"
