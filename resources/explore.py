"""The lake as an analyst asks for it: relations over published tables, references and raw objects.

Everything is read and nothing written: the database is in memory, and its views lie over exactly
the files that pointers and manifests name. It goes on showing what was current when it was opened.
Frames of Spark are in `explore_spark.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import duckdb
import pyarrow as pa

from resources.attempts import FileEntry
from resources.browse import published_table, published_tables
from resources.catalog.base import Catalog, Pointer, TableEntry
from resources.catalog.query import add_view, connect, quoted
from resources.collecting import collected
from resources.errors import CatalogError, SettingsError, StorageError
from resources.raw import list_raw
from resources.references import ReferenceVersion, current_version
from resources.storage import Storage
from resources.table import Table
from spark.compression import decompress
from spark.contract import Contract
from spark.ledger import Ledger
from spark.scanner import scan_documents

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

#: Rows that become a data frame unless told otherwise, and raw documents that are looked at.
MOST_ROWS, MOST_DOCUMENTS = 100_000, 10_000
_TABLES = pa.schema(
    [
        ("table", pa.string()),
        ("partitions", pa.int64()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("last_published", pa.string()),
    ]
)
_DOCUMENTS = pa.schema(
    [
        ("object", pa.string()),
        ("position", pa.int64()),
        ("text", pa.string()),
        ("reason", pa.string()),
    ]
)


#: Rows that are worked out when they are asked for: filtered, joined, fetched or made a frame.
Relation: TypeAlias = duckdb.DuckDBPyRelation


class Explorer:
    """One look at a lake, for one person: not to be shared between threads."""

    def __init__(self, storage: Storage, raw_storage: Storage, catalog: Catalog) -> None:
        """Take the parts; nothing is read yet."""
        self._storage = storage
        self._raw_storage = raw_storage
        self._catalog = catalog
        self._references: set[str] = set()

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB with a view for every published table; free to make temporary views in."""
        return connect(self._catalog, self._storage)

    def refresh(self) -> None:
        """Show what is published now; relations from before go on showing what was."""
        self.__dict__.pop("connection", None)
        self._references.clear()

    def sql(self, query: str) -> Relation:
        """A query on published tables, run when its rows are asked for.

        Raises `CatalogError` with DuckDB's message and position, and the tables there are.
        """
        with duckdb_errors(self._names):
            return self.connection.sql(query)

    def tables(self) -> Relation:
        """What is published: name, partitions, rows, bytes, and when last."""
        found = published_tables(self._catalog)
        rows = [
            {
                "table": each.entry.name,
                "partitions": len(each.pointers),
                "rows": each.rows,
                "bytes": each.bytes,
                "last_published": each.last_published,
            }
            for each in found
        ]
        return self.connection.from_arrow(pa.Table.from_pylist(rows, _TABLES))

    def ledger(self, name: str) -> Ledger:
        """What became of every document of what is published of a table."""
        return published_table(self._catalog, name).ledger()

    def table(self, name: str) -> Relation:
        """A published table. Raises `CatalogError` that lists the tables there are."""
        if name not in self._names():
            there = ", ".join(self._names()) or "none yet; materialize one first"
            raise CatalogError(f"Expected a published table, found {name!r}. There are: {there}.")
        return self.connection.table(quoted(name))

    def reference(self, name: str) -> Relation:
        """A reference's current version, as the view `reference_<name>` too.

        Raises `StorageError` before its first materialization.
        """
        version = current_version(self._storage, name)
        if version is None:
            raise StorageError(
                f"Expected a reference that has been materialized, found {name!r}. "
                f"Materialize reference/{name} first."
            )
        view = f"reference_{name}"
        if name not in self._references:
            entry = TableEntry(view, Contract.from_json({"columns": version.columns}))
            add_view(self.connection, self._storage, entry, [_pointer(version)])
            self._references.add(name)
        return self.connection.table(quoted(view))

    def documents(self, table: Table, keys: Sequence[str], most: int = MOST_DOCUMENTS) -> Relation:
        """Raw JSON documents of some partitions as text, and why those that are none are not.

        They are read one after another on this machine, up to `most`, with a warning where there
        are more. The view `raw_<table>` has them too: `SELECT text ->> 'track_id' FROM …`.
        """
        if table.raw.format != "json":
            raise StorageError(
                f"Expected a table of raw JSON, found {table.name!r} of {table.raw.format}. "
                "DuckDB reads the other formats by itself: lake.connection.read_csv(path)."
            )
        rows: list[dict[str, str | int | None]] = []
        for row in self._documents(table, keys):
            if len(rows) == most:
                _warn(f"the first {most:,} documents of raw/{table.name}; there are more")
                break
            rows.append(row)
        view = f"raw_{table.name}"
        found = self.connection.from_arrow(pa.Table.from_pylist(rows, _DOCUMENTS))
        found.create_view(view, replace=True)
        return self.connection.table(quoted(view))

    def pandas(self, query: str | Relation, most: int = MOST_ROWS) -> pd.DataFrame:
        """At most so many rows as a data frame, with a warning where there are more.

        Raises `ResultTooLarge` for rows that do not fit into half of the memory that is free.
        """
        return self.connection.from_arrow(self._first_rows(query, most)).df()

    def polars(self, query: str | Relation, most: int = MOST_ROWS) -> pl.DataFrame:
        """The same for Polars."""
        return polars_frame(self._first_rows(query, most))

    def _first_rows(self, query: str | Relation, most: int) -> pa.Table:
        relation = self.sql(query) if isinstance(query, str) else query
        with duckdb_errors(self._names):
            table = collected(relation.limit(most + 1).to_arrow_reader())
        if len(table) > most:
            _warn(f"the first {most:,} rows; there are more: aggregate, or ask with most=…")
        return table.slice(0, most)

    def _documents(
        self, table: Table, keys: Sequence[str]
    ) -> Iterator[dict[str, str | int | None]]:
        for partition in list_raw(self._raw_storage, table, keys):
            for each in partition.objects:
                data, broken = decompress(self._raw_storage.read(each.key))
                for found in scan_documents(data):
                    yield {
                        "object": each.key,
                        "position": found.offset,
                        "text": found.text,
                        "reason": found.reason,
                    }
                if broken:
                    yield {"object": each.key, "position": len(data), "text": "", "reason": broken}

    def _names(self) -> list[str]:
        return [entry.name for entry in self._catalog.tables()]


