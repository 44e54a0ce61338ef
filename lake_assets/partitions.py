"""Dagster's partitions of a declared table, and the keys that a run was asked for."""

from __future__ import annotations

import dagster as dg

from lake_assets.declaration import PartitionsModel
from resources.partitions import ALL

_DAY, _HOUR = "%Y-%m-%d", "%Y-%m-%d-%H"


def partitions_def(model: PartitionsModel) -> dg.PartitionsDefinition[str] | None:
    """Hourly or daily partitions in UTC, or None for a table without any."""
    start, end = model.start, model.end
    if model.by == "hour":
        return dg.HourlyPartitionsDefinition(start, end, timezone="UTC", fmt=_HOUR)
    if model.by == "day":
        return dg.DailyPartitionsDefinition(start, end_date=end, timezone="UTC", fmt=_DAY)
    return None


def requested_keys(context: dg.AssetExecutionContext) -> list[str]:
    """The partition keys of this run, one or a whole range."""
    is_partitioned = context.has_partition_key or context.has_partition_key_range
    return list(context.partition_keys) if is_partitioned else [ALL]
