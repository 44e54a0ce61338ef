"""The words of `automation:` in a declaration: what the table does on its own, and how eagerly."""

from __future__ import annotations

from datetime import datetime, timedelta

import dagster as dg
from pydantic import Field

from resources.arrivals import Watch


class AutomationModel(dg.Model, dg.Resolvable):
    """What the table does unattended. Sensors and schedules can be turned on and off in the UI."""

    enabled: bool = Field(
        default=False,
        description="Whether its sensors and schedules run from the start, unless the UI says else.",
    )
    every_seconds: int = Field(
        default=30, ge=5, description="How often raw objects are looked for, in seconds."
    )
    grace_minutes: int = Field(
        default=15,
        ge=0,
        description="A partition is complete this long after its end; raw objects that come later "
        "are late.",
    )
    early: bool = Field(
        default=False,
        description="Publish a partition before it is complete too, and again whenever objects "
        "come. Without it, first when it is complete.",
    )
    window_hours: int = Field(
        default=48,
        ge=1,
        description="Partitions that ended this recently are refined again when their objects "
        "change. Older ones are listed by `lake stale`.",
    )
    refresh_partitions: int = Field(
        default=24,
        ge=0,
        description="How many of the newest partitions are refined again when a reference or the "
        "declaration changes. Older ones are listed by `lake stale`.",
    )
    references_cron: str | None = Field(
        default="0 3 * * *",
        description="When snapshots of the references declared here are taken, as cron in UTC.",
    )
    cron: str | None = Field(
        default=None,
        description="When all that changed in the window is materialized, as cron in UTC; for "
        "tables that should not follow their raw objects at once.",
    )
    warn_after_hours: int | None = Field(
        default=None, ge=1, description="Without a publication for this long, the UI warns."
    )
    fail_after_hours: int | None = Field(
        default=None,
        ge=1,
        description="Without one for this long, the table is not fresh, and people are told.",
    )

    def watch(self, end: datetime | None) -> Watch:
        """How raw objects are watched; `end` is where partitions stop."""
        return Watch(
            window=timedelta(hours=self.window_hours),
            grace=timedelta(minutes=self.grace_minutes),
            is_early=self.early,
            end=end,
        )

    @property
    def freshness(self) -> dg.FreshnessPolicy | None:
        """How old what is published may be, or None for any age."""
        if self.fail_after_hours is None:
            return None
        warn = None if self.warn_after_hours is None else timedelta(hours=self.warn_after_hours)
        return dg.FreshnessPolicy.time_window(timedelta(hours=self.fail_after_hours), warn)
