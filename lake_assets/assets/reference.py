"""`reference/<name>`: a table of the source database, kept as versions of its content."""

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from lake_assets.compute import EngineConfig, compute_for
from lake_assets.conditions import snapshot_condition
from lake_assets.metadata import column_schema
from lake_assets.resources import LakeResource, lake_errors
from resources.compute.local import LocalCompute
from resources.lake import Lake, Snapshot
from resources.table import Reference, Table


def reference_asset(table: Table, reference: Reference) -> dg.AssetsDefinition:
    """The asset whose data version is the hash of the table's content."""

    @dg.asset(
        key=["reference", reference.name],
        description=reference.description or f"{reference.table} of the source database, typed.",
        group_name=table.name,
        owners=list(table.owners),
        kinds={"mysql", "parquet"},
        automation_condition=snapshot_condition(),
        metadata={"dagster/column_schema": column_schema(reference.contract)},
    )
    def snapshot(
        context: dg.AssetExecutionContext,
        config: EngineConfig,
        lake: LakeResource,
        pyspark: LazyPySparkResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        engine = config.engine or reference.compute
        with lake_errors():
            if engine == "local":
                taken = _taken_here(lake.lake, reference, pyspark)
            else:
                source = lake.lake.database.remote()
                compute = compute_for(engine, context, lake.lake, pyspark)
                taken = lake.lake.snapshot(compute, reference, source.options, source.login)
        for note in taken.report.notes:
            context.log.warning("%s", note)
        if not taken.report.written:
            context.log.info("version %s is unchanged", taken.version.version)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": taken.version.rows,
                "dagster/uri": taken.version.directory,
                "version": taken.version.version,
                "changed": taken.report.written,
                "notes": "; ".join(taken.report.notes) or "none",
                "engine": engine,
            },
            data_version=dg.DataVersion(taken.version.version),
        )

    return snapshot


def _taken_here(lake: Lake, reference: Reference, pyspark: LazyPySparkResource) -> Snapshot:
    """The snapshot by Spark in this process, which logs in to the database for it."""
    spark = pyspark.spark_session
    with lake.database.exclusive(spark, f"the snapshot of reference/{reference.name}") as source:
        return lake.snapshot(LocalCompute(spark), reference, source.options())
