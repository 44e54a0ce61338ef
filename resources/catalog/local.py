"""A catalog in a folder of this machine: pointers in SQLite.

Every pointer ever published is kept with a serial number and with the one it replaced, which is
what a rollback goes back to. Queries on the published files do not belong here (`query.py`).

A local file system is expected: SQLite's write-ahead log does not work over network mounts.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter

from resources.catalog.base import (
    Pointer,
    TableEntry,
    check_entry,
    check_evolution,
    check_files,
    check_pointer,
    is_older,
    same_publication,
)
from resources.errors import CatalogError, SettingsError
from resources.sqlite import SharedDatabase
from resources.storage import Storage, open_storage
from spark.contract import Contract

_FORMAT = 1
_SCHEMA = """
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
_RETAINED = """
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
_POINTER = TypeAdapter(Pointer)


class LocalCatalog:
    """A catalog in `catalog.sqlite` of a folder; made on first use.

    Safe for any number of processes: writers wait for each other, readers wait for nobody. Each
    call opens a connection of its own, so an instance may be shared between threads.
    """

    def __init__(self, folder: str, storage: Storage | None = None) -> None:
        """Take a folder or `file:` URL, and the store of published files unless that is the same.

        Raises `SettingsError` for a folder that is none.
        """
        beside = open_storage(folder)
        self._storage = storage or beside
        path = beside.local_path("catalog.sqlite")
        if path is None:
            raise SettingsError(
                f"LAKE_LOCAL_FOLDER: expected a folder of this machine for a local catalog; found "
                f"{folder!r}."
            )
        self._database = SharedDatabase(path, _SCHEMA, _FORMAT)

    @property
    def moved_together(self) -> None:
        """A transaction has no limit."""

    def ensure_table(self, entry: TableEntry) -> None:
        """Create or update a table; one never published may change in any way."""
        check_entry(entry)
        with self._database.writing() as connection:
            old = _find_table(connection, entry.name)
            if old is not None and old.name != entry.name:
                raise CatalogError(
                    f"Expected a table name that differs in more than case; found {entry.name!r} "
                    f"beside {old.name!r}. Choose another name."
                )
            if old is not None and _has_pointers(connection, entry.name):
                check_evolution(old, entry)
            if old != entry:
                connection.execute(
                    "INSERT INTO tables (name, entry) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET entry = excluded.entry",
                    (entry.name, _dump_table(entry)),
                )

    def publish(self, table: str, pointer: Pointer, over: str | None = None) -> None:
        """Check the pointer against the table and storage, then make it current.

        With `over` only while that attempt is.
        """
        with self._database.writing() as connection:
            entry = _require_table(connection, table)
            check_pointer(entry, pointer)
            check_files(self._storage, table, pointer)
            current = _current(connection, table, pointer.partition)
            if over is not None and (current is None or current[1].attempt != over):
                return
            if current is None:
                _make_current(connection, table, _stamped(pointer), replaced=None)
                return
            serial, published = current
            if same_publication(published, pointer) or is_older(pointer, published):
                return
            if published.attempt == pointer.attempt:
                raise CatalogError(
                    f"Expected attempt {pointer.attempt} of {table!r}, partition "
                    f"{pointer.partition!r}, as it was published; found other contents under the "
                    "same attempt. Attempts never change: run the partition again for a new one."
                )
            connection.execute("UPDATE pointers SET is_current = 0 WHERE serial = ?", (serial,))
            _make_current(connection, table, _stamped(pointer), replaced=serial)

    def publish_all(
        self, table: str, pointers: Sequence[Pointer], over: Mapping[str, str] | None = None
    ) -> None:
        """Publish one after the other, so that readers never wait for all of them."""
        for pointer in pointers:
            self.publish(table, pointer, over[pointer.partition] if over is not None else None)

    def tables(self) -> list[TableEntry]:
        """Every table, by name."""
        with self._database.reading() as connection:
            return _all_tables(connection)

    def pointers(self, table: str) -> dict[str, Pointer]:
        """The current pointer of each published partition, in order of partitions."""
        with self._database.reading() as connection:
            _require_table(connection, table)
            return {each.partition: each for each in _current_pointers(connection, table)}

    def snapshot(self) -> list[tuple[TableEntry, list[Pointer]]]:
        """Every table with its current pointers, read in one transaction."""
        with self._database.reading() as connection:
            entries = _all_tables(connection)
            return [(entry, _current_pointers(connection, entry.name)) for entry in entries]

    def history(self, table: str, partition: str) -> list[Pointer]:
        """Everything ever published for a partition, newest first, rolled back or not."""
        with self._database.reading() as connection:
            _require_table(connection, table)
            rows: list[tuple[str]] = connection.execute(
                "SELECT pointer FROM pointers WHERE table_name = ? AND partition = ? "
                "ORDER BY serial DESC",
                (table, partition),
            ).fetchall()
            return [_POINTER.validate_json(row[0]) for row in rows]

    def rollback(self, table: str, partitions: Sequence[str]) -> list[Pointer]:
        """Go back to what each partition had before; all of them or none."""
        with self._database.writing() as connection:
            _require_table(connection, table)
            steps = {name: _way_back(connection, table, name) for name in partitions}
            stuck = [name for name, step in steps.items() if step is None]
            if stuck:
                raise CatalogError(
                    f"Expected an earlier version to go back to in table {table!r}; there is none "
                    f"for partition {', '.join(map(repr, stuck))}. Nothing was rolled back."
                )
            restored = [step for step in steps.values() if step is not None]
            for step in restored:
                check_files(self._storage, table, step.pointer)
                connection.execute(
                    "UPDATE pointers SET is_current = 0 WHERE serial = ?", (step.current_serial,)
                )
                connection.execute(
                    "UPDATE pointers SET is_current = 1, "
                    "pointer = json_remove(pointer, '$.expired_at') WHERE serial = ?",
                    (step.previous_serial,),
                )
            return [step.pointer for step in restored]

    def withdraw(self, table: str, attempts: Mapping[str, str]) -> None:
        """Undo publications, where they are still current; a first one leaves nothing published."""
        with self._database.writing() as connection:
            for partition, attempt in attempts.items():
                current = _current(connection, table, partition)
                if current is None or current[1].attempt != attempt:
                    continue
                step = _step_back(connection, table, partition)
                connection.execute(
                    "UPDATE pointers SET is_current = 0 WHERE serial = ?", (current[0],)
                )
                if step is not None:
                    connection.execute(
                        "UPDATE pointers SET is_current = 1 WHERE serial = ?",
                        (step.previous_serial,),
                    )

    def expire(self, table: str, attempts: Mapping[str, str]) -> list[str]:
        """Leave partitions without a current pointer; the one they had is marked, for a rollback."""
        now = datetime.now(UTC).isoformat()
        expired = []
        with self._database.writing() as connection:
            _require_table(connection, table)
            for partition, attempt in attempts.items():
                current = _current(connection, table, partition)
                if current is not None and current[1].attempt == attempt:
                    connection.execute(
                        "UPDATE pointers SET is_current = 0, "
                        "pointer = json_set(pointer, '$.expired_at', ?) WHERE serial = ?",
                        (now, current[0]),
                    )
                    expired.append(partition)
        return expired

    def retained(
        self, table: str, keep_previous: int, expired_since: datetime | None = None
    ) -> list[Pointer]:
        """Current pointers, and for each the last `keep_previous` it could be rolled back to."""
        since = expired_since.astimezone(UTC).isoformat() if expired_since else None
        with self._database.reading() as connection:
            _require_table(connection, table)
            rows: list[tuple[str]] = connection.execute(
                _RETAINED, {"table": table, "depth": keep_previous, "expired_since": since}
            ).fetchall()
            return [_POINTER.validate_json(row[0]) for row in rows]

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the write lock: publishing and rolling back wait up to a minute, then say so."""
        with self._database.writing():
            yield


