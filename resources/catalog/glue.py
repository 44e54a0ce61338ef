"""Tables published in the AWS Glue Data Catalog, as Athena, Spark and Trino read them.

A pointer is a partition whose location is the directory of an attempt; moving it is one call that
either happens or does not. What was published before is on record in storage (`glue_history.py`),
written ahead of the change. Publishers of one table take turns (`lease.py`), because Glue does not
check what a partition was before it is replaced.

How Glue spells things lives in `glue_format.py` and `glue_versions.py`, its limits and retries in `glue_api.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from resources.catalog.base import (
    Pointer,
    TableEntry,
    check_files,
    check_pointer,
)
from resources.catalog.glue_api import MAX_WRITTEN, GlueApi
from resources.catalog.glue_format import ADOPT
from resources.catalog.glue_history import Chain, History, Move
from resources.catalog.glue_places import GlueTable, Place, Places, Target
from resources.catalog.glue_plan import Plan, by_partition, judge, require_moved
from resources.catalog.glue_raw import ensure_raw_table, raw_table_input
from resources.catalog.glue_rules import check_database
from resources.catalog.glue_tables import GlueTables
from resources.catalog.glue_versions import Version
from resources.catalog.lease import Lease, Terms, lease
from resources.errors import CatalogError

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient

    from resources.storage import Storage
    from resources.table import Table


class GlueCatalog:
    """One database of the Glue Data Catalog, of the tables of one lake.

    `location` gives the `s3://` location of a key prefix, as query engines read it. What Glue
    refuses is a `CatalogError`, a `CatalogUnavailable` or `CatalogBusy` where a retry can help.
    """

    def __init__(
        self,
        client: GlueClient,
        storage: Storage,
        database: str,
        *,
        location: Callable[[str], str],
        table_prefix: str = "",
        terms: Terms | None = None,
    ) -> None:
        """Take the parts; nothing is called yet. Raises `SettingsError` for unusable names."""
        check_database(database, table_prefix)
        self._api = GlueApi(client, database)
        self._storage = storage
        self._location = location
        self._prefix = table_prefix
        self._terms = terms or Terms()
        self._tables = GlueTables(self._api, storage.root, table_prefix, location, self._turn)

    @property
    def moved_together(self) -> int:
        """What one call of Glue changes."""
        return MAX_WRITTEN

    def ensure_table(self, entry: TableEntry) -> None:
        """Create or update a table and its partitions' columns; the same again writes nothing."""
        self._tables.ensure(entry)

    def ensure_raw_table(self, table: Table, location: str) -> None:
        """Create or update `raw_<table>` over the raw JSON below `location`, an `s3://` prefix.

        The same again writes nothing. Raises `CatalogError` where others made one of that name.
        """
        ensure_raw_table(
            self._api,
            raw_table_input(
                self.name_in_glue(f"raw_{table.name}"),
                table.raw,
                table.partitions,
                location,
                self._storage.root,
                table.description,
            ),
        )

    def name_in_glue(self, table: str) -> str:
        """What a declared table is called in the database."""
        return f"{self._prefix}{table}".lower()

    def publish(self, table: str, pointer: Pointer) -> None:
        """Publish one partition."""
        self.publish_all(table, [pointer])

    def publish_all(
        self, table: str, pointers: Sequence[Pointer], over: Mapping[str, str] | None = None
    ) -> None:
        """Publish partitions, a hundred a call; each is swapped at once or not at all.

        What Glue refuses stays as it was, the others are published, and the error says so.
        """
        wanted = by_partition(table, pointers)
        if not self._plan(table, wanted, Chain(self._history(table)), over).is_needed:
            return
        with self._turn(table) as turn:
            plan = self._plan(table, wanted, Chain(self._history(table)), over)
            fresh = self._recorded(table, turn, plan)
            targets = [
                Target(plan.places[name], version)
                for name, version in {**plan.mended, **fresh}.items()
            ]
            plan.access.move(targets, turn.check)

    def tables(self) -> list[TableEntry]:
        """Every table of this lake, by name."""
        return [each.entry for each in self._tables.all()]

    def pointers(self, table: str) -> dict[str, Pointer]:
        """The current pointer of each published partition, in order of partitions."""
        return _pointers(self._access(self._tables.require(table)).published())

    def snapshot(self) -> list[tuple[TableEntry, list[Pointer]]]:
        """Every table with its current pointers; each is as of one instant, Glue has no more."""
        return [
            (each.entry, list(_pointers(self._access(each).published()).values()))
            for each in self._tables.all()
        ]

    def history(self, table: str, partition: str) -> list[Pointer]:
        """Everything ever published for a partition, newest first, rolled back or not."""
        access = self._access(self._tables.require(table))

        def current(pointer: Pointer) -> str:
            version = access.of({partition: pointer})[partition].version
            return version.record if version else ""

        return self._history(table).published(partition, current)

    def rollback(self, table: str, partitions: Sequence[str]) -> list[Pointer]:
        """Go back to what each partition had before: all are checked, then each is swapped."""
        self._tables.require(table)
        with self._turn(table) as turn:
            chain = Chain(self._history(table))
            access = self._access(self._tables.require(table), chain)
            places = access.published()
            steps = {name: self._way_back(table, chain, name, places) for name in partitions}
            stuck = [name for name, step in steps.items() if step is None]
            if stuck:
                raise CatalogError(
                    f"Expected an earlier version to go back to in table {table!r}; there is none "
                    f"for partition {', '.join(map(repr, stuck))}. Nothing was rolled back."
                )
            restored = {name: step for name, step in steps.items() if step is not None}
            check_files(self._storage, table, list(_only(restored).values()))
            gone = {name: v.pointer for name, v in restored.items() if name not in places}
            places |= access.of(gone) if gone else {}
            targets = {name: Target(places[name], step) for name, step in restored.items()}
            try:
                self._go_back(table, turn, access, targets)
            except CatalogError as error:
                require_moved(table, restored, access.published(), error)
            return list(_only(restored).values())

    def withdraw(self, table: str, attempts: Mapping[str, str]) -> None:
        """Undo publications, where they are still current; a first one leaves nothing published."""
        self._tables.require(table)
        with self._turn(table) as turn:
            chain = Chain(self._history(table))
            access = self._access(self._tables.require(table), chain)
            targets = {
                name: Target(place, _step_back(chain, place))
                for name, place in access.published().items()
                if place.version and place.version.pointer.attempt == attempts.get(name)
            }
            self._go_back(table, turn, access, targets)

    def expire(self, table: str, attempts: Mapping[str, str]) -> list[str]:
        """Delete partitions, those of which are still current; the record says what they showed."""
        self._tables.require(table)
        with self._turn(table) as turn:
            access = self._access(self._tables.require(table))
            targets = {
                name: Target(place, None)
                for name, place in access.published().items()
                if place.version and place.version.pointer.attempt == attempts.get(name)
            }
            self._go_back(table, turn, access, targets, is_expiry=True)
            return list(targets)

    def retained(
        self, table: str, keep_previous: int, expired_since: datetime | None = None
    ) -> list[Pointer]:
        """Current pointers, and for each the last `keep_previous` it could be rolled back to."""
        history = self._history(table)
        chain = Chain(history)
        published = self._access(self._tables.require(table), chain).published()
        kept: list[Pointer] = []
        expired = history.expired_since(expired_since) if expired_since else {}
        gone = [
            chain.version(record, name) for name, record in expired.items() if name not in published
        ]
        for first in [*(place.version for place in published.values()), *gone]:
            version, depth = first, 0
            while version is not None and depth <= keep_previous:
                kept.append(version.pointer)
                version, depth = chain.previous(version), depth + 1
        return kept

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the turn of every table; raises `CatalogBusy` afterwards if one was lost."""
        with contextlib.ExitStack() as stack:
            turns = [stack.enter_context(self._turn(each.name)) for each in self.tables()]
            yield
            for turn in turns:
                turn.check()

    def _plan(
        self,
        table: str,
        wanted: Mapping[str, Pointer],
        chain: Chain,
        over: Mapping[str, str] | None,
    ) -> Plan:
        declared = self._tables.require(table)
        for pointer in wanted.values():
            check_pointer(declared.entry, pointer)
        check_files(self._storage, table, list(wanted.values()))
        access = self._access(declared, chain)
        plan = Plan(access, access.of(wanted), {}, {})
        is_adopted = ADOPT in declared.found.get("Parameters", {})
        for name, pointer in wanted.items():
            current = plan.places[name].version
            if over is None or (current and current.pointer.attempt == over[name]):
                judge(plan, declared, name, pointer, is_adopted=is_adopted)
        return plan

    def _recorded(self, table: str, turn: Lease, plan: Plan) -> dict[str, Version]:
        """Write down what is about to be published, and give the versions that it makes."""
        if not plan.fresh:
            return {}
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        history = self._history(table)
        record = history.key(turn.token, list(plan.fresh))
        versions = {
            name: Version(record, _record(plan.places[name]), replace(pointer, published_at=now))
            for name, pointer in plan.fresh.items()
        }
        turn.check()
        history.write(
            record,
            {name: Move(each.previous, record, each.pointer) for name, each in versions.items()},
        )
        return versions

    def _way_back(
        self, table: str, chain: Chain, partition: str, places: Mapping[str, Place]
    ) -> Version | None:
        """To what the current version replaced, or without one to the version that expired."""
        if partition in places:
            return _step_back(chain, places[partition])
        record = self._history(table).expired(partition)
        return chain.version(record, partition) if record else None

    def _go_back(
        self,
        table: str,
        turn: Lease,
        access: Places,
        targets: Mapping[str, Target],
        *,
        is_expiry: bool = False,
    ) -> None:
        if not targets:
            return
        history = self._history(table)
        moves = {
            name: Move(
                _record(each.place),
                each.version.record if each.version else "",
                is_expiry=is_expiry,
            )
            for name, each in targets.items()
        }
        turn.check()
        history.write(history.key(turn.token, list(targets)), moves)
        access.move(list(targets.values()), turn.check)

    def _access(self, table: GlueTable, chain: Chain | None = None) -> Places:
        chain = chain or Chain(self._history(table.entry.name))
        return Places(self._api, table, self._location, chain)

    def _history(self, table: str) -> History:
        return History(self._storage, table)

    def _turn(self, table: str) -> contextlib.AbstractContextManager[Lease]:
        return lease(self._storage, f"catalog/{table}/lease", self._terms)


def _step_back(chain: Chain, place: Place | None) -> Version | None:
    return chain.previous(place.version) if place and place.version else None


def _record(place: Place) -> str:
    return place.version.record if place.version else ""


def _pointers(places: Mapping[str, Place]) -> dict[str, Pointer]:
    return {name: place.version.pointer for name, place in places.items() if place.version}


def _only(versions: Mapping[str, Version]) -> dict[str, Pointer]:
    return {name: version.pointer for name, version in versions.items()}
