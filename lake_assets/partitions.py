"""Dagster's partitions of a declared table, and the keys that a run was asked for."""

from __future__ import annotations

import dagster as dg

from lake_assets.automation import AutomationModel
from lake_assets.declaration import PartitionsModel
from resources.partitions import ALL

#: The tags by which Dagster knows a run's partition, or the first and last of its range.
ONE = "dagster/partition"
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
#: A month of hours. A backfill of more is several runs, so that what is done by then stays done.
PARTITIONS_PER_RUN = 744
_DAY, _HOUR = "%Y-%m-%d", "%Y-%m-%d-%H"


def partitions_def(
    model: PartitionsModel, automation: AutomationModel
) -> dg.PartitionsDefinition[str] | None:
    """Hourly or daily partitions in UTC, or None for a table without any.

    The partition that has not ended is among them only if it is published early.
    """
    start, end = model.start, model.end
    offset = 1 if automation.early else 0
    if model.by == "hour":
        return dg.HourlyPartitionsDefinition(
            start, end, timezone="UTC", fmt=_HOUR, end_offset=offset
        )
    if model.by == "day":
        return dg.DailyPartitionsDefinition(
            start, end_date=end, timezone="UTC", fmt=_DAY, end_offset=offset
        )
    return None


def backfill_policy(model: PartitionsModel) -> dg.BackfillPolicy | None:
    """How many partitions one run of a backfill takes; None for a table without any."""
    if model.by == "none":
        return None
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=PARTITIONS_PER_RUN)


def requested_keys(context: dg.AssetExecutionContext) -> list[str]:
    """The partition keys of this run, one or a whole range."""
    is_partitioned = context.has_partition_key or context.has_partition_key_range
    return list(context.partition_keys) if is_partitioned else [ALL]
