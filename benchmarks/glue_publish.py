"""Publishing 10,000 partitions to Glue: requests sent, seconds, and the process's peak memory.

Glue is moto's server on this machine, so seconds say little of AWS; the number of requests is what
AWS would get. Requests are counted where botocore sends them. Attempts lie in a folder.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import datasets
from resources.attempts import FileEntry, refined_prefix
from resources.catalog.base import Pointer, TableEntry
from resources.catalog.glue import GlueCatalog
from resources.storage import FolderStorage
from spark.contract import Column, Contract
from tests.servers.glue import Calls, glue_client
from tests.servers.moto import moto_server

PARTITIONS = 10_000
_TABLE = TableEntry(
    "plays",
    Contract(tuple(Column(f"column_{number}", "string", comment="x") for number in range(20))),
    ("dt", "hour"),
)


def measure(folder: Path) -> Iterator[tuple[str, float]]:
    """Publish, publish the same again, publish other attempts, read the pointers."""
    storage = FolderStorage(folder)
    with moto_server() as url:
        client = glue_client(url)
        catalog = GlueCatalog(client, storage, "bench", location=lambda key: f"s3://b/{key}")
        calls = Calls(client)
        catalog.ensure_table(_TABLE)
        attempts = {name: _attempt(storage, name) for name in ("first", "second")}
        before = _peak_mib()
        for step, name in (("publish", "first"), ("republish", "first"), ("replace", "second")):
            yield from _published(catalog, calls, step, attempts[name])
        calls.reset()
        assert len(catalog.pointers("plays")) == PARTITIONS
        yield "glue_read_10k_calls", calls.count.total()
        yield "glue_peak_mib", _peak_mib()
        yield "glue_peak_added_mib", _peak_mib() - before


def _published(
    catalog: GlueCatalog, calls: Calls, step: str, pointers: Sequence[Pointer]
) -> Iterator[tuple[str, float]]:
    calls.reset()
    began = time.perf_counter()
    catalog.publish_all("plays", pointers)
    yield f"glue_{step}_10k_seconds", time.perf_counter() - began
    yield f"glue_{step}_10k_calls", calls.count.total()
    yield f"glue_{step}_10k_write_calls", calls.writes


def _attempt(storage: FolderStorage, name: str) -> list[Pointer]:
    pointers = []
    for number in range(PARTITIONS):
        values = {"dt": f"day-{number // 24:03d}", "hour": f"{number % 24:02d}"}
        directory = f"{refined_prefix('plays', name)}/dt={values['dt']}/hour={values['hour']}"
        file = FileEntry(f"{directory}/part-00000.parquet", rows=1, bytes=1)
        path = storage.local_path(file.key)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        key = f"{values['dt']}-{values['hour']}"
        inputs = {"raw": "0123456789abcdef", "tracks": "0123456789abcdef", "code": "0123"}
        pointers.append(
            Pointer(key, values, name, directory, [file], 1, 1, {"documents": 1}, inputs)
        )
    return pointers


def _peak_mib() -> float:
    """Of this process since it began; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure once, in a process of its own: `python -m benchmarks.glue_publish`."""
    folder = Path(tempfile.mkdtemp(dir=datasets.home()))
    try:
        for figure, value in measure(folder):
            print(figure, value, flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
