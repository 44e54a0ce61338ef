"""Rolling published partitions back, from the UI's launchpad."""

import dagster as dg

from lake_assets.resources import LakeResource, lake_errors


class RollbackConfig(dg.Config):
    """Which partitions go back to what they showed before."""

    table: str
    partitions: list[str]


@dg.op
def roll_back(context: dg.OpExecutionContext, config: RollbackConfig, lake: LakeResource) -> None:
    """Point readers of some partitions at the attempt before the current one."""
    with lake_errors():
        pointers = lake.lake.catalog.rollback(config.table, config.partitions)
    for each in pointers:
        context.log_event(
            dg.AssetObservation(
                asset_key=["catalog", config.table],
                partition=each.partition,
                metadata={"rolled_back_to": each.attempt, "rows": each.rows},
            )
        )


@dg.job(description="Point readers of some partitions at the attempt before the current one.")
def rollback_job() -> None:
    """The one step, configured in the launchpad."""
    roll_back()
