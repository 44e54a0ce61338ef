"""Publishing: pointers to audited attempts, and the count that proves that readers see their rows.

Where pointers lie is the catalogs' matter. Here is decided what may be published, and what is taken
back because no query engine confirms it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resources.attempts import Verdict, newest_of
from resources.catalog.athena import Athena
from resources.catalog.base import Catalog, Pointer, TableEntry, pointer_to
from resources.catalog.counting import Counted, count_in_athena, count_in_duckdb
from resources.catalog.glue import GlueCatalog
from resources.errors import CatalogError
from resources.storage import Storage, is_on_s3
from resources.table import Table

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """What readers of some partitions follow now, and how their rows were counted."""

    pointers: list[Pointer]
    counted: Counted


def table_entry(table: Table) -> TableEntry:
    """A declared table as catalogs keep it."""
    return TableEntry(
        table.name,
        table.published,
        table.partitions.columns,
        table.description,
        table.owners,
        table.adopt,
    )


@dataclass(frozen=True)
class Publisher:
    """Publishes the attempts in `storage` to a catalog; Athena counts them, or DuckDB without it."""

    storage: Storage
    raw_storage: Storage
    catalog: Catalog
    athena: Athena | None

    def publish(self, table: Table, keys: Sequence[str]) -> Publication:
        """Point readers at the newest attempt of each partition and read the rows back.

        Nothing is published unless the newest attempts of all `keys` passed their audits. Raises
        `AuditFailed` for one that did not, `CatalogError` where there is none or where a reader
        counts other rows than the ledger; in the last case the pointer is back where it was. The
        same is done where the query fails, with its error: publishing again can succeed.
        """
        verdicts = newest_of(self.storage, table.name, keys)
        pointers = [_publishable(table, key, verdicts.get(key)) for key in keys]
        self.catalog.ensure_table(table_entry(table))
        before = self.catalog.pointers(table.name)
        self.catalog.publish_all(table.name, pointers)
        counted = self._read_back(table.name, pointers, before)
        self._show_raw(table)
        current = self.catalog.pointers(table.name)
        return Publication([current[key] for key in keys], counted)

    def replace(self, table: str, pointers: Sequence[Pointer], over: Mapping[str, str]) -> Counted:
        """Publish pointers to the same rows in other files, where readers still see `over`.

        Raises as `publish` does when a reader counts other rows; the pointer is then put back.
        """
        before = self.catalog.pointers(table)
        self.catalog.publish_all(table, pointers, over)
        return self._read_back(table, pointers, before)

    def count_rows(self, table: str, pointers: Sequence[Pointer]) -> Counted:
        """Count the rows of at least these partitions with the engine that the settings name."""
        entry = next(each for each in self.catalog.tables() if each.name == table)
        if self.athena is not None and isinstance(self.catalog, GlueCatalog):
            name = self.catalog.name_in_glue(table)
            return count_in_athena(self.athena, name, entry, pointers)
        return count_in_duckdb(self.catalog, self.storage, entry)

    def _show_raw(self, table: Table) -> None:
        """Keep the table over raw JSON up to date; nothing that is published depends on it."""
        location = self.raw_storage.target_uri(table.raw.prefix)
        is_seen = table.raw.format == "json" and is_on_s3(location)
        if not (is_seen and isinstance(self.catalog, GlueCatalog)):
            return
        try:
            self.catalog.ensure_raw_table(table, location)
        except CatalogError as error:
            _LOG.warning(
                "%s is published; its raw objects cannot be queried: %s", table.name, error
            )

    def _read_back(
        self, table: str, pointers: Sequence[Pointer], before: dict[str, Pointer]
    ) -> Counted:
        """Count what was published; what no count confirms goes back, whatever the reason is."""
        try:
            counted = self.count_rows(table, pointers)
        except BaseException:
            # A retry would take them for published before, and leave them if it counts others.
            self._undo(table, pointers, before)
            raise
        current = self.catalog.pointers(table)
        wrong = [
            pointer
            for pointer in pointers
            if _shows(current, pointer)
            and counted.rows.get(tuple(pointer.values.values()), 0) != pointer.rows
        ]
        if wrong:
            self._undo(table, wrong, before)
            first = wrong[0]
            found = counted.rows.get(tuple(first.values.values()), 0)
            raise CatalogError(
                f"catalog/{table}, partition {first.partition}: {first.rows:,} rows were "
                f"published, a query counts {found:,}. The publication of {len(wrong):,} such "
                "partitions is undone; materialize refined for them again."
            )
        return counted

    def _undo(self, table: str, pointers: Sequence[Pointer], before: dict[str, Pointer]) -> None:
        """Withdraw what was not published `before` already."""
        fresh = {each.partition: each.attempt for each in pointers if not _shows(before, each)}
        if fresh:
            self.catalog.withdraw(table, fresh)


def _publishable(table: Table, key: str, verdict: Verdict | None) -> Pointer:
    if verdict is None:
        raise CatalogError(
            f"catalog/{table.name}, partition {key}: there is no attempt to publish; "
            f"materialize refined/{table.name} for this partition first"
        )
    return pointer_to(verdict, table.partitions.values(key))


def _shows(pointers: Mapping[str, Pointer], pointer: Pointer) -> bool:
    """Whether the pointers are to this attempt of its partition."""
    current = pointers.get(pointer.partition)
    return current is not None and current.attempt == pointer.attempt
