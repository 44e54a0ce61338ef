"""Which version each partition of a Glue table points at, and pointing it at another.

A table without partitions is one place, the table's own location. What is published, and whether
it may be, is decided in `glue.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.catalog.base import Pointer, TableEntry
from resources.catalog.glue_api import Failure, GlueApi, Values
from resources.catalog.glue_format import columns_of, wording_of
from resources.catalog.glue_history import Chain
from resources.catalog.glue_versions import Version, new_partition, placed_table, version_in
from resources.errors import CatalogError, CatalogUnavailable

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import PartitionInputTypeDef, PartitionTypeDef, TableTypeDef


@dataclass(frozen=True)
class GlueTable:
    """A table of ours, as Glue had it when it was read."""

    entry: TableEntry
    found: TableTypeDef

    @property
    def name(self) -> str:
        """Its name in Glue."""
        return self.found["Name"]


@dataclass(frozen=True)
class Place:
    """One partition: `exists` in Glue, pointing at `version` if we published it.

    `is_intact` says whether location and columns are still what we wrote.
    """

    values: Values
    exists: bool = False
    version: Version | None = None
    is_intact: bool = False


@dataclass(frozen=True)
class Target:
    """Where a partition is to point: at a version, or nowhere."""

    place: Place
    version: Version | None


class Places:
    """The partitions of one table; `location` gives the location of a key prefix."""

    def __init__(
        self, api: GlueApi, table: GlueTable, location: Callable[[str], str], chain: Chain
    ) -> None:
        self._api = api
        self._table = table
        self._location = location
        self._chain = chain
        self._columns = columns_of(table.entry.contract)

    def published(self) -> dict[str, Place]:
        """Every partition that points at a version of ours, in order of partitions."""
        places = {place.version.pointer.partition: place for place in self._all() if place.version}
        return dict(sorted(places.items()))

    def of(self, pointers: Mapping[str, Pointer]) -> dict[str, Place]:
        """The places of some partitions, published or not."""
        if not self._table.entry.partition_columns:
            return dict.fromkeys(pointers, self._whole())
        wanted = {name: self.values(pointer) for name, pointer in pointers.items()}
        found = self._api.find_partitions(self._table.name, list(wanted.values()))
        return {
            name: self._place(found[values]) if values in found else Place(values)
            for name, values in wanted.items()
        }

    def values(self, pointer: Pointer) -> Values:
        """A pointer's values in the order of the table's partition columns."""
        return tuple(pointer.values[name] for name in self._table.entry.partition_columns)

    def move(self, targets: Sequence[Target], before: Callable[[], None]) -> None:
        """Point partitions elsewhere; `before` is called ahead of every call that writes.

        Raises `CatalogError`, or `CatalogUnavailable` where a retry can help, if some could not be.
        """
        if not self._table.entry.partition_columns:
            for target in targets:
                self._move_table(target.version, before)
            return
        name = self._table.name
        written = {
            target.place.values: self._input(target.place.values, target.version)
            for target in targets
            if target.version
        }
        there = {target.place.values for target in targets if target.place.exists}
        updated = [each for values, each in written.items() if values in there]
        created = [each for values, each in written.items() if values not in there]
        deleted = sorted(there - written.keys())
        failures = [
            *self._api.update_partitions(name, updated, before),
            *self._api.create_partitions(name, created, before),
        ]
        failures = self._left(failures, {t.place.values: t.version for t in targets})
        failures += self._api.delete_partitions(name, deleted, before)
        if failures:
            raise _incomplete(name, failures, len(targets))

    def _left(
        self, failures: Sequence[Failure], wanted: Mapping[Values, Version | None]
    ) -> list[Failure]:
        """Failures but for those that a repeated call, whose answer was lost, had carried out."""
        found = self._api.find_partitions(self._table.name, [each.values for each in failures])
        return [
            each
            for each in failures
            if each.values not in found
            or self._place(found[each.values]).version is None
            or self._place(found[each.values]).version != wanted.get(each.values)
        ]

    def _move_table(self, version: Version | None, before: Callable[[], None]) -> None:
        location = self._location(
            f"{version.pointer.directory.rstrip('/')}/"
            if version
            else empty_prefix(self._table.entry.name)
        )
        table = placed_table(self._table.found, version, location)
        before()
        self._api.update_table(table, self._table.found.get("VersionId"), archive=False)

    def _all(self) -> Iterator[Place]:
        if not self._table.entry.partition_columns:
            yield self._whole()
            return
        for found in self._api.partitions(self._table.name):
            yield self._place(found)

    def _whole(self) -> Place:
        found = self._table.found
        version = version_in(found.get("Parameters", {}), self._chain.pointer)
        location = found.get("StorageDescriptor", {}).get("Location")
        is_intact = version is not None and location == self._of(version)
        return Place((), exists=True, version=version, is_intact=is_intact)

    def _place(self, found: PartitionTypeDef) -> Place:
        version = version_in(found.get("Parameters", {}), self._chain.pointer)
        descriptor = found.get("StorageDescriptor", {})
        is_intact = (
            version is not None
            and descriptor.get("Location") == self._of(version)
            and wording_of(descriptor.get("Columns", [])) == wording_of(self._columns)
        )
        return Place(tuple(found["Values"]), exists=True, version=version, is_intact=is_intact)

    def _input(self, values: Values, version: Version) -> PartitionInputTypeDef:
        return new_partition(version, values, self._columns, self._of(version))

    def _of(self, version: Version | None) -> str:
        if version is None:
            return self._location(empty_prefix(self._table.entry.name))
        return self._location(version.pointer.directory.rstrip("/") + "/")


def empty_prefix(table: str) -> str:
    """Where a table points that has partitions, or nothing published: no object is ever there."""
    return f"published/{table}/"


def _incomplete(table: str, failures: Sequence[Failure], count: int) -> CatalogError:
    first = "; ".join(
        f"{'/'.join(each.values)}: {each.code} {each.message}".rstrip() for each in failures[:3]
    )
    kind = CatalogUnavailable if all(each.is_passing for each in failures) else CatalogError
    return kind(
        f"Expected Glue to change {count:,} partitions of {table!r}; it refused {len(failures):,}: "
        f"{first}. The others are changed, and these as they were: publish again."
    )
