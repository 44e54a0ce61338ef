"""The code location: every declared table, the resources, jobs, and who is told of failures."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from lake_assets.failures import failure_sensor
from lake_assets.resources import lake_resources
from lake_assets.rollback import rollback_job
from lake_assets.upkeep import UPKEEP_JOBS
from resources.unattended_settings import unattended_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All tables of `lake_assets/defs`; one Spark session serves all steps of a run."""
    tables = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    shared = dg.Definitions(
        resources=lake_resources(),
        executor=dg.in_process_executor,
        jobs=[rollback_job, *UPKEEP_JOBS],
        sensors=[failure_sensor(unattended_settings())],
    )
    return dg.Definitions.merge(tables, shared)
