"""A catalog in a folder of this machine: pointers in SQLite.

Every pointer ever published is kept with a serial number and with the one it replaced, which is
what a rollback goes back to. Queries on the published files do not belong here (`query.py`).

A local file system is expected: SQLite's write-ahead log does not work over network mounts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from resources.catalog import local_rows as rows
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
        self._database = SharedDatabase(path, rows.SCHEMA, rows.FORMAT)

    @property
    def moved_together(self) -> None:
        """A transaction has no limit."""

    def ensure_table(self, entry: TableEntry) -> None:
        """Create or update a table; one never published may change in any way."""
        check_entry(entry)
        with self._database.writing() as connection:
            old = rows.find_table(connection, entry.name)
            if old is not None and old.name != entry.name:
                raise CatalogError(
                    f"Expected a table name that differs in more than case; found {entry.name!r} "
                    f"beside {old.name!r}. Choose another name."
                )
            if old is not None and rows.has_pointers(connection, entry.name):
                check_evolution(old, entry)
            if old != entry:
                connection.execute(
                    "INSERT INTO tables (name, entry) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET entry = excluded.entry",
                    (entry.name, rows.dump_table(entry)),
                )

    def publish(self, table: str, pointer: Pointer, over: str | None = None) -> None:
        """Check the pointer against the table and storage, then make it current.

        With `over` only while that attempt is.
        """
        self._check(table, [pointer])
        self._publish(table, pointer, over)

    def _check(self, table: str, pointers: Sequence[Pointer]) -> None:
        with self._database.reading() as connection:
            entry = rows.require_table(connection, table)
        for pointer in pointers:
            check_pointer(entry, pointer)
        check_files(self._storage, table, pointers)

    def _publish(self, table: str, pointer: Pointer, over: str | None) -> None:
        with self._database.writing() as connection:
            check_pointer(rows.require_table(connection, table), pointer)
            current = rows.current(connection, table, pointer.partition)
            if over is not None and (current is None or current[1].attempt != over):
                return
            if current is None:
                rows.make_current(connection, table, rows.stamped(pointer), replaced=None)
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
            rows.make_current(connection, table, rows.stamped(pointer), replaced=serial)

    def publish_all(
        self, table: str, pointers: Sequence[Pointer], over: Mapping[str, str] | None = None
    ) -> None:
        """Check all, then publish one after the other: readers never wait for all of them."""
        self._check(table, pointers)
        for pointer in pointers:
            self._publish(table, pointer, over[pointer.partition] if over is not None else None)

    def tables(self) -> list[TableEntry]:
        """Every table, by name."""
        with self._database.reading() as connection:
            return rows.all_tables(connection)

    def pointers(self, table: str) -> dict[str, Pointer]:
        """The current pointer of each published partition, in order of partitions."""
        with self._database.reading() as connection:
            rows.require_table(connection, table)
            return {each.partition: each for each in rows.current_pointers(connection, table)}

    def snapshot(self) -> list[tuple[TableEntry, list[Pointer]]]:
        """Every table with its current pointers, read in one transaction."""
        with self._database.reading() as connection:
            entries = rows.all_tables(connection)
            return [(entry, rows.current_pointers(connection, entry.name)) for entry in entries]

    def history(self, table: str, partition: str) -> list[Pointer]:
        """Everything ever published for a partition, newest first, rolled back or not."""
        with self._database.reading() as connection:
            rows.require_table(connection, table)
            found: list[tuple[str]] = connection.execute(
                "SELECT pointer FROM pointers WHERE table_name = ? AND partition = ? "
                "ORDER BY serial DESC",
                (table, partition),
            ).fetchall()
            return [rows.POINTER.validate_json(row[0]) for row in found]

    def rollback(self, table: str, partitions: Sequence[str]) -> list[Pointer]:
        """Go back to what each partition had before; all of them or none."""
        with self._database.writing() as connection:
            rows.require_table(connection, table)
            steps = {name: rows.way_back(connection, table, name) for name in partitions}
            stuck = [name for name, step in steps.items() if step is None]
            if stuck:
                raise CatalogError(
                    f"Expected an earlier version to go back to in table {table!r}; there is none "
                    f"for partition {', '.join(map(repr, stuck))}. Nothing was rolled back."
                )
            restored = [step for step in steps.values() if step is not None]
            check_files(self._storage, table, [step.pointer for step in restored])
            for step in restored:
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
                current = rows.current(connection, table, partition)
                if current is None or current[1].attempt != attempt:
                    continue
                step = rows.step_back(connection, table, partition)
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
            rows.require_table(connection, table)
            for partition, attempt in attempts.items():
                current = rows.current(connection, table, partition)
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
            rows.require_table(connection, table)
            found: list[tuple[str]] = connection.execute(
                rows.RETAINED, {"table": table, "depth": keep_previous, "expired_since": since}
            ).fetchall()
            return [rows.POINTER.validate_json(row[0]) for row in found]

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the write lock: publishing and rolling back wait up to a minute, then say so."""
        with self._database.writing():
            yield
