"""`catalog/<table>`: the published table. Materializing points readers at the newest attempts."""

from collections.abc import Sequence

import dagster as dg

from lake_assets.conditions import publish_condition
from lake_assets.declaration import TableModel
from lake_assets.metadata import (
    Metadata,
    catalog_metadata,
    column_schema,
    passed_on_lineage,
    profile_markdown,
    read_back_metadata,
    sample_table,
    table_metadata,
)
from lake_assets.partitions import backfill_policy, partitions_def, requested_keys
from lake_assets.resources import LakeResource, lake_errors
from lake_assets.results import metadata_of
from resources.catalog.base import Pointer
from resources.errors import CatalogError
from resources.lake import Lake
from resources.profile import profile
from resources.publishing import table_entry
from resources.table import Table


def catalog_asset(table: Table, model: TableModel) -> dg.AssetsDefinition:
    """The asset that publishes what passed its audit, and nothing else."""

    @dg.asset(
        key=["catalog", table.name],
        deps=[["refined", table.name]],
        description=table.description or f"The published table {table.name}.",
        group_name=table.name,
        owners=list(table.owners),
        kinds={"duckdb", "table"},
        partitions_def=partitions_def(model.partitions, model.automation),
        backfill_policy=backfill_policy(model.partitions),
        pool=f"publish_{table.name}",
        automation_condition=publish_condition(),
        freshness_policy=model.automation.freshness,
        metadata={
            "dagster/column_schema": column_schema(table.published, table.partitions.columns),
            "dagster/column_lineage": passed_on_lineage(table),
            "dagster/table_name": table.name,
        },
    )
    def catalog(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with lake_errors():
            publication = lake.lake.publish(table, requested_keys(context))
        pointers = publication.pointers
        names = [*table.published.names, *table.partitions.columns]
        summary = {
            **table_metadata(
                lake.lake.catalog.pointers(table.name).values(),
                lake.lake.storage.target_uri(f"refined/{table.name}"),
            ),
            **read_back_metadata(publication.counted),
            **_profile(context, lake.lake, table, pointers),
            "sample": sample_table(names, lake.lake.published_sample(pointers, 5)),
        }
        found = {each.partition: {**catalog_metadata(each), **summary} for each in pointers}
        return dg.MaterializeResult(metadata=metadata_of(context, found))

    return catalog


def _profile(
    context: dg.AssetExecutionContext, lake: Lake, table: Table, pointers: Sequence[Pointer]
) -> Metadata:
    """What the columns hold; nothing that is published depends on it."""
    try:
        found = profile(lake.storage, table_entry(table), pointers)
    except CatalogError as error:
        context.log.warning(str(error))
        return {}
    return {"profile": dg.MetadataValue.md(profile_markdown(found))}
