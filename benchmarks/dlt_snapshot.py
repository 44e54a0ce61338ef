"""What a snapshot is held against: dlt taking the same MySQL table to Parquet in a folder.

Its two fast ways are measured: SQLAlchemy's rows made into Arrow tables, which is its default for
Parquet, and ConnectorX, which reads Arrow from the server's protocol in Rust. It keeps types as the
driver has them, and neither compares contents nor proves that nothing changed meanwhile.

Needs `pip install -e '.[bench]'`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pyarrow.dataset as ds

BACKENDS = ("pyarrow", "connectorx")


def seconds(address: str, table: str, backend: str, output: Path, rows: int) -> float:
    """Take a table to Parquet below a folder; raises unless as many rows arrive as there are."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt  # noqa: PLC0415 of the extra `bench`
    from dlt.sources.sql_database import sql_table  # noqa: PLC0415

    shutil.rmtree(output, ignore_errors=True)
    with tempfile.TemporaryDirectory() as state:
        pipeline = dlt.pipeline(
            "tracks",
            pipelines_dir=state,
            destination=dlt.destinations.filesystem(bucket_url=output.as_uri()),
            dataset_name="bench",
        )
        began = time.perf_counter()
        source = sql_table(credentials=address, table=table, backend=backend, chunk_size=100_000)
        pipeline.run(source, loader_file_format="parquet", write_disposition="replace")
        took = time.perf_counter() - began
    found = _rows(output / "bench" / table)
    if found != rows:
        raise RuntimeError(f"dlt by {backend}: expected {rows:,} rows, found {found:,}")
    shutil.rmtree(output)
    return took


def _rows(folder: Path) -> int:
    return int(ds.dataset(folder, format="parquet").count_rows())
