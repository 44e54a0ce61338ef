"""What the refine job is held against: DuckDB doing the same work on the same files.

Here lives the plan that was the fastest of those tried: two workers, an hour at a time, so that an
hour's documents and its hash tables stay in the cache. Reading everything into one table first, then
one `COPY … PARTITION_BY`, takes the same time at 2.4 million events and more memory. `read_json`
cannot skip a malformed document unless there is one a line, hence the split by text. Nothing of this
project's pipeline is imported.

    python -m benchmarks.duckdb_refine lake/raw/activity out
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from examples.activity import tracks

COLUMNS = {
    "uuid": "VARCHAR",
    "device_ts": "TIMESTAMP",
    "device_id": "INTEGER",
    "device_temp": "INTEGER",
    "track_id": "INTEGER",
    "activity_type": "VARCHAR",
}
# Decompressed over compressed size stays below this; DuckDB wants the longest line beforehand.
INFLATION = 12
WORKERS = 2


@dataclass(frozen=True)
class Figures:
    """An hour's ledger: read = published + quarantined + duplicates; published has the unmatched."""

    read: int
    published: int
    quarantined: int
    duplicates: int
    unmatched: int


def refine(raw: Path, output: Path) -> dict[str, Figures]:
    """Refine every hour below `raw` (yyyy/MM/dd/HH) to `output`; the ledger by hour."""
    with duckdb.connect(config={"threads": WORKERS}) as connection:
        connection.execute(
            "CREATE TABLE tracks (track_id INTEGER, title VARCHAR, artist VARCHAR, "
            "length_seconds INTEGER, release_year INTEGER)"
        )
        connection.executemany(
            "INSERT INTO tracks VALUES (?, ?, ?, ?, ?)", [list(row.values()) for row in tracks()]
        )
        local = threading.local()

        def work(hour: Path) -> Figures:
            if not hasattr(local, "cursor"):
                local.cursor = connection.cursor()
            return _refine_hour(local.cursor, hour, output, hour.relative_to(raw).as_posix())

        hours = sorted(path for path in raw.glob("*/*/*/*") if path.is_dir())
        with ThreadPoolExecutor(WORKERS) as pool:
            ledgers = list(pool.map(work, hours))
    return {h.relative_to(raw).as_posix(): f for h, f in zip(hours, ledgers, strict=True)}


def _refine_hour(
    cursor: duckdb.DuckDBPyConnection, hour: Path, output: Path, prefix: str
) -> Figures:
    year, month, day, hh = prefix.split("/")
    partition = f"dt={year}-{month}-{day}/hour={hh}"
    _read(cursor, sorted(hour.glob("*.gz")))
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE again AS
        SELECT unnest(later, recursive := true) FROM (
            SELECT list_sort(list({'object': filename, 'position': position}))[2:] AS later
            FROM documents
            WHERE reason IS NULL GROUP BY uuid HAVING count(*) > 1
        )
        """
    )
    (output / "refined" / partition).mkdir(parents=True)
    cursor.execute(
        f"""
        COPY (
            SELECT d.uuid, device_ts, device_id, device_temp, d.track_id, activity_type,
                   title, artist, length_seconds, release_year
            FROM documents d LEFT JOIN tracks t USING (track_id)
            ANTI JOIN again a ON d.filename = a.object AND d.position = a.position
            WHERE reason IS NULL
        ) TO '{output}/refined/{partition}/part-0.parquet' (FORMAT parquet, COMPRESSION snappy)
        """
    )
    figures = _ledger(cursor)
    if figures.quarantined:
        (output / "quarantine" / partition).mkdir(parents=True)
        cursor.execute(
            f"""
            COPY (
                SELECT document, reason, filename AS object, position
                FROM documents WHERE reason IS NOT NULL
            ) TO '{output}/quarantine/{partition}/part-0.parquet'
            (FORMAT parquet, COMPRESSION snappy)
            """
        )
    return figures


def _read(cursor: duckdb.DuckDBPyConnection, objects: Sequence[Path]) -> None:
    """Split, parse and type an hour's objects into the table `documents`.

    Wrong types are those that DuckDB's own casts refuse: a value that does not fit comes out null.
    """
    structure = "{" + ", ".join(f'"{name}": "{type_}"' for name, type_ in COLUMNS.items()) + "}"
    longest = max(path.stat().st_size for path in objects) * INFLATION + 1_000_000
    is_typed = " AND ".join(f"j.{name} IS NOT NULL" for name in COLUMNS)
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE documents AS
        SELECT filename, position, j.*,
               CASE WHEN {is_typed} THEN NULL
                    WHEN j IS NULL THEN 'malformed'
                    WHEN document ->> 'uuid' IS NULL THEN 'missing key'
                    ELSE 'wrong type' END AS reason,
               CASE WHEN {is_typed} THEN NULL ELSE document END AS document
        FROM (
            SELECT filename, position, document,
                   CASE WHEN json_valid(document)
                        THEN json_transform(document, '{structure}') END AS j
            FROM (
                SELECT filename, unnest(parts) AS document, unnest(range(len(parts))) AS position
                FROM (
                    SELECT filename,
                           string_split(
                               replace(content, '}}{{', '}}' || chr(1) || '{{'), chr(1)
                           ) AS parts
                    FROM read_csv(?, columns = {{content: 'VARCHAR'}}, delim = chr(1), quote = '',
                                  escape = '', header = false, auto_detect = false,
                                  filename = true, max_line_size = {longest})
                )
            )
        )
        """,
        [[str(path) for path in objects]],
    )


def _ledger(cursor: duckdb.DuckDBPyConnection) -> Figures:
    row = cursor.execute(
        """
        SELECT count(*), count(reason), (SELECT count(*) FROM again),
               (SELECT count(*) FROM documents d ANTI JOIN tracks USING (track_id)
                ANTI JOIN again a ON d.filename = a.object AND d.position = a.position
                WHERE reason IS NULL)
        FROM documents
        """
    ).fetchone()
    assert row is not None
    read, quarantined, duplicates, unmatched = row
    return Figures(read, read - quarantined - duplicates, quarantined, duplicates, unmatched)


def main() -> None:
    """Refine once and print the seconds and the ledger."""
    parser = argparse.ArgumentParser(description="Refine activity events with DuckDB.")
    parser.add_argument("raw", type=Path)
    parser.add_argument("output", type=Path, help="a folder that is not there yet")
    given = parser.parse_args()
    began = time.perf_counter()
    ledger = refine(given.raw, given.output)
    print(f"seconds {time.perf_counter() - began:.2f}")
    for name in vars(Figures(0, 0, 0, 0, 0)):
        print(name, sum(getattr(figures, name) for figures in ledger.values()))


if __name__ == "__main__":
    main()
