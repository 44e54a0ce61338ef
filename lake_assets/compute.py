"""The engine that an asset's job runs on, by its name."""

from __future__ import annotations

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from resources.compute.figures import MeasuredCompute
from resources.compute.local import measured_local
from resources.errors import PlacementError
from resources.lake import Lake


def compute_for(
    engine: str,
    context: dg.AssetExecutionContext,  # noqa: ARG001
    lake: Lake,  # noqa: ARG001
    pyspark: LazyPySparkResource,
) -> MeasuredCompute:
    """What runs jobs on an engine; raises `PlacementError` for one that there is not."""
    if engine == "local":
        return measured_local(lambda: pyspark.spark_session)
    raise PlacementError(f"expected 'local', found {engine!r}: no other engine is configured")
