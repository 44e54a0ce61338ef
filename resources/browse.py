"""What a person looks at: a page of a query's result, the ledger of a table, what is quarantined.

Everything is read from the catalog and from storage; nothing here starts Spark or changes
anything. How it looks on a terminal is decided in `lake_assets/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow.parquet as pq

from resources.attempts import (
    Verdict,
    all_verdicts,
    quarantine_directory,
)
from resources.audit import read_rows
from resources.catalog.athena import Athena, QueryResult
from resources.catalog.base import Catalog, Pointer, TableEntry
from resources.catalog.glue import GlueCatalog
from resources.catalog.query import connect
from resources.errors import CatalogError
from resources.storage import Storage
from spark.ledger import Ledger, total

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUERY = re.compile(r"[\s(]*(select|with|values|show|describe)\b", re.IGNORECASE)
#: Quarantine files that are opened in search of samples.
_FILES_READ = 100


@dataclass(frozen=True)
class QueryCost:
    """What a query scanned, and what that costs at list price."""

    bytes_scanned: int
    usd: float


@dataclass(frozen=True)
class Page:
    """The first rows of a result; `is_whole` says whether there are no others.

    `cost` is None for a query on this machine.
    """

    names: tuple[str, ...]
    rows: list[tuple[object, ...]]
    is_whole: bool
    cost: QueryCost | None = None


@dataclass(frozen=True)
class Rejected:
    """One quarantined document; `position` is its place in the object, as its reader counts."""

    partition: str
    reason: str
    source_object: str
    position: int | None
    document: str


@dataclass(frozen=True)
class Published:
    """A table's entry with its current pointers, by partition."""

    entry: TableEntry
    pointers: dict[str, Pointer]

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.pointers.values())

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.pointers.values())

    @property
    def last_published(self) -> str:
        """ISO 8601, or empty where nothing is published."""
        return max((each.published_at for each in self.pointers.values()), default="")

    def ledger(self) -> Ledger:
        """The sum of the partitions' ledgers."""
        return total(ledger_of(each) for each in self.pointers.values())


def published_tables(catalog: Catalog) -> list[Published]:
    """Every table of the catalog, as of one instant."""
    return [
        Published(entry, {each.partition: each for each in pointers})
        for entry, pointers in catalog.snapshot()
    ]


def published_table(catalog: Catalog, name: str) -> Published:
    """One table; raises `CatalogError` that lists the tables there are."""
    tables = published_tables(catalog)
    for each in tables:
        if each.entry.name == name:
            return each
    there = ", ".join(repr(each.entry.name) for each in tables) or "none yet"
    raise CatalogError(f"Expected a published table, found {name!r}. There are: {there}.")


def ledger_of(made: Pointer | Verdict) -> Ledger:
    """The ledger that was recorded with a partition."""
    count = {name: value for name, value in made.ledger.items() if isinstance(value, int)}
    by_name = {name: value for name, value in made.ledger.items() if isinstance(value, dict)}
    return Ledger(
        documents=count.get("documents", 0),
        published=count.get("published", 0),
        quarantined=by_name.get("quarantined", {}),
        duplicates=count.get("duplicates", 0),
        filtered=count.get("filtered", 0),
        dropped=count.get("dropped", 0),
        unmatched=by_name.get("unmatched", {}),
    )


def first_rows(catalog: Catalog, storage: Storage, query: str, limit: int | None) -> Page:
    """At most `limit` rows of a query on the published tables; all of them for None.

    Raises `CatalogError` with DuckDB's message and position, and the tables there are.
    """
    with connect(catalog, storage) as connection:
        try:
            relation = connection.sql(query)
            if relation is None:
                raise CatalogError(f"Expected a query that gives rows, found {query!r}.")
            wanted = relation if limit is None else relation.limit(limit + 1)
            found = wanted.to_arrow_table()
        except duckdb.Error as error:
            names = ", ".join(entry.name for entry in catalog.tables()) or "none yet"
            raise CatalogError(
                f"Expected a query that DuckDB can run; it says: {error}\n\n"
                f"Published tables: {names}."
            ) from error
    is_whole = limit is None or found.num_rows <= limit
    kept = found if limit is None else found.slice(0, limit)
    rows = list(zip(*(column.to_pylist() for column in kept.columns), strict=True))
    return Page(tuple(found.column_names), rows, is_whole)


