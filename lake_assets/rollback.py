"""Rolling published partitions back from the UI's launchpad, and showing there what was."""

from collections.abc import Iterable

import dagster as dg
from pydantic import Field

from lake_assets.home import dagster_home
from lake_assets.resources import LakeResource, lake_errors
from resources.catalog.base import Pointer
from resources.errors import SettingsError
from resources.settings import Settings


class RollbackConfig(dg.Config):
    """Which partitions go back to what they showed before."""

    table: str = Field(default="", description="A published table.")
    partitions: list[str] = Field(default=[], description="Partitions, as 2026-11-01-05.")


@dg.op
def roll_back(context: dg.OpExecutionContext, config: RollbackConfig, lake: LakeResource) -> None:
    """Point readers of some partitions at the attempt before the current one."""
    with lake_errors():
        if not config.partitions:
            raise SettingsError(
                "expected `table` and `partitions` in the launchpad, found no partition; nothing "
                "was rolled back"
            )
        pointers = lake.lake.catalog.rollback(config.table, config.partitions)
    for each in pointers:
        context.log_event(_observation(config.table, each))


@dg.job(
    name="rollback",
    description="Point readers of some partitions at the attempt before the current one.",
    # What the launchpad shows to be filled in.
    config=dg.RunConfig(ops={"roll_back": RollbackConfig()}),
)
def rollback_job() -> None:
    """The one step, configured in the launchpad."""
    roll_back()


def show_in_ui(settings: Settings, table: str, pointers: Iterable[Pointer]) -> None:
    """Leave an observation of each partition that was rolled back outside of Dagster."""
    dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        for each in pointers:
            instance.report_runless_asset_event(_observation(table, each))


def _observation(table: str, pointer: Pointer) -> dg.AssetObservation:
    return dg.AssetObservation(
        asset_key=["catalog", table],
        partition=pointer.partition,
        metadata={"rolled_back_to": pointer.attempt, "rows": pointer.rows},
    )
