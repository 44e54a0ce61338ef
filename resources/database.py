"""Where reference tables live: the embedded database, one process at a time, over JDBC.

Here live the address of a database, the wait for exclusive use of Derby, and the loading of a table
for demos and tests. Derby's own ways are in `resources/derby.py`; what is read of a table is in
`spark/snapshot.py`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import TimestampNTZType, TimestampType

from resources.derby import (
    DRIVER,
    LONGEST_TEXT,
    DerbyEngine,
    database_errors,
    derby_url,
    lower_case_schema,
    plain_name,
    quoted,
    swap_statements,
)
from resources.errors import DatabaseBusy, DatabaseError
from spark.fitting import quoted as spark_quoted
from spark.snapshot_spec import LoginSpec

_log = logging.getLogger(__name__)
#: How long one look at a lock that others hold is from the next.
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class JdbcSource:
    """A database as Spark's JDBC source reaches it; `properties` may hold a password."""

    url: str
    driver: str
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)

    def options(self) -> dict[str, str]:
        """Spark's options of a JDBC read."""
        return {**self.properties, "url": self.url, "driver": self.driver}


@dataclass(frozen=True)
class RemoteSource:
    """A database for a job elsewhere: Spark's options, without a login, and how to log in."""

    options: Mapping[str, str]
    login: LoginSpec


@dataclass(frozen=True)
class Patience:
    """How long to wait in all, and when to say that one waits."""

    timeout_seconds: float = 1800.0
    notice_seconds: float = 5.0


class DerbyDatabase:
    """The embedded database in a folder. Derby lets one process at a time have it open."""

    def __init__(self, directory: Path, patience: Patience | None = None) -> None:
        """Nothing is opened yet; the folder need not exist before a table is loaded."""
        self.directory = Path(directory).resolve()
        self.patience = patience or Patience()

    @property
    def source(self) -> JdbcSource:
        """The address, usable only inside `exclusive`."""
        return JdbcSource(derby_url(self.directory), DRIVER)

    def remote(self) -> RemoteSource:
        """Never: raises `DatabaseError`, as no other machine can open it."""
        raise DatabaseError(
            f"Expected a MySQL server for a snapshot that is taken elsewhere, found the embedded "
            f"database in {self.directory}. Set LAKE_DATABASE, or take the snapshot in process."
        )

    @contextmanager
    def exclusive(self, spark: SparkSession, purpose: str) -> Iterator[JdbcSource]:
        """Have the database to oneself, waiting for other threads and processes; not reentrant.

        `purpose` is what those who wait read in their log. The database is shut down afterwards,
        whatever happened. Raises `DatabaseBusy` when waiting took too long, `DatabaseError` when
        there is no database, or for what the driver raises inside.
        """
        if not self.directory.is_dir():
            raise DatabaseError(
                f"Expected an embedded database in {self.directory}; there is none. Load a table"
                " into it first."
            )
        with self._engine(spark, purpose, create=False):
            yield self.source

    def load_table(
        self, spark: SparkSession, table: str, df: DataFrame, key: Sequence[str] = ()
    ) -> None:
        """Create or replace a table from a frame, in one step; the database is created as needed.

        The table's name becomes upper case, columns become quoted lower case, `key` the primary
        key. Timestamps are stored as the session's time zone shows them; Derby itself moves those
        in the hour that the JVM's own zone skips in spring, so give the JVM `user.timezone=UTC`.
        """
        name = plain_name(table)
        columns = lower_case_schema(df.schema)
        staging = f"{name}__LOADING"
        with self._engine(spark, f"loading of table {name}", create=True) as engine:
            (
                df.select(
                    *(
                        _as_stored(df, each.name).alias(column)
                        for each, (column, _) in zip(df.schema.fields, columns, strict=True)
                    )
                )
                .write.format("jdbc")
                .options(**self.source.options(), dbtable=staging)
                .mode("overwrite")
                .save()
            )
            _refuse_long_text(engine, staging, columns)
            keys = [each.lower() for each in key]
            replace = engine.has_table(name)
            engine.execute(swap_statements(name, staging, columns, keys, replace=replace))

    @contextmanager
    def _engine(self, spark: SparkSession, purpose: str, *, create: bool) -> Iterator[DerbyEngine]:
        """The lock keeps our own processes apart, the boot waits for any other that has Derby."""
        engine = DerbyEngine(spark, self.directory)
        started = time.monotonic()
        lock = self.directory.with_name(self.directory.name + ".lock")
        with exclusive_lock(lock, purpose, self.patience):
            left = self.patience.timeout_seconds - (time.monotonic() - started)
            _wait_until(
                lambda: engine.boot(create=create),
                lambda: f"{purpose} waits for {self.directory}, which another process has open",
                Patience(left, self.patience.notice_seconds),
            )
            try:
                with database_errors(self.directory):
                    yield engine
            except BaseException:
                _shut_down_after_error(engine)
                raise
            engine.shut_down()


@contextmanager
def exclusive_lock(path: Path, purpose: str, patience: Patience) -> Iterator[None]:
    """Hold a lock file, waiting for whoever has it, thread or process; it goes with its process.

    Raises `DatabaseBusy` when waiting took too long. The file stays: removing it would let two
    holders each lock a file of that name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _wait_until(
            lambda: _locked(handle),
            lambda: f"{purpose} waits for {path}, held by {_holder(path)}",
            patience,
        )
        os.ftruncate(handle, 0)
        holder = f"process {os.getpid()} on {socket.gethostname()} for {purpose}"
        os.pwrite(handle, holder.encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _wait_until(ready: Callable[[], bool], describe: Callable[[], str], patience: Patience) -> None:
    started = time.monotonic()
    notice = patience.notice_seconds
    while not ready():
        waited = time.monotonic() - started
        if waited >= patience.timeout_seconds:
            raise DatabaseBusy(
                f"{describe()}. Gave up after {waited:.0f} seconds; run it again once the other has"
                " ended, or raise the timeout."
            )
        if waited >= notice:
            _log.warning("%s; %.0f seconds so far", describe(), waited)
            notice = 2 * waited + patience.notice_seconds
        time.sleep(_POLL_SECONDS)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    return (
        path.read_text(errors="replace").strip() or "a process that is only just starting or ending"
    )


def _as_stored(df: DataFrame, name: str) -> Column:
    """Timestamps travel as text, so that the machine's time zone does not shift them."""
    column = F.col(spark_quoted(name))
    if isinstance(df.schema[name].dataType, (TimestampType, TimestampNTZType)):
        return F.date_format(column, "yyyy-MM-dd HH:mm:ss.SSSSSS")
    return column


def _refuse_long_text(
    engine: DerbyEngine, staging: str, columns: Sequence[tuple[str, str]]
) -> None:
    for name, kind in columns:
        if not kind.startswith("VARCHAR"):
            continue
        longest = engine.value(f"SELECT MAX(LENGTH({quoted(name)})) FROM {staging}")  # noqa: S608
        if longest is not None and longest > LONGEST_TEXT:
            raise DatabaseError(
                f"Column `{name}`: expected texts of at most {LONGEST_TEXT} characters, which is"
                f" what the embedded database can compare, found one of {longest}."
            )


def _shut_down_after_error(engine: DerbyEngine) -> None:
    try:
        engine.shut_down()
    except DatabaseError as error:
        _log.warning("%s", error)  # what went wrong before is what the caller needs to see
