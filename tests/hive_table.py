"""A Parquet table as others lay it out: `dt=2024-05-01/hour=05/part-0.parquet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.workshop import Row, arrow_schema

COLUMNS = {"play_id": "string", "song_id": "int", "seconds": "int", "title": "string"}


def below(key: str) -> str:
    """The folder of a partition `2024-05-01-05`."""
    return f"dt={key[:10]}/hour={key[11:]}"


def write_hive_table(
    root: Path, rows: Mapping[str, Sequence[Row]], columns: Mapping[str, str] = COLUMNS
) -> Path:
    """Write each partition's rows as one file, and what Hadoop leaves beside them."""
    for key, each in rows.items():
        folder = root / below(key)
        folder.mkdir(parents=True, exist_ok=True)
        schema = arrow_schema(list(columns.items()))
        pq.write_table(pa.Table.from_pylist(list(each), schema), folder / "part-0.parquet")
        (folder / ".part-0.parquet.crc").write_bytes(b"crc")
    (root / "_SUCCESS").touch()
    return root


def hours_of(day: datetime) -> frozenset[str]:
    """The keys of a day's hours."""
    return frozenset(f"{day:%Y-%m-%d}-{hour:02d}" for hour in range(24))
