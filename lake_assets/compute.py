"""The engine that an asset's job runs on, by its name."""

from __future__ import annotations

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from resources.compute.figures import MeasuredCompute
from resources.compute.local import measured_local
from resources.compute.opening import remote_compute
from resources.lake import Lake

_ROOT_RUN = "dagster/root_run_id"


def compute_for(
    engine: str, context: dg.AssetExecutionContext, lake: Lake, pyspark: LazyPySparkResource
) -> MeasuredCompute:
    """What runs jobs on an engine; raises `SettingsError` for one that is not configured.

    Dagster's run and its re-executions are one to an engine, so that a job is found again.
    """
    if engine == "local":
        return measured_local(lambda: pyspark.spark_session)
    run = context.run.tags.get(_ROOT_RUN, context.run_id)
    return remote_compute(lake.settings, lake.storage, engine, run, context.log)
