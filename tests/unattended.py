"""A table that keeps itself up to date, with time driven by the test: ticks and what follows them.

The sensor's tick and Dagster's automation conditions are the real ones; only the daemon, which would
call them and start the runs, is played here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from lake_assets.arrival_tick import Event, Tick
from resources.arrival_queue import ArrivalQueue
from resources.stale import ranges
from spark.refining import RefineReport
from spark.spec import PartitionInput, RefineSpec
from tests.workshop import PyArrowCompute, Row, Workshop

#: Runs partitions from the first to the last, and tells whether that succeeded.
Run = Callable[[str, str], bool]


@dataclass
class Unattended:
    """The sensors of a workshop's table.

    `runs` are the ranges that were run, in order, `said` their errors; `snapshots` are the references
    that were asked for, which nobody takes.
    """

    workshop: Workshop
    run: Run | None = None
    cursor: str | None = None
    queue: ArrivalQueue | None = None
    runs: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    _conditions: object = None

    def tick(self, now: datetime) -> list[Event]:
        """One tick of the arrivals sensor, and what Dagster records of it."""
        made = self.workshop
        watch = made.model.automation.watch(made.model.partitions.end)
        refresh = made.model.automation.refresh_partitions
        tick = Tick(made.lake, made.table, watch, refresh, made.instance, self.queue)
        result = tick.report(self.cursor, now, logging.getLogger("tick"))
        self.cursor = result.cursor
        events = [
            each
            for each in result.asset_events
            if isinstance(each, (dg.AssetMaterialization, dg.AssetObservation))
        ]
        for each in events:
            made.instance.report_runless_asset_event(each)
        return events

    def requested(self, now: datetime) -> list[str]:
        """The partitions that the conditions ask for now, refined and published alike."""
        made = self.workshop
        result = dg.evaluate_automation_conditions(
            defs=made.definitions,
            instance=made.instance,
            cursor=self._conditions,  # type: ignore[arg-type]
            evaluation_time=now,
        )
        self._conditions = result.cursor
        references = [join.reference.name for join in made.table.joins]
        asked = [
            each
            for each in references
            if result.get_num_requested(dg.AssetKey(["reference", each]))
        ]
        self.snapshots += asked
        if made.table.partitions.by == "none":
            count = result.total_requested - len(asked)
            assert count in (0, 2)
            return ["all"] if count else []
        refined, published = (
            result.get_requested_partitions(dg.AssetKey([kind, made.table.name]))
            for kind in ("refined", "catalog")
        )
        assert refined == published
        return sorted(key for key in refined if key is not None)

    def follow(self, now: datetime) -> list[str]:
        """Run what is asked for, a run for each contiguous range; returns the partitions."""
        keys = self.requested(now)
        is_partitioned = self.workshop.table.partitions.by != "none"
        for each in ranges(self.workshop.table.partitions, keys) if is_partitioned else keys:
            first, _, last = each.partition("...")
            self.runs.append(each)
            (self.run or self._refine)(first, last or first)
        return keys

    def live(self, now: datetime) -> list[str]:
        """A tick and what follows; returns the partitions that were run."""
        self.tick(now)
        return self.follow(now)

    def _refine(self, first: str, last: str) -> bool:
        select = ["refined/plays", "catalog/plays"]
        if first == "all":
            result = self.workshop.materialize(select)
        elif first == last:
            result = self.workshop.materialize(select, partition=first)
        else:
            result = self.workshop.materialize(select, span=(first, last))
        self.said += [
            str(each.event_specific_data) for each in result.all_events if each.is_failure
        ]
        return result.success


class PlaysCompute(PyArrowCompute):
    """Refines raw plays without Spark: whole JSON documents, the first of each id, with titles."""

    #: It is not measured.
    figures = None

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Read the objects that the specification names, and write what they hold."""
        (songs,) = (pq.read_table(_path(join.location)).to_pylist() for join in spec.joins)
        titles = {row["song_id"]: row["title"] for row in songs}
        rows = {each.key: _plays(each, titles) for each in spec.partitions}
        return PyArrowCompute(rows).refine(spec)


def _plays(partition: PartitionInput, titles: dict[object, str]) -> list[Row]:
    found: dict[object, Row] = {}
    for each in partition.objects:
        for play in _documents(_path(each.uri).read_text(encoding="utf-8")):
            found.setdefault(play["play_id"], {**play, "title": titles.get(play.get("song_id"))})
    return list(found.values())


def _documents(text: str) -> Iterator[Row]:
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        yield document


def _path(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def without_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `refined/plays` use `PlaysCompute`, so that a run takes a fraction of a second."""
    monkeypatch.setattr("lake_assets.assets.refined.compute_for", lambda *_: PlaysCompute())
