"""`reference/<name>`: a table of the source database, kept as versions of its content."""

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from lake_assets.metadata import column_schema
from lake_assets.resources import LakeResource, lake_errors
from resources.compute.local import LocalCompute
from resources.table import Reference, Table


def reference_asset(table: Table, reference: Reference) -> dg.AssetsDefinition:
    """The asset whose data version is the hash of the table's content."""

    @dg.asset(
        key=["reference", reference.name],
        description=reference.description or f"{reference.table} of the source database, typed.",
        group_name=table.name,
        owners=list(table.owners),
        kinds={"mysql", "parquet"},
        metadata={"dagster/column_schema": column_schema(reference.contract)},
    )
    def snapshot(
        context: dg.AssetExecutionContext, lake: LakeResource, pyspark: LazyPySparkResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        spark = pyspark.spark_session
        purpose = f"the snapshot of reference/{reference.name}"
        with lake_errors(), lake.lake.database.exclusive(spark, purpose) as source:
            taken = lake.lake.snapshot(LocalCompute(spark), reference, source.options())
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
            },
            data_version=dg.DataVersion(taken.version.version),
        )

    return snapshot
