"""The code location: every declared table, the resources, the jobs, and what watches over runs."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from lake_assets.failures import failure_sensor
from lake_assets.lost_runs import lost_runs_sensor
from lake_assets.nightly import nightly_schedules
from lake_assets.orphans import orphans_job, orphans_sensor
from lake_assets.resources import lake_resources
from lake_assets.rollback import rollback_job
from lake_assets.upkeep import UPKEEP_JOBS
from resources.unattended_settings import unattended_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All tables of `lake_assets/defs`."""
    return definitions_in(Path(__file__).parent)


def definitions_in(folder: Path) -> dg.Definitions:
    """All tables of a project's `defs` folder; one Spark session serves all steps of a run."""
    tables = dg.load_from_defs_folder(path_within_project=folder)
    shared = dg.Definitions(
        resources=lake_resources(),
        executor=dg.in_process_executor,
        jobs=[rollback_job, orphans_job, *UPKEEP_JOBS],
        sensors=[failure_sensor(unattended_settings()), lost_runs_sensor(), orphans_sensor],
        schedules=nightly_schedules(),
    )
    return dg.Definitions.merge(tables, shared)
