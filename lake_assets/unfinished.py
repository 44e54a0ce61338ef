"""Runs and backfills of a table that have not ended, as far as they concern a partition."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from lake_assets.partitions import FIRST, LAST, ONE
from resources.table import Table

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def unfinished(instance: dg.DagsterInstance, table: Table) -> Callable[[str], bool]:
    """Tells of a partition whether a run that refines it is queued or under way.

    A run without partitions in its tags, which belongs to a table without any, concerns them all.
    """
    refined = dg.AssetKey(["refined", table.name])
    runs = [
        each
        for each in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED))
        if refined in (each.asset_selection or ())
    ]
    return lambda key: any(_concerns(run, key) for run in runs)


def _concerns(run: dg.DagsterRun, key: str) -> bool:
    if FIRST in run.tags:
        return run.tags[FIRST] <= key <= run.tags[LAST]
    return run.tags.get(ONE, key) == key
