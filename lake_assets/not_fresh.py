"""Telling people of a table that went too long without a publication, whether a run failed or not.

A tick that fails and objects that never come leave no failed run, but no publication either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from lake_assets.resources import LakeResource
from resources.notifying import Message, notify
from resources.unattended_settings import UnattendedSettings, unattended_settings


@dataclass(frozen=True)
class Freshness:
    """How old the last publication of a table may be."""

    table: str
    limit: timedelta

    def last_published(self, instance: dg.DagsterInstance) -> datetime | None:
        """When `catalog/<table>` was materialized last, as Dagster's own freshness takes it."""
        found = instance.get_latest_materialization_event(dg.AssetKey(["catalog", self.table]))
        return datetime.fromtimestamp(found.timestamp, UTC) if found else None

    def message(self, last: datetime, now: datetime, ui_url: str) -> Message:
        """What a person needs to find out why."""
        hours, limit = (each / timedelta(hours=1) for each in (now - last, self.limit))
        text = [
            f"Last published {last:%Y-%m-%d %H:%M} UTC, {hours:.1f} hours ago; expected within "
            f"{limit:.0f} hours (`fail_after_hours`). Readers keep what was published then.",
            f"What the last tick of `arrivals_{self.table}` said, and whether it is on: "
            f"[Automation]({ui_url}/automation). What is not up to date: `lake stale {self.table}`.",
            f"[The table in the UI]({ui_url}/assets/catalog/{self.table})",
        ]
        return Message(f"Lake: {self.table} is not fresh", "\n\n".join(text))


def not_fresh_sensor(freshness: Freshness, settings: UnattendedSettings) -> dg.SensorDefinition:
    """Runs from the start where somebody is to be told."""

    @dg.sensor(
        name=f"tell_if_{freshness.table}_is_not_fresh",
        description=f"Tells the addresses of LAKE_NOTIFY once when {freshness.table} is not fresh.",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.notify
        else dg.DefaultSensorStatus.STOPPED,
    )
    def not_fresh(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SkipReason:
        now, settings = datetime.now(UTC), unattended_settings()
        last = freshness.last_published(context.instance)
        if not settings.notify:
            return dg.SkipReason("LAKE_NOTIFY names nobody")
        if last is None or now - last <= freshness.limit:
            return dg.SkipReason("never published" if last is None else f"published {last}")
        if context.cursor == last.isoformat():
            return dg.SkipReason(f"told before: nothing was published since {last}")
        notify(
            settings.notify, freshness.message(last, now, settings.ui_url), lake.lake.settings.aws
        )
        context.update_cursor(last.isoformat())
        return dg.SkipReason(f"told: nothing was published since {last}")

    return not_fresh
