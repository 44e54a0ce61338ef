"""`refined/<table>`: raw joined to references and cleaned, as an attempt with its audit."""

from collections.abc import Sequence

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from lake_assets.checks import audit_results, audit_specs, usual_result, usual_spec
from lake_assets.compute import EngineConfig, compute_for, override_of, root_run
from lake_assets.conditions import refine_condition
from lake_assets.declaration import TableModel
from lake_assets.metadata import (
    Metadata,
    column_lineage,
    column_schema,
    ledger_markdown,
    refined_figures,
    refined_metadata,
    sample_table,
)
from lake_assets.partitions import backfill_policy, partitions_def, requested_keys
from lake_assets.placement_metadata import placement_metadata
from lake_assets.resources import LakeResource, lake_errors
from lake_assets.results import metadata_of
from resources.compute.planning import Planner
from resources.lake import Refined
from resources.table import Table


def refined_asset(table: Table, model: TableModel) -> dg.AssetsDefinition:
    """The asset that writes attempts; its blocking checks are the audit."""
    key = dg.AssetKey(["refined", table.name])

    @dg.asset(
        key=key,
        deps=[["raw", table.name], *[["reference", join.reference.name] for join in table.joins]],
        description=(
            f"{table.description} Raw objects joined to references and cleaned: an attempt, audited "
            "and not yet published."
        ).strip(),
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
        of_run = {
            **_ledger_of_run(done),
            **placement_metadata(decision, took),
            "sample": sample_table(table.published.names, lake.lake.sample(done, 5)),
        }
        found = {
            each.raw.key: {**refined_metadata(each), **of_run, **refined_figures(each)}
            for each in done
        }
        return dg.MaterializeResult(
            metadata=metadata_of(context, found),
            check_results=[*audit_results(done), usual_result(lake.lake, table, done)],
        )

    return refined


def _ledger_of_run(done: Sequence[Refined]) -> Metadata:
    if len(done) == 1:
        return {}
    ledgers = ledger_markdown(each.report.ledger for each in done)
    return {"ledger_of_run": dg.MetadataValue.md(ledgers)}
