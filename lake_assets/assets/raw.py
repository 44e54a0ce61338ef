"""`raw/<table>`: which raw objects a partition has. Listing them is all that materializing does."""

import dagster as dg

from lake_assets.declaration import TableModel
from lake_assets.metadata import column_schema, raw_metadata
from lake_assets.partitions import backfill_policy, partitions_def, requested_keys
from lake_assets.resources import LakeResource, lake_errors
from lake_assets.results import metadata_of
from resources.table import Table


def raw_asset(table: Table, model: TableModel) -> dg.AssetsDefinition:
    """The asset whose data version is the fingerprint of a partition's objects."""

    @dg.asset(
        key=["raw", table.name],
        description=(
            f"Raw {table.raw.format} objects of {table.name}, below `{table.raw.prefix}` in the raw "
            "root. Materializing lists them; they are only ever read."
        ),
        group_name=table.name,
        owners=list(table.owners),
        kinds={table.raw.format, "s3"},
        partitions_def=partitions_def(model.partitions, model.automation),
        backfill_policy=backfill_policy(model.partitions),
        metadata={"dagster/column_schema": column_schema(table.raw.contract)},
    )
    def raw(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with lake_errors():
            found = lake.lake.raw(table, requested_keys(context))
        metadata = metadata_of(context, {each.key: raw_metadata(each) for each in found})
        if len(found) > 1:
            objects = sum(len(each.objects) for each in found)
            context.log.info("%d objects in %d partitions", objects, len(found))
            return dg.MaterializeResult()
        return dg.MaterializeResult(
            metadata=metadata, data_version=dg.DataVersion(found[0].fingerprint)
        )

    return raw
