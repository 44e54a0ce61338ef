"""What exploring costs: `lake.sql` against DuckDB by hand, and profiles against those of others.

A week of hours is published, 24 million rows, made by DuckDB; Spark is not needed. Queries take
turns on warm files. Profiles run in a process each, whose peak of memory is read from the system:
ours, pandas' `describe`, and ydata-profiling where LAKE_BENCH_YDATA names a Python that has it.

    python -m benchmarks.explore profile|profile_all|describe FOLDER
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from benchmarks import datasets
from resources.attempts import FileEntry, refined_prefix
from resources.browse import published_table
from resources.catalog.base import Pointer, TableEntry
from resources.catalog.local import LocalCatalog
from resources.explore import Explorer
from resources.profile import profile
from resources.storage import FolderStorage
from spark.contract import Column, Contract
from spark.ledger import Ledger

HOURS, ROWS = 168, 142_860
ROUNDS = 7
_ATTEMPT = "20261101T000000.000Z-00000000"
_TABLE = TableEntry(
    "activity",
    Contract(
        (
            Column("uuid", "string"),
            Column("device_ts", "timestamp"),
            Column("device_id", "int"),
            Column("device_temp", "int"),
            Column("track_id", "int"),
            Column("activity_type", "string"),
            Column("title", "string"),
        )
    ),
    ("dt", "hour"),
)
_QUESTIONS = {
    "all": "SELECT title, count(*), avg(device_temp) FROM {table} GROUP BY ALL ORDER BY ALL",
    "day": "SELECT activity_type, count(*) FROM {table} WHERE dt = '2026-11-03' GROUP BY ALL",
}
_HOUR = """
COPY (
    SELECT md5(({hour} * {rows} + range)::VARCHAR) AS uuid,
           TIMESTAMPTZ '2026-11-01 00:00:00+00' + to_hours({hour})
               + to_milliseconds(range * 3600000 // {rows}) AS device_ts,
           (hash(range) % 51)::INTEGER AS device_id, (28 + hash(range + 1) % 13)::INTEGER AS device_temp,
           (hash(range + 2) % 31)::INTEGER AS track_id,
           ['Running', 'Working', 'Walking', 'Traveling', 'Sitting'][1 + (hash(range + 3) % 5)::INTEGER]
               AS activity_type,
           CASE WHEN track_id > 0 THEN 'Track ' || track_id END AS title
    FROM range({rows})
) TO '{path}' (FORMAT parquet)
"""


def figures() -> Iterator[tuple[str, float]]:
    """Both comparisons."""
    folder = published()
    yield from _sql(folder)
    taken = {what: _in_a_process(what, folder) for what in ("profile", "profile_all", "describe")}
    if python := os.environ.get("LAKE_BENCH_YDATA"):
        script = str(Path(__file__).with_name("ydata_profile.py"))
        taken["ydata"] = _measured([python, "-W", "ignore", script, str(folder / "refined")])
    for what, (seconds, peak) in taken.items():
        yield f"{what}_24m_seconds", seconds
        yield f"{what}_24m_peak_mib", peak


def _sql(folder: Path) -> Iterator[tuple[str, float]]:
    """The connection of a notebook that is open, against one that was told the files by hand."""
    storage = FolderStorage(folder)
    lake = Explorer(storage, storage, LocalCatalog(str(folder)))
    began = time.perf_counter()
    lake.sql("SELECT 1").fetchall()
    yield "lake_sql_opening_seconds", time.perf_counter() - began
    by_hand = duckdb.connect()
    files = f"read_parquet('{folder}/refined/*/*/*/*/*.parquet', hive_partitioning = true)"
    for name, question in _QUESTIONS.items():
        ours = question.format(table="activity")
        theirs = question.format(table=files)
        assert _counts(lake, ours) == _counts(by_hand, theirs)
        pairs = [(_asked(lake, ours), _asked(by_hand, theirs)) for _ in range(ROUNDS)]
        yield f"lake_sql_{name}_seconds", statistics.median(mine for mine, _ in pairs)
        yield f"lake_sql_{name}_over_duckdb", statistics.median(a / b for a, b in pairs)


def _counts(of: Explorer | duckdb.DuckDBPyConnection, question: str) -> set[tuple[object, int]]:
    return {(row[0], row[1]) for row in of.sql(question).fetchall()}


def _asked(of: Explorer | duckdb.DuckDBPyConnection, question: str) -> float:
    return _seconds(lambda: of.sql(question).fetchall())


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def published() -> Path:
    """The table, made once."""
    folder = datasets.home() / "explore"
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    catalog = LocalCatalog(str(folder))
    catalog.ensure_table(_TABLE)
    catalog.publish_all("activity", [_hour(folder, hour) for hour in range(HOURS)])
    (folder / "done").touch()
    return folder


def _hour(folder: Path, hour: int) -> Pointer:
    values = {"dt": f"2026-11-{1 + hour // 24:02d}", "hour": f"{hour % 24:02d}"}
    directory = f"{refined_prefix('activity', _ATTEMPT)}/dt={values['dt']}/hour={values['hour']}"
    path = folder / directory / "part-0.parquet"
    path.parent.mkdir(parents=True)
    duckdb.execute(_HOUR.format(hour=hour, rows=ROWS, path=path))
    size = path.stat().st_size
    files = [FileEntry(f"{directory}/part-0.parquet", ROWS, size)]
    ledger = dict(Ledger(documents=ROWS, published=ROWS).to_json())
    key = f"{values['dt']}-{values['hour']}"
    return Pointer(key, values, _ATTEMPT, directory, files, ROWS, size, ledger, {"raw": "f"})


def _in_a_process(what: str, folder: Path) -> tuple[float, float]:
    """Seconds, and the peak of memory in MiB, of work in a process of its own."""
    return _measured([sys.executable, "-m", "benchmarks.explore", what, str(folder)])


def _measured(command: list[str]) -> tuple[float, float]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, peak = done.stdout.splitlines()[-1].split()
    return float(seconds), float(peak)


def _profile(folder: Path, most_bytes: int | None = None) -> None:
    found = published_table(LocalCatalog(str(folder)), "activity")
    limit = {} if most_bytes is None else {"most_bytes": most_bytes}
    made = profile(FolderStorage(folder), found.entry, list(found.pointers.values()), **limit)
    assert len(made.columns) == len(_TABLE.contract.columns)


def _describe(folder: Path) -> None:
    """What a notebook's user does: the whole table as a data frame, then `describe`."""
    frame = pq.read_table(folder / "refined").to_pandas()
    assert len(frame) == HOURS * ROWS
    frame.describe(include="all")


def main() -> None:
    """One profile in this process: its seconds and its peak of memory in MiB."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    work: dict[str, Callable[[], None]] = {
        "profile": lambda: _profile(folder),
        "profile_all": lambda: _profile(folder, sys.maxsize),
        "describe": lambda: _describe(folder),
    }
    seconds = _seconds(work[what])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds, peak)


if __name__ == "__main__":
    main()
