"""One tick of the arrivals sensor: a look at a table's raw objects, as events for Dagster."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import dagster as dg

from lake_assets.metadata import Metadata, raw_metadata
from lake_assets.unfinished import unfinished
from resources.arrival_answers import answers, with_versions
from resources.arrival_cursor import Cursor, read_cursor
from resources.arrival_queue import ArrivalQueue, Notices
from resources.arrivals import Arrival, Look, Lookout, Watch
from resources.errors import QueueError
from resources.lake import Lake
from resources.raw import RawPartition
from resources.stale import commands, stale_inputs
from resources.table import Table

Event = dg.AssetMaterialization | dg.AssetObservation
#: Dagster gives a tick 60 seconds; what is left is for its own work and one slow listing.
_TICK_SECONDS = 30.0
#: Commands in an observation; `lake stale` prints them all.
_COMMANDS_SHOWN = 20


@dataclass(frozen=True)
class Tick:
    """One look at a table's raw objects, and what Dagster is told of it."""

    lake: Lake
    table: Table
    watch: Watch
    refresh_partitions: int
    instance: dg.DagsterInstance
    queue: ArrivalQueue | None = None

    def report(self, text: str | None, now: datetime, log: logging.Logger) -> dg.SensorResult:
        """The events of what changed, with the cursor to go on from."""
        before = read_cursor(text)
        if before is None:
            log.warning("The cursor is of another version: everything in the window is listed.")
            before = Cursor()
        notices = self._notices(before, log)
        look = self._look(replace(before, receipts=notices.receipts), now, notices.partitions)
        expected = with_versions(
            look.cursor, self.lake.versions(self.table), self.refresh_partitions, now
        )
        is_busy = unfinished(self.instance, self.table)
        found = answers(self.lake, self.table, expected, now, is_busy)
        quiet = {key for key, seen in found.cursor.seen.items() if seen.pending is None}
        quiet.update(found.held)
        events = [
            *self._arrivals(look.arrivals, quiet),
            *self._repeated(found.again),
            *(self._observed(each, {}) for each in look.completed),
            *self._stale(before, found.cursor),
        ]
        self._log(look, found.again, log)
        return dg.SensorResult(
            asset_events=events, cursor=found.cursor.to_text(), skip_reason=_summary(look)
        )

    def _notices(self, cursor: Cursor, log: logging.Logger) -> Notices:
        """What the queue says; without it, listing finds the same some looks later.

        The cursor is on record now, and with it what the messages of the last tick led to.
        """
        if self.queue is None:
            return Notices((), ())
        try:
            self.queue.delete(cursor.receipts)
            return self.queue.receive(self.table)
        except QueueError as error:
            log.warning("%s", error)
            return Notices((), ())

    def _look(self, cursor: Cursor, now: datetime, notified: Sequence[str]) -> Look:
        lookout = Lookout(self.lake.raw_storage, self.lake.storage, self.table, self.watch)
        until = time.monotonic() + _TICK_SECONDS
        return lookout.look(
            cursor, now, is_time_up=lambda: time.monotonic() > until, notified=notified
        )

    def _arrivals(self, arrivals: Sequence[Arrival], quiet: set[str]) -> Iterator[Event]:
        """What storage has no attempt of, and no run reported, is news; the rest is only shown.

        So is what is held until a run ends.
        """
        for each in arrivals:
            metadata: Metadata = {
                "complete": dg.MetadataValue.bool(each.is_complete),
                "late": dg.MetadataValue.bool(each.is_late),
            }
            if each.raw.key in quiet or self._is_known(each.raw):
                yield self._observed(each.raw, metadata)
            else:
                yield self._materialized(each.raw, metadata)

    def _repeated(self, keys: Sequence[str]) -> Iterator[Event]:
        for each in self.lake.raw(self.table, keys):
            yield self._materialized(each, {"repeated": dg.MetadataValue.bool(True)})

    def _materialized(self, raw: RawPartition, metadata: Metadata) -> dg.AssetMaterialization:
        return dg.AssetMaterialization(
            self._key,
            partition=self._partition(raw.key),
            metadata={**raw_metadata(raw), **metadata},
            tags={"dagster/data_version": raw.fingerprint},
        )

    def _observed(self, raw: RawPartition, metadata: Metadata) -> dg.AssetObservation:
        return dg.AssetObservation(
            self._key,
            partition=self._partition(raw.key),
            metadata={"complete": dg.MetadataValue.bool(True), **raw_metadata(raw), **metadata},
        )

    def _stale(self, before: Cursor, after: Cursor) -> Iterator[dg.AssetObservation]:
        """What is too old to be refined unasked, whenever that list or the versions change."""
        if before.versions and before.versions != after.versions:
            others = (each.partition for each in stale_inputs(self.lake, self.table))
            refreshed = {key for key, seen in after.seen.items() if seen.pending is not None}
            yield self._to_refine({*others, *after.stale} - refreshed)
        elif after.stale.keys() != before.stale.keys():
            yield self._to_refine(after.stale.keys())

    def _to_refine(self, keys: Collection[str]) -> dg.AssetObservation:
        lines = commands(self.table, keys)
        return dg.AssetObservation(
            self._key,
            metadata={
                "stale_partitions": dg.MetadataValue.int(len(keys)),
                "to_refine_them": dg.MetadataValue.md(
                    "\n".join(f"    {each}" for each in lines[:_COMMANDS_SHOWN]) or "nothing to do"
                ),
            },
        )

    def _is_known(self, raw: RawPartition) -> bool:
        """Whether the last materialization, by a run or by an earlier tick, was of these objects."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(
                self._key, asset_partitions=[raw.key] if self._partition(raw.key) else None
            ),
            limit=1,
        ).records
        materialization = records[0].asset_materialization if records else None
        known = materialization.metadata.get("fingerprint") if materialization else None
        return known is not None and known.value == raw.fingerprint

    @property
    def _key(self) -> dg.AssetKey:
        return dg.AssetKey(["raw", self.table.name])

    def _partition(self, key: str) -> str | None:
        return None if self.table.partitions.by == "none" else key

    def _log(self, look: Look, again: Sequence[str], log: logging.Logger) -> None:
        log.info(_summary(look))
        for each in look.arrivals:
            if each.is_late:
                log.info("late objects in %s", each.raw.key)
        if look.empty:
            log.warning("complete without any object: %s", ", ".join(look.empty))
        if again:
            log.warning("no attempt answered the report of %s: reported again", ", ".join(again))
        if look.skewed:
            seconds = look.skewed.total_seconds()
            log.warning("objects were written %d s later than this machine's clock says", seconds)
        for line in commands(self.table, look.cursor.stale):
            log.warning("stale and older than the window; to refine: %s", line)


def _summary(look: Look) -> str:
    """What the UI shows of a tick at once; a tick asks for no runs itself, and so is a skipped one."""
    empty = f" ({len(look.empty):,} without any object)" * bool(look.empty)
    return (
        f"{look.listed:,} partitions listed: {len(look.arrivals):,} changed, "
        f"{len(look.completed):,} now complete{empty}, {len(look.cursor.left):,} left for the next tick"
    )
