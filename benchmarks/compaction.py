"""Compacting a day of 24 hours, each of 100 files of 2,000 rows: seconds, and what a query gains.

Without Spark: pyarrow reads and writes, DuckDB counts and asks.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import datasets
from resources.attempts import FileEntry, refined_prefix
from resources.catalog.base import Pointer, TableEntry
from resources.catalog.local import LocalCatalog
from resources.catalog.query import run_sql
from resources.compaction import Compactor
from resources.publishing import Publisher
from resources.storage import FolderStorage
from spark.contract import Column, Contract
from spark.ledger import Ledger

HOURS, FILES, ROWS = 24, 100, 2_000
_ATTEMPT = "20261101T000000.000Z-00000000"
_TABLE = TableEntry(
    "plays",
    Contract((Column("uuid", "string"), Column("device_id", "int"), Column("title", "string"))),
    ("dt", "hour"),
)
_QUESTION = "SELECT title, count(*) FROM plays GROUP BY ALL ORDER BY ALL"


def figures() -> Iterator[tuple[str, float]]:
    """Publish the small files, ask, compact, ask again."""
    folder = datasets.home() / "compaction"
    shutil.rmtree(folder, ignore_errors=True)
    storage, catalog = FolderStorage(folder), LocalCatalog(str(folder))
    catalog.ensure_table(_TABLE)
    catalog.publish_all("plays", [_hour(storage, hour) for hour in range(HOURS)])
    before = _seconds_of_query(catalog, storage)
    compactor = Compactor(storage, Publisher(storage, storage, catalog, None), 128 << 20)
    began = time.perf_counter()
    done = list(compactor.compact(compactor.candidates("plays")))
    seconds = time.perf_counter() - began
    assert sum(len(each.after.files) for each in done if each.is_published) == HOURS
    read_bytes = sum(each.before.bytes for each in done)
    yield "compact_day_seconds", seconds
    yield "compact_day_mb_per_second", read_bytes / 1e6 / seconds
    yield "compact_day_bytes_after_over_before", sum(e.after.bytes for e in done) / read_bytes
    yield "query_before_compaction_seconds", before
    yield "query_after_compaction_seconds", _seconds_of_query(catalog, storage)
    shutil.rmtree(folder)


def _hour(storage: FolderStorage, hour: int) -> Pointer:
    values = {"dt": "2026-11-01", "hour": f"{hour:02d}"}
    directory = f"{refined_prefix('plays', _ATTEMPT)}/dt={values['dt']}/hour={values['hour']}"
    files = [_file(storage, f"{directory}/part-{n:05d}.parquet", n) for n in range(FILES)]
    rows = FILES * ROWS
    ledger = Ledger(documents=rows, published=rows).to_json()
    size = sum(each.bytes for each in files)
    key = f"{values['dt']}-{values['hour']}"
    return Pointer(key, values, _ATTEMPT, directory, files, rows, size, dict(ledger), {"raw": "f"})


def _file(storage: FolderStorage, key: str, number: int) -> FileEntry:
    rows = range(number * ROWS, (number + 1) * ROWS)
    table = pa.table(
        {
            "uuid": [
                f"{(each * 2654435761) % 2**32:08x}-0000-4000-8000-{each:012x}" for each in rows
            ],
            "device_id": pa.array([each % 50 for each in rows], pa.int32()),
            "title": [f"Track {each % 100}" for each in rows],
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, store_schema=False)
    storage.write(key, sink.getvalue())
    return FileEntry(key, ROWS, sink.tell())


def _seconds_of_query(catalog: LocalCatalog, storage: FolderStorage) -> float:
    """The third of three, so that files are in the system's cache."""
    for _ in range(3):
        began = time.perf_counter()
        run_sql(catalog, storage, _QUESTION)
        seconds = time.perf_counter() - began
    return seconds
