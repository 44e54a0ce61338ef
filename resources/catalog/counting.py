"""Counting published rows with a query engine, as their readers would."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.catalog.athena import Athena
from resources.catalog.base import Catalog, Pointer, TableEntry
from resources.catalog.query import connect, quoted
from resources.storage import Storage

#: Partitions of a query on Athena, whose statements may have 262,144 bytes.
_PARTITIONS_A_QUERY = 2000

Values = tuple[str, ...]


@dataclass(frozen=True)
class Counted:
    """Rows by partition values; one without rows may be left out. Only Athena costs anything."""

    rows: dict[Values, int]
    engine: Literal["athena", "duckdb"] = "duckdb"
    bytes_scanned: int = 0
    cost_usd: float = 0.0


def count_in_duckdb(catalog: Catalog, storage: Storage, entry: TableEntry) -> Counted:
    """Count every published partition, over the files that the catalog's pointers name."""
    columns = entry.partition_columns
    with connect(catalog, storage) as connection:
        rows = connection.execute(_count(quoted(entry.name), columns, "")).fetchall()
    return Counted({tuple(row[:-1]): row[-1] for row in rows})


def count_in_athena(
    athena: Athena, name: str, entry: TableEntry, pointers: Sequence[Pointer]
) -> Counted:
    """Count the partitions of some pointers only; `name` is what Glue calls the table."""
    rows: dict[Values, int] = {}
    scanned, cost = 0, 0.0
    for some in _batches(entry, pointers):
        where = _where(entry.partition_columns, some)
        found = athena.run(_count(quoted(name.lower()), entry.partition_columns, where))
        for row in zip(*(column.to_pylist() for column in found.table.columns), strict=True):
            rows[tuple(row[:-1])] = int(row[-1])
        scanned, cost = scanned + found.bytes_scanned, cost + found.cost_usd
    return Counted(rows, "athena", scanned, cost)


def _batches(entry: TableEntry, pointers: Sequence[Pointer]) -> Iterator[Sequence[Pointer]]:
    step = _PARTITIONS_A_QUERY if entry.partition_columns else max(len(pointers), 1)
    for first in range(0, len(pointers), step):
        yield pointers[first : first + step]


def _count(table: str, columns: Sequence[str], where: str) -> str:
    names = "".join(f"{quoted(name)}, " for name in columns)
    group = f" GROUP BY {names.removesuffix(', ')}" if columns else ""
    return f"SELECT {names}count(*) AS row_count FROM {table}{where}{group}"  # noqa: S608 - all names are quoted


def _where(columns: Sequence[str], pointers: Sequence[Pointer]) -> str:
    """A condition on partition columns alone, so that no other partition is opened.

    Partitions that differ in their last column only share a list: `dt = '…' AND hour IN ('…', …)`.
    """
    if not columns:
        return ""
    last = columns[-1]
    shared: defaultdict[Values, list[str]] = defaultdict(list)
    for pointer in pointers:
        outer = tuple(pointer.values[name] for name in columns[:-1])
        shared[outer].append(pointer.values[last])
    groups = []
    for outer, inner in shared.items():
        same = [
            f"{quoted(name)} = {_text(value)}"
            for name, value in zip(columns[:-1], outer, strict=True)
        ]
        same.append(f"{quoted(last)} IN ({', '.join(_text(value) for value in inner)})")
        groups.append(f"({' AND '.join(same)})")
    return f" WHERE {' OR '.join(groups)}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
