"""What runs by the clock: snapshots of references, and tables that do not follow at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from lake_assets.automation import AutomationModel
from lake_assets.partitions import FIRST, LAST, ONE
from lake_assets.resources import LakeResource
from resources.arrivals import Watch
from resources.lake import Lake
from resources.stale import ranges, stale
from resources.table import Reference, Table


def table_schedules(
    table: Table, references: list[Reference], automation: AutomationModel, end: datetime | None
) -> list[dg.ScheduleDefinition]:
    """The schedules that a declaration asks for; they run from the start if it says so."""
    found = []
    status = (
        dg.DefaultScheduleStatus.RUNNING if automation.enabled else dg.DefaultScheduleStatus.STOPPED
    )
    if references and automation.references_cron:
        keys = [dg.AssetKey(["reference", each.name]) for each in references]
        found.append(
            dg.ScheduleDefinition(
                name=f"snapshots_for_{table.name}",
                target=dg.AssetSelection.assets(*keys),
                cron_schedule=automation.references_cron,
                description=f"Takes snapshots of the references that {table.name} declares.",
                default_status=status,
            )
        )
    if automation.cron:
        found.append(_catching_up(table, automation.cron, automation.watch(end), status))
    return found


def _catching_up(
    table: Table, cron: str, watch: Watch, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    """Materializes whatever changed in the window, a run for each contiguous range."""
    keys = [dg.AssetKey([kind, table.name]) for kind in ("raw", "refined", "catalog")]

    @dg.schedule(
        name=f"catch_up_{table.name}",
        cron_schedule=cron,
        target=dg.AssetSelection.assets(*keys),
        description=f"Materializes what changed of {table.name}, in as few runs as may be.",
        default_status=status,
    )
    def catch_up(
        context: dg.ScheduleEvaluationContext, lake: LakeResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = context.scheduled_execution_time.astimezone(UTC)
        wanted = due_ranges(lake.lake, table, watch, now)
        if not wanted:
            yield dg.SkipReason("every partition of the window is made from what is there now")
        for first, last in wanted:
            tags = {FIRST: first, LAST: last} if first != last else {ONE: first}
            if table.partitions.by == "none":
                tags = {}
            yield dg.RunRequest(run_key=f"{now.isoformat()} {first}", tags=tags)

    return catch_up


def due_ranges(lake: Lake, table: Table, watch: Watch, now: datetime) -> list[tuple[str, str]]:
    """First and last of each range of complete partitions in the window that are not up to date."""
    raw = lake.raw(table, watch.recent(table.partitions, now))
    keys = [each.partition for each in stale(lake, table, raw)]
    if table.partitions.by == "none":
        return [(key, key) for key in keys]
    found = (each.partition("...") for each in ranges(table.partitions, keys))
    return [(first, last or first) for first, _, last in found]
