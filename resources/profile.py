"""A profile of published columns, read from the Parquet files themselves with DuckDB.

What is read is bounded by bytes, so that it costs about the same for an hour and for a year. Its
words are here, so that the UI, the terminal and notebooks say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from resources.catalog.base import Pointer, TableEntry
from resources.catalog.query import open_views, quoted
from resources.errors import CatalogError
from resources.storage import Storage
from spark.contract import Column
from spark.type_parser import parse_type

#: What is read of a table's files, at least one of them.
MOST_BYTES = 32 * 1024 * 1024
#: Files that are read where each is a request over the network.
_MOST_REMOTE_FILES = 64
#: Values that are named as the most frequent.
_TOP = 3
#: Characters of a value that are shown.
_LONGEST = 24


@dataclass(frozen=True)
class ColumnProfile:
    """One column: `distinct` is an estimate, `most_frequent` are values with their counts.

    Of nested and binary columns only nulls are counted; `distinct` is None then.
    """

    name: str
    type: str
    nulls: int
    distinct: int | None = None
    least: object = None
    greatest: object = None
    most_frequent: tuple[tuple[object, int], ...] = ()


@dataclass(frozen=True)
class Profile:
    """Columns over the `rows_read` of a table's `rows`; both are the same where all was read."""

    columns: tuple[ColumnProfile, ...]
    rows_read: int
    rows: int


def profile(
    storage: Storage, entry: TableEntry, pointers: Sequence[Pointer], most_bytes: int = MOST_BYTES
) -> Profile:
    """Profile the columns of some partitions, from files of about `most_bytes`, evenly chosen.

    On S3 no more than 64 files are read. Raises `CatalogError` for a file that DuckDB cannot read.
    """
    rows = sum(each.rows for each in pointers)
    chosen = _chosen(
        pointers, most_bytes, None if _is_local(storage, pointers) else _MOST_REMOTE_FILES
    )
    try:
        with open_views(storage, [(entry, chosen)]) as connection:
            columns = tuple(_profiled(connection, entry))
    except (duckdb.Error, OSError) as error:
        raise CatalogError(
            f"Expected files of table {entry.name!r} that DuckDB can read, to profile its columns; "
            f"it says: {error}"
        ) from error
    return Profile(columns, sum(each.rows for each in chosen), rows)


def profile_line(column: ColumnProfile, rows_read: int) -> tuple[str, ...]:
    """Name, type, nulls, distinct values, least, greatest and most frequent, as texts."""
    distinct = "" if column.distinct is None else f"{column.distinct:,}"
    nulls = f"{column.nulls / rows_read:.1%}" if rows_read else ""
    often = ", ".join(f"{value_text(value)} ({count:,})" for value, count in column.most_frequent)
    return (
        column.name, column.type, nulls, distinct, value_text(column.least), value_text(column.greatest), often
    )  # fmt: skip


def profile_extent(found: Profile) -> str:
    """How much was read, as a sentence."""
    if found.rows_read == found.rows:
        return f"Of all {found.rows:,} rows."
    return f"Of {found.rows_read:,} rows of {found.rows:,}, from files evenly chosen."


def value_text(value: object) -> str:
    """A value as people read it, cut where it is long; nothing for a null."""
    if value is None:
        return ""
    text = value.isoformat(" ") if isinstance(value, datetime) else str(value)
    text = text.removesuffix("+00:00")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _is_local(storage: Storage, pointers: Sequence[Pointer]) -> bool:
    return any(storage.local_path(file.key) for each in pointers for file in each.files[:1])


def _chosen(pointers: Sequence[Pointer], most_bytes: int, most_files: int | None) -> list[Pointer]:
    """The pointers with every n-th of their files, so that about `most_bytes` are left."""
    step = max(1, -(-sum(each.bytes for each in pointers) // most_bytes))
    if most_files:
        step = max(step, -(-sum(len(each.files) for each in pointers) // most_files))
    number = 0
    chosen: list[Pointer] = []
    for pointer in pointers:
        files = [file for n, file in enumerate(pointer.files, number) if n % step == 0]
        number += len(pointer.files)
        rows = sum(file.rows for file in files)
        chosen.append(
            replace(pointer, files=files, rows=rows, bytes=sum(file.bytes for file in files))
        )
    return chosen


def _profiled(connection: duckdb.DuckDBPyConnection, entry: TableEntry) -> Iterator[ColumnProfile]:
    """One pass for what the columns are, and one to count their most frequent values."""
    columns = entry.contract.columns
    plain = [column for column in columns if _is_plain(column)]
    measured = ", ".join(
        f"approx_count_distinct({name}), min({name}), max({name}), approx_top_k({name}, {_TOP})"
        for name in (quoted(column.name) for column in plain)
    )
    nulls = ", ".join(f"count(*) - count({quoted(column.name)})" for column in columns)
    table = quoted(entry.name)
    [found] = connection.execute(
        f"SELECT {', '.join(filter(None, (nulls, measured)))} FROM {table}"  # noqa: S608 - all names are quoted
    ).fetchall()
    details = iter(found[len(columns) :])
    counts = _counts(connection, table, plain)
    for column, missing in zip(columns, found, strict=False):
        if not _is_plain(column):
            yield ColumnProfile(column.name, column.type, missing)
            continue
        distinct, least, greatest, _ = (next(details) for _ in range(4))
        often = counts[column.name]
        yield ColumnProfile(column.name, column.type, missing, distinct, least, greatest, often)


def _counts(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column]
) -> dict[str, tuple[tuple[object, int], ...]]:
    """The most frequent values of each column, exactly counted; those that occur once are none."""
    if not columns:
        return {}
    names = [quoted(column.name) for column in columns]
    tops = ", ".join(f"approx_top_k({name}, {_TOP}) AS t{n}" for n, name in enumerate(names))
    counted = ", ".join(
        f"any_value(t{n}), [{', '.join(f'count_if({name} = t{n}[{k}])' for k in range(1, _TOP + 1))}]"
        for n, name in enumerate(names)
    )
    [row] = connection.execute(
        f"WITH top AS (SELECT {tops} FROM {table}) SELECT {counted} FROM {table}, top"  # noqa: S608 - all names are quoted
    ).fetchall()
    found = {}
    for column, values, numbers in zip(columns, row[::2], row[1::2], strict=True):
        often = [(v, n) for v, n in zip(values or [], numbers, strict=False) if n > 1]
        found[column.name] = tuple(sorted(often, key=lambda each: -each[1]))
    return found


def _is_plain(column: Column) -> bool:
    kind = parse_type(column.type)
    return not kind.fields and kind.name != "binary"