@dataclass(frozen=True)
class _Step:
    """One partition's way back: from the current pointer, if any, to the one before it."""

    current_serial: int | None
    previous_serial: int
    pointer: Pointer


def _dump_table(entry: TableEntry) -> str:
    stored = {
        "contract": entry.contract.to_json(),
        "partition_columns": entry.partition_columns,
        "comment": entry.comment,
        "owners": entry.owners,
    }
    return json.dumps(stored)


def _load_table(name: str, text: str) -> TableEntry:
    stored = json.loads(text)
    return TableEntry(
        name=name,
        contract=Contract.from_json(stored["contract"]),
        partition_columns=tuple(stored["partition_columns"]),
        comment=stored["comment"],
        owners=tuple(stored["owners"]),
    )


def _all_tables(connection: sqlite3.Connection) -> list[TableEntry]:
    rows = connection.execute("SELECT name, entry FROM tables ORDER BY name").fetchall()
    return [_load_table(name, text) for name, text in rows]


def _find_table(connection: sqlite3.Connection, name: str) -> TableEntry | None:
    row = connection.execute("SELECT name, entry FROM tables WHERE name = ?", (name,)).fetchone()
    return None if row is None else _load_table(*row)


def _require_table(connection: sqlite3.Connection, name: str) -> TableEntry:
    entry = _find_table(connection, name)
    if entry is None or entry.name != name:
        there = ", ".join(repr(each.name) for each in _all_tables(connection)) or "none yet"
        raise CatalogError(f"Expected a table of the catalog; found {name!r}. There are: {there}.")
    return entry


