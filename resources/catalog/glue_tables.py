"""Glue tables of one lake: finding them, creating them, changing their columns and texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from resources.catalog.base import TableEntry, check_evolution
from resources.catalog.glue_api import Failure, GlueApi
from resources.catalog.glue_format import (
    ENTRY,
    UNFINISHED,
    changed_table,
    columns_of,
    entry_of,
    is_unchanged,
    new_table,
    with_columns,
)
from resources.catalog.glue_places import GlueTable, empty_prefix
from resources.catalog.glue_rules import check_names, check_ownership, say_reserved
from resources.catalog.glue_versions import is_ours
from resources.catalog.lease import Lease
from resources.errors import CatalogBusy, CatalogError, CatalogUnavailable

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import PartitionInputTypeDef, TableInputTypeDef, TableTypeDef

Turn = Callable[[str], AbstractContextManager[Lease]]


class GlueTables:
    """The tables of the lake in `root`; `turn` holds a table's lease."""

    def __init__(
        self, api: GlueApi, root: str, prefix: str, location: Callable[[str], str], turn: Turn
    ) -> None:
        self._api = api
        self._root = root
        self._prefix = prefix
        self._location = location
        self._turn = turn

    def all(self) -> list[GlueTable]:
        """Every table of the lake, by name; those of others are left out."""
        tables = [
            GlueTable(entry, found)
            for found in self._api.tables()
            if found["Name"].startswith(self._prefix)
            and (entry := entry_of(found, self._root)) is not None
        ]
        return sorted(tables, key=lambda each: each.entry.name)

    def require(self, name: str) -> GlueTable:
        """One table by its declared name. Raises `CatalogError` with those there are."""
        found = self._api.table(self._name(name))
        entry = None if found is None else entry_of(found, self._root)
        if found is None or entry is None or entry.name != name:
            there = ", ".join(repr(each.entry.name) for each in self.all()) or "none yet"
            raise CatalogError(
                f"Expected a table of the catalog; found {name!r}. There are: {there}."
            )
        return GlueTable(entry, found)

    def ensure(self, entry: TableEntry) -> None:
        """Create or update a table; one never published may change in any way."""
        check_names(entry, self._prefix)
        found = self._api.table(self._name(entry.name))
        if found is None:
            say_reserved(entry)
            location = self._location(empty_prefix(entry.name))
            if self._api.create_table(
                new_table(self._name(entry.name), entry, self._root, location)
            ):
                return
            found = self._again(entry)
        if is_unchanged(found, self._judged(found, entry)) and not _is_unfinished(found):
            return
        say_reserved(entry)
        with self._turn(entry.name) as turn:
            found = self._again(entry)
            self._change(found, self._judged(found, entry), entry, turn)

    def _name(self, name: str) -> str:
        return f"{self._prefix}{name}".lower()

    def _again(self, entry: TableEntry) -> TableTypeDef:
        found = self._api.table(self._name(entry.name))
        if found is None:
            raise CatalogBusy(
                f"Expected table {self._name(entry.name)!r} in Glue; it was removed in this moment."
                " Publish again."
            )
        return found

    def _judged(self, found: TableTypeDef, entry: TableEntry) -> TableInputTypeDef:
        """The table as it is to be. Raises `CatalogError` where others would be hurt."""
        check_ownership(found, entry, self._root)
        old = entry_of(found, self._root)
        if old is not None and old != entry and self._is_published(found):
            check_evolution(old, entry)
        return changed_table(found, entry, self._root)

    def _is_published(self, found: TableTypeDef) -> bool:
        if not found.get("PartitionKeys"):
            return is_ours(found.get("Parameters", {}))
        return any(
            is_ours(each.get("Parameters", {})) for each in self._api.partitions(found["Name"])
        )

    def _change(
        self, found: TableTypeDef, wanted: TableInputTypeDef, entry: TableEntry, turn: Lease
    ) -> None:
        """The table first, then its partitions: engines read old partitions of a newer table."""
        stale = list(self._stale(found, entry))
        parameters = {k: v for k, v in wanted.get("Parameters", {}).items() if k != UNFINISHED}
        if not is_unchanged(found, wanted) or _is_unfinished(found) != bool(stale):
            marks = {UNFINISHED: "true"} if stale else {}
            wanted["Parameters"] = {**parameters, **marks}
            turn.check()
            self._api.update_table(wanted, found.get("VersionId"), archive=True)
        if not stale:
            return
        failures = self._api.update_partitions(found["Name"], stale, turn.check)
        if failures:
            raise _incomplete(found["Name"], failures, len(stale))
        wanted["Parameters"] = parameters
        turn.check()
        self._api.update_table(wanted, self._again(entry).get("VersionId"), archive=False)

    def _stale(self, found: TableTypeDef, entry: TableEntry) -> Iterator[PartitionInputTypeDef]:
        """Our partitions with the columns to come, where they have others."""
        if not found.get("PartitionKeys") or ENTRY not in found.get("Parameters", {}):
            return
        columns = columns_of(entry.contract)
        for partition in self._api.partitions(found["Name"], with_columns=True):
            changed = with_columns(partition, columns)
            if changed is not None and is_ours(partition.get("Parameters", {})):
                yield changed


def _is_unfinished(found: TableTypeDef) -> bool:
    return UNFINISHED in found.get("Parameters", {})


def _incomplete(table: str, failures: list[Failure], count: int) -> CatalogError:
    first = failures[0]
    kind = CatalogUnavailable if all(each.is_passing for each in failures) else CatalogError
    return kind(
        f"Expected Glue to give {count:,} partitions of {table!r} the table's new columns; it "
        f"refused {len(failures):,}: {'/'.join(first.values)}: {first.code} {first.message}. "
        "Readers can go on, the table has them: publish again to finish."
    )
