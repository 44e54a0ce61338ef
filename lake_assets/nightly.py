"""The upkeep jobs by the clock."""

from __future__ import annotations

import dagster as dg

from lake_assets.upkeep import UPKEEP_JOBS

#: When the upkeep of all tables runs, in UTC. What expires is not compacted, and what a compaction
#: leaves is for the clean-up, a week later.
_NIGHTLY = {"expire": "0 2 * * *", "compact": "20 2 * * *", "cleanup": "40 2 * * *"}


def nightly_schedules() -> list[dg.ScheduleDefinition]:
    """The upkeep jobs at night; stopped until somebody turns them on, since they remove things."""
    return [
        dg.ScheduleDefinition(
            name=f"nightly_{job.name}",
            job=job,
            cron_schedule=_NIGHTLY[job.name],
            description=job.description,
            default_status=dg.DefaultScheduleStatus.STOPPED,
        )
        for job in UPKEEP_JOBS
    ]