def polars_frame(table: pa.Table) -> pl.DataFrame:
    """Arrow's rows as a frame of Polars; raises `SettingsError` where Polars is not installed."""
    try:
        import polars as pl  # noqa: PLC0415 of the extra `notebook`
    except ImportError as error:
        raise SettingsError(
            f"Expected Polars, found: {error}. `make notebook` installs it, or `pip install "
            "'lake-assets[notebook]'`."
        ) from error
    return pl.DataFrame(pl.from_arrow(table))


@contextmanager
def duckdb_errors(names: Callable[[], list[str]]) -> Iterator[None]:
    """Turn DuckDB's errors into `CatalogError`, with its message and the tables there are."""
    try:
        yield
    except duckdb.Error as error:
        raise CatalogError(
            f"Expected a query that DuckDB can run; it says: {error}\n\n"
            f"Published tables: {', '.join(names()) or 'none yet'}."
        ) from error


def _pointer(version: ReferenceVersion) -> Pointer:
    """A reference's version as what a view is made over."""
    files = [FileEntry(each.key, 0, each.bytes) for each in version.files]
    return Pointer("all", {}, version.attempt, version.directory, files, version.rows, 0, {}, {})


def _warn(shown: str) -> None:
    warnings.warn(f"This is {shown}.", stacklevel=4)