def _has_pointers(connection: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM pointers WHERE table_name = ? LIMIT 1"
    return connection.execute(query, (table,)).fetchone() is not None


def _current_pointers(connection: sqlite3.Connection, table: str) -> list[Pointer]:
    rows: list[tuple[str]] = connection.execute(
        "SELECT pointer FROM pointers WHERE table_name = ? AND is_current = 1 ORDER BY partition",
        (table,),
    ).fetchall()
    return [_POINTER.validate_json(row[0]) for row in rows]


def _current(
    connection: sqlite3.Connection, table: str, partition: str
) -> tuple[int, Pointer] | None:
    row = connection.execute(
        "SELECT serial, pointer FROM pointers "
        "WHERE table_name = ? AND partition = ? AND is_current = 1",
        (table, partition),
    ).fetchone()
    return None if row is None else (row[0], _POINTER.validate_json(row[1]))


def _way_back(connection: sqlite3.Connection, table: str, partition: str) -> _Step | None:
    """To what the current pointer replaced, or without one to the pointer that expired."""
    if _current(connection, table, partition) is not None:
        return _step_back(connection, table, partition)
    row = connection.execute(
        "SELECT serial, pointer FROM pointers WHERE table_name = ? AND partition = ? "
        "AND json_extract(pointer, '$.expired_at') IS NOT NULL ORDER BY serial DESC LIMIT 1",
        (table, partition),
    ).fetchone()
    return None if row is None else _Step(None, row[0], _POINTER.validate_json(row[1]))


def _step_back(connection: sqlite3.Connection, table: str, partition: str) -> _Step | None:
    row = connection.execute(
        "SELECT now.serial, before.serial, before.pointer FROM pointers AS now "
        "JOIN pointers AS before ON before.serial = now.replaced "
        "WHERE now.table_name = ? AND now.partition = ? AND now.is_current = 1",
        (table, partition),
    ).fetchone()
    return None if row is None else _Step(row[0], row[1], _POINTER.validate_json(row[2]))


def _make_current(
    connection: sqlite3.Connection, table: str, pointer: Pointer, *, replaced: int | None
) -> None:
    connection.execute(
        "INSERT INTO pointers (table_name, partition, replaced, is_current, pointer) "
        "VALUES (?, ?, ?, 1, ?)",
        (table, pointer.partition, replaced, _POINTER.dump_json(pointer).decode()),
    )


def _stamped(pointer: Pointer) -> Pointer:
    return replace(pointer, published_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
