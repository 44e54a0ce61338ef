"""Runs and backfills of a table that have not ended, as far as they concern a partition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg

from lake_assets.partitions import FIRST, LAST, ONE
from resources.table import Table

#: How long Dagster may take to make the next try, and the tag that names it.
_RETRY_TIME = timedelta(minutes=5)
_NEXT_TRY = "dagster/auto_retry_run_id"
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def unfinished(instance: dg.DagsterInstance, table: Table) -> Callable[[str], bool]:
    """Tells of a partition whether a run that refines it is queued, under way or about to be retried.

    A run without partitions in its tags, which belongs to a table without any, concerns them all.
    """
    refined = dg.AssetKey(["refined", table.name])
    found = [*instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)), *_to_be_retried(instance)]
    runs = [each for each in found if refined in (each.asset_selection or ())]
    return lambda key: any(_concerns(run, key) for run in runs)


def _to_be_retried(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that crashed a moment ago, and whose next try Dagster has not made yet."""
    crashed = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={"dagster/will_retry": "true"},
        updated_after=datetime.now(UTC) - _RETRY_TIME,
    )
    return [each for each in instance.get_runs(crashed) if _NEXT_TRY not in each.tags]


def _concerns(run: dg.DagsterRun, key: str) -> bool:
    if FIRST in run.tags:
        return run.tags[FIRST] <= key <= run.tags[LAST]
    return run.tags.get(ONE, key) == key
