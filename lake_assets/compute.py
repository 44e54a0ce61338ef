"""The engine that an asset's job runs on, by its name."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import Field

from resources.compute.figures import MeasuredCompute
from resources.compute.job_records import JobRecords
from resources.compute.local import measured_local
from resources.compute.opening import remote_compute
from resources.compute.placement import Override
from resources.lake import Lake
from resources.storage import is_on_s3

#: Dagster's tag of a run that executes another one again: the first of them.
_ROOT_RUN = "dagster/root_run_id"


class EngineConfig(dg.Config):
    """What can be said of one run in the launchpad."""

    engine: str = Field(
        default="", description="The engine to run on, whatever is declared; empty: as declared."
    )


def compute_for(
    engine: str, context: dg.AssetExecutionContext, lake: Lake, pyspark: LazyPySparkResource
) -> MeasuredCompute:
    """What runs jobs on an engine; raises `SettingsError` for one that is not configured.

    Dagster's run and its re-executions are one to an engine, so that a job is found again.
    """
    if engine == "local":
        return measured_local(lambda: pyspark.spark_session)
    return remote_compute(lake.settings, lake.storage, engine, root_run(context), context.log)


def override_of(
    engine: str, run: str, lake: Lake, asset: str, keys: Sequence[str]
) -> Override | None:
    """The engine that the launchpad names, or else where an earlier try of the run began its job.

    A retry might decide otherwise than that try did, and would then start a second job. `run` is
    what `root_run` says.
    """
    if engine:
        return Override(engine)
    if not is_on_s3(lake.settings.root):
        return None  # no job elsewhere could reach it
    found = JobRecords(lake.storage, run, asset, keys).open_record()
    return (
        Override(found.engine, "an earlier try of this run began its job there") if found else None
    )


def root_run(context: dg.AssetExecutionContext) -> str:
    """The id that a run shares with its re-executions."""
    return context.run.tags.get(_ROOT_RUN, context.run.run_id)
