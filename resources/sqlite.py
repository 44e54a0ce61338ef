"""One SQLite file shared by processes that may be killed at any instant.

Creation, transactions and what SQLite's errors mean to a person. What the tables mean belongs to
whoever opens one (`resources/catalog/local.py`).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resources.errors import CatalogBusy, CatalogError
from resources.storage import unfinished_name


@dataclass(frozen=True)
class SharedDatabase:
    """A database file; `schema` makes it on first use, `version` guards its format.

    Readers see the state of one instant and wait for nobody; writers wait `busy_seconds` for each
    other. Each transaction has a connection of its own, so an instance serves many threads.
    """

    path: Path
    schema: str
    version: int
    busy_seconds: float = 60.0

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees what was committed when it began to read."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that has the write lock from its first moment.

        Raises `CatalogBusy` when another process does not let go of it in time.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        try:
            if not self.path.exists():
                self._create()
            with contextlib.closing(self._connect(self.path)) as connection:
                self._check_version(connection)
                connection.execute(begin)
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
        except sqlite3.DatabaseError as error:
            raise self._in_words(error) from error

    def _create(self) -> None:
        """Make the database under another name and link it, so that it appears complete."""
        draft = self.path.with_name(unfinished_name())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(self._connect(draft)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(self.schema)
                connection.execute(f"PRAGMA user_version = {self.version}")
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.path)
        except OSError as error:
            raise CatalogError(
                f"Could not create the catalog {self.path}: {error.strerror or error}. "
                "Check the folder's permissions and free space."
            ) from error
        finally:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    Path(f"{draft}{suffix}").unlink(missing_ok=True)

    def _connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=self.busy_seconds, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _check_version(self, connection: sqlite3.Connection) -> None:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found != self.version:
            raise CatalogError(
                f"Expected a catalog of format {self.version} in {self.path}; found format "
                f"{found}. Use the release of this project that wrote it, or another lake root."
            )

    def _in_words(self, error: sqlite3.DatabaseError) -> CatalogError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return CatalogBusy(
                f"Expected the catalog {self.path} to be free within {self.busy_seconds:.0f} "
                "seconds; another process still writes to it. Try again once that has ended."
            )
        return CatalogError(
            f"Expected a usable catalog in {self.path}; SQLite says: {error}. Check permissions "
            "and free space; a damaged file is restored from a backup, the data is not affected."
        )
