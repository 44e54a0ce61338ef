"""The sensors of a table: one reports raw objects that arrived, one asks for the runs that follow.

A third one tells people when the table is not as fresh as declared.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from lake_assets.arrival_tick import Tick
from lake_assets.automation import AutomationModel
from lake_assets.not_fresh import Freshness, not_fresh_sensor
from lake_assets.resources import LakeResource
from resources.arrival_queue import ArrivalQueue
from resources.arrivals import Watch
from resources.lake import Lake
from resources.table import Reference, Table
from resources.unattended_settings import unattended_settings


def table_sensors(
    table: Table, references: list[Reference], automation: AutomationModel, end: datetime | None
) -> list[dg.SensorDefinition]:
    """The sensors of a table; what they do to it they do from the start if the declaration says so.

    `references` are those that the table declares.
    """
    follows = automation.enabled and automation.cron is None
    followed = [
        *(["reference", each.name] for each in references),
        ["refined", table.name],
        ["catalog", table.name],
    ]
    told = []
    if automation.fail_after_hours is not None:
        limit = timedelta(hours=automation.fail_after_hours)
        told.append(not_fresh_sensor(Freshness(table.name, limit), unattended_settings()))
    return [
        arrivals_sensor(table, automation, automation.watch(end)),
        dg.AutomationConditionSensorDefinition(
            f"follow_{table.name}",
            target=dg.AssetSelection.assets(*followed),
            description=f"Refines and publishes what arrived for {table.name}.",
            default_status=_status(is_running=follows),
            minimum_interval_seconds=automation.every_seconds,
            run_tags={"dagster/priority": "10"},
        ),
        *told,
    ]


def _status(*, is_running: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED


def arrivals_sensor(table: Table, automation: AutomationModel, watch: Watch) -> dg.SensorDefinition:
    """Reports each raw partition that changed as a materialization of `raw/<table>`."""

    @dg.sensor(
        name=f"arrivals_{table.name}",
        description=f"Looks for raw objects of {table.name}: new, replaced, deleted or late.",
        minimum_interval_seconds=automation.every_seconds,
        default_status=_status(is_running=automation.enabled),
    )
    def arrivals(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult:
        tick = Tick(
            lake.lake,
            table,
            watch,
            automation.refresh_partitions,
            context.instance,
            queue_of(lake.lake, table),
        )
        return tick.report(context.cursor, datetime.now(UTC), context.log)

    return arrivals


def queue_of(lake: Lake, table: Table) -> ArrivalQueue | None:
    """The queue of S3's notifications for a table, if a setting names one."""
    url = unattended_settings().queue_of(table.name)
    if not url:
        return None
    _, _, below = lake.raw_storage.root.removeprefix("s3://").partition("/")
    return ArrivalQueue(url, lake.settings.aws, f"{below}/" if below else "")
