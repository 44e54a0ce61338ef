"""`refined/<table>`: raw joined to references and cleaned, as an attempt with its audit."""

from collections.abc import Sequence

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from lake_assets.checks import audit_results, audit_specs, usual_result, usual_spec
from lake_assets.compute import EngineConfig, compute_for, override_of, root_run
from lake_assets.conditions import refine_condition
from lake_assets.declaration import TableModel
from lake_assets.metadata import (
    column_lineage,
    column_schema,
    ledger_markdown,
    refined_metadata,
    sample_table,
)
from lake_assets.partitions import backfill_policy, partitions_def, requested_keys
from lake_assets.placement_metadata import placement_metadata
from lake_assets.resources import LakeResource, lake_errors
from resources.compute.planning import Planner
from resources.lake import Lake, Refined
from resources.table import Table


def refined_asset(table: Table, model: TableModel) -> dg.AssetsDefinition:
    """The asset that writes attempts; its blocking checks are the audit."""
    key = dg.AssetKey(["refined", table.name])

    @dg.asset(
        key=key,
        deps=[["raw", table.name], *[["reference", join.reference.name] for join in table.joins]],
        description=f"{table.description} One attempt, audited and not yet published.".strip(),
        group_name=table.name,
        owners=list(table.owners),
        kinds={"spark", "parquet"},
        partitions_def=partitions_def(model.partitions, model.automation),
        backfill_policy=backfill_policy(model.partitions),
        automation_condition=refine_condition(table, model.automation),
        code_version=table.code_version,
        check_specs=[*audit_specs(key), usual_spec(key)],
        metadata={
            "dagster/column_schema": column_schema(table.published, table.partitions.columns),
            "dagster/column_lineage": column_lineage(table),
        },
    )
    def refined(
        context: dg.AssetExecutionContext,
        config: EngineConfig,
        lake: LakeResource,
        pyspark: LazyPySparkResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        keys = requested_keys(context)
        planner = Planner(lake.lake)
        with lake_errors():
            asset = f"refined/{table.name}"
            override = override_of(config.engine, root_run(context), lake.lake, asset, keys)
            decision = planner.place(table, lake.lake.raw(table, keys), override)
            context.log.info(decision.reason)
            compute = compute_for(decision.engine, context, lake.lake, pyspark)
            done = lake.lake.refine(compute, table, keys)
            took = planner.learn(table, done, compute.figures) if compute.figures else None
        for each in (
            done if context.has_partition_key_range and not context.has_partition_key else []
        ):
            context.add_asset_metadata(refined_metadata(each), partition_key=each.raw.key)
        usual = usual_result(lake.lake, table, done)
        return dg.MaterializeResult(
            metadata={**_summary(lake.lake, table, done), **placement_metadata(decision, took)},
            check_results=[*audit_results(done), usual],
        )

    return refined


def _summary(lake: Lake, table: Table, done: Sequence[Refined]) -> dict[str, dg.MetadataValue]:
    """What every materialization of the run shows: the run's ledger and some of its rows."""
    sample = {"sample": sample_table(table.published.names, lake.sample(done, 5))}
    if len(done) == 1:
        return {**refined_metadata(done[0]), **sample}
    ledgers = ledger_markdown(each.report.ledger for each in done)
    return {"ledger_of_run": dg.MetadataValue.md(ledgers), **sample}
