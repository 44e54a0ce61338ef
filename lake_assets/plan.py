"""What `lake materialize` would do, without doing it: the engine, time and cost of each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lake_assets.declared import Declared, declared_table
from lake_assets.materialize import Wanted, changed, contiguous
from resources.compute.placement import Decision
from resources.compute.planning import Planner
from resources.errors import PlacementError
from resources.lake import Lake
from resources.raw import RawPartition
from resources.settings import load_settings
from resources.table import Table


@dataclass(frozen=True)
class PlannedRun:
    """One run: its partitions and where it would go, or with `decision` None why nowhere."""

    raw: tuple[RawPartition, ...]
    decision: Decision | None
    refusal: str = ""

    @property
    def partitions(self) -> str:
        """The first, and the last if there are several."""
        first, last = self.raw[0].key, self.raw[-1].key
        return first if first == last else f"{first}...{last}"

    @property
    def objects(self) -> int:
        return sum(len(each.objects) for each in self.raw)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.raw)


def plan_table(name: str, wanted: Wanted) -> list[PlannedRun]:
    """The runs of a declared table; raises `DeclarationError` for what is not declared."""
    return planned_runs(Lake(load_settings()), declared_table(name), wanted)


def planned_runs(lake: Lake, declared: Declared, wanted: Wanted) -> list[PlannedRun]:
    """The runs that `lake materialize` would start now, were no reference to change before."""
    keys = changed(lake, declared, wanted)
    listed = {each.key: each for each in lake.raw(declared.table, keys)}
    planner = Planner(lake)
    return [
        _planned(planner, declared.table, [listed[key] for key in stretch])
        for stretch in contiguous(declared.keys(), keys)
    ]


def _planned(planner: Planner, table: Table, raw: Sequence[RawPartition]) -> PlannedRun:
    try:
        return PlannedRun(tuple(raw), planner.place(table, raw))
    except PlacementError as error:
        return PlannedRun(tuple(raw), None, str(error))
