"""The rows of the local catalog: tables and pointers, as SQL reads and writes them.

Each function works within a transaction that `local.py` has begun; what may be published is decided
there.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter

from resources.catalog.base import Pointer, TableEntry
from resources.errors import CatalogError
from spark.contract import Contract

FORMAT = 1
SCHEMA = """
CREATE TABLE tables (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    entry TEXT NOT NULL
);
CREATE TABLE pointers (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL REFERENCES tables (name),
    partition TEXT NOT NULL,
    replaced INTEGER REFERENCES pointers (serial),
    is_current INTEGER NOT NULL,
    pointer TEXT NOT NULL
);
CREATE UNIQUE INDEX one_current ON pointers (table_name, partition) WHERE is_current = 1;
CREATE INDEX by_partition ON pointers (table_name, partition, serial);
"""
#: Each current or expired pointer at depth 0, and at depth n the n-th that it replaced.
RETAINED = """
WITH RECURSIVE chain (serial, replaced, partition, pointer, depth) AS (
    SELECT serial, replaced, partition, pointer, 0 FROM pointers
    WHERE table_name = :table
        AND (is_current = 1 OR json_extract(pointer, '$.expired_at') >= :expired_since)
    UNION ALL
    SELECT p.serial, p.replaced, p.partition, p.pointer, c.depth + 1
    FROM chain AS c JOIN pointers AS p ON p.serial = c.replaced
    WHERE c.depth < :depth
)
SELECT pointer FROM chain ORDER BY partition, depth
"""
POINTER = TypeAdapter(Pointer)


@dataclass(frozen=True)
class Step:
    """One partition's way back: from the current pointer, if any, to the one before it."""

    current_serial: int | None
    previous_serial: int
    pointer: Pointer


def dump_table(entry: TableEntry) -> str:
    """A table as JSON, without its name."""
    stored = {
        "contract": entry.contract.to_json(),
        "partition_columns": entry.partition_columns,
        "comment": entry.comment,
        "owners": entry.owners,
    }
    return json.dumps(stored)


def load_table(name: str, text: str) -> TableEntry:
    """What `dump_table` wrote."""
    stored = json.loads(text)
    return TableEntry(
        name=name,
        contract=Contract.from_json(stored["contract"]),
        partition_columns=tuple(stored["partition_columns"]),
        comment=stored["comment"],
        owners=tuple(stored["owners"]),
    )


def all_tables(connection: sqlite3.Connection) -> list[TableEntry]:
    """Every table, by name."""
    rows = connection.execute("SELECT name, entry FROM tables ORDER BY name").fetchall()
    return [load_table(name, text) for name, text in rows]


def find_table(connection: sqlite3.Connection, name: str) -> TableEntry | None:
    """A table by its name in any case, or None."""
    row = connection.execute("SELECT name, entry FROM tables WHERE name = ?", (name,)).fetchone()
    return None if row is None else load_table(*row)


def require_table(connection: sqlite3.Connection, name: str) -> TableEntry:
    """A table by its name; raises `CatalogError` that lists those there are."""
    entry = find_table(connection, name)
    if entry is None or entry.name != name:
        there = ", ".join(repr(each.name) for each in all_tables(connection)) or "none yet"
        raise CatalogError(f"Expected a table of the catalog; found {name!r}. There are: {there}.")
    return entry


def has_pointers(connection: sqlite3.Connection, table: str) -> bool:
    """Whether anything was ever published for a table."""
    query = "SELECT 1 FROM pointers WHERE table_name = ? LIMIT 1"
    return connection.execute(query, (table,)).fetchone() is not None


def current_pointers(connection: sqlite3.Connection, table: str) -> list[Pointer]:
    """What readers of a table follow, in order of partitions."""
    rows: list[tuple[str]] = connection.execute(
        "SELECT pointer FROM pointers WHERE table_name = ? AND is_current = 1 ORDER BY partition",
        (table,),
    ).fetchall()
    return [POINTER.validate_json(row[0]) for row in rows]


def current(
    connection: sqlite3.Connection, table: str, partition: str
) -> tuple[int, Pointer] | None:
    """The serial number and pointer that readers of a partition follow."""
    row = connection.execute(
        "SELECT serial, pointer FROM pointers "
        "WHERE table_name = ? AND partition = ? AND is_current = 1",
        (table, partition),
    ).fetchone()
    return None if row is None else (row[0], POINTER.validate_json(row[1]))


def way_back(connection: sqlite3.Connection, table: str, partition: str) -> Step | None:
    """To what the current pointer replaced, or without one to the pointer that expired."""
    if current(connection, table, partition) is not None:
        return step_back(connection, table, partition)
    row = connection.execute(
        "SELECT serial, pointer FROM pointers WHERE table_name = ? AND partition = ? "
        "AND json_extract(pointer, '$.expired_at') IS NOT NULL ORDER BY serial DESC LIMIT 1",
        (table, partition),
    ).fetchone()
    return None if row is None else Step(None, row[0], POINTER.validate_json(row[1]))


def step_back(connection: sqlite3.Connection, table: str, partition: str) -> Step | None:
    """To what the current pointer replaced, if it replaced any."""
    row = connection.execute(
        "SELECT now.serial, before.serial, before.pointer FROM pointers AS now "
        "JOIN pointers AS before ON before.serial = now.replaced "
        "WHERE now.table_name = ? AND now.partition = ? AND now.is_current = 1",
        (table, partition),
    ).fetchone()
    return None if row is None else Step(row[0], row[1], POINTER.validate_json(row[2]))


def make_current(
    connection: sqlite3.Connection, table: str, pointer: Pointer, *, replaced: int | None
) -> None:
    """Insert a pointer that readers follow from now on; the one before is to be unset first."""
    connection.execute(
        "INSERT INTO pointers (table_name, partition, replaced, is_current, pointer) "
        "VALUES (?, ?, ?, 1, ?)",
        (table, pointer.partition, replaced, POINTER.dump_json(pointer).decode()),
    )


def stamped(pointer: Pointer) -> Pointer:
    """The pointer with the time of its publication, which is now."""
    return replace(pointer, published_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