def first_rows_on_athena(
    athena: Athena, catalog: GlueCatalog, query: str, limit: int | None
) -> Page:
    """The same on Athena, where every query costs something."""
    found = query_athena(athena, catalog, query, limit)
    rows = list(zip(*(column.to_pylist() for column in found.table.columns), strict=True))
    cost = QueryCost(found.bytes_scanned, found.cost_usd)
    return Page(tuple(found.table.column_names), rows, found.is_whole, cost)


def query_athena(
    athena: Athena, catalog: GlueCatalog, query: str, limit: int | None
) -> QueryResult:
    """Run a query on Athena, where tables have Glue's names.

    Raises `CatalogError` with Athena's message, and for anything that is not a query: what is
    published changes by publishing only.
    """
    if not _QUERY.match(_COMMENT.sub(" ", query)):
        raise CatalogError(
            "Expected a query that begins with SELECT, WITH, VALUES, SHOW or DESCRIBE for Athena, "
            f"found {query[:100]!r}. What is published is changed by publishing only."
        )
    try:
        return athena.run(query, limit)
    except CatalogError as error:
        if "does not exist" not in str(error) and "not_found" not in str(error).lower():
            raise
        names = ", ".join(catalog.name_in_glue(each.name) for each in catalog.tables())
        raise CatalogError(f"{error}\n\nPublished tables: {names or 'none yet'}.") from error


def first_published_rows(
    storage: Storage, pointers: Iterable[Pointer], count: int
) -> list[dict[str, object]]:
    """The first rows of some partitions, partition columns last."""
    rows: list[dict[str, object]] = []
    for pointer in pointers:
        for file in pointer.files:
            found = read_rows(storage, file.key, count - len(rows))
            rows += [{**row, **pointer.values} for row in found]
            if len(rows) >= count:
                return rows
    return rows


def newest_by_partition(storage: Storage, table: str) -> dict[str, Verdict]:
    """The verdict on each partition's newest attempt, published or not, in order of partitions."""
    newest = {each.partition: each for each in all_verdicts(storage, table)}
    return dict(sorted(newest.items()))


def quarantined(storage: Storage, verdicts: Iterable[Verdict], per_reason: int) -> list[Rejected]:
    """Some quarantined documents, up to `per_reason` of each reason that the ledgers name."""
    found: dict[str, list[Rejected]] = {}
    files_read = 0
    for verdict in verdicts:
        reasons = ledger_of(verdict).quarantined
        missing = [name for name in reasons if len(found.get(name, [])) < per_reason]
        if not missing or files_read >= _FILES_READ:
            continue
        files_read += 1
        for each in _rejected(storage, verdict):
            reason = _reason_class(each.reason, list(reasons))
            if len(found.setdefault(reason, [])) < per_reason:
                found[reason].append(each)
    return [each for reason in sorted(found) for each in found[reason]]


def _rejected(storage: Storage, verdict: Verdict) -> Iterable[Rejected]:
    for info in storage.list(f"{quarantine_directory(verdict.directory)}/"):
        if not info.key.endswith(".parquet") or info.key.rpartition("/")[2].startswith((".", "_")):
            continue
        with storage.open_input(info.key) as stream, pq.ParquetFile(stream) as file:
            rows = file.read(["document", "reason", "source_object", "position"]).to_pylist()
        yield from (Rejected(partition=verdict.partition, **row) for row in rows)


def _reason_class(reason: str, classes: Sequence[str]) -> str:
    """The ledger counts reasons without what they quote, which comes last."""
    return max((each for each in classes if reason.startswith(each)), key=len, default=reason)
