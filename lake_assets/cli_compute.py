"""Commands about where runs go and what they leave running: plan, orphans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from lake_assets.cli_app import Everything, OnePartition, PartitionRange, TableName, command
from lake_assets.cli_print import count, print_table, say, size
from resources.compute.estimate import Estimate
from resources.compute.orphans import end_orphans
from resources.compute.orphans_services import services_of
from resources.settings import load_settings

if TYPE_CHECKING:
    from lake_assets.plan import PlannedRun

#: Runs whose reasons and alternatives are written out below the table.
_EXPLAINED = 5


@command
def plan(
    table: TableName,
    partition: OnePartition = None,
    partitions: PartitionRange = None,
    everything: Everything = False,  # noqa: FBT002
) -> None:
    """Show what a materialization would run, where, how long and for how much; runs nothing."""
    from lake_assets.materialize import Wanted  # noqa: PLC0415 imports Dagster
    from lake_assets.plan import plan_table  # noqa: PLC0415 imports Dagster

    runs = plan_table(table, Wanted.of(partition, partitions, everything=everything))
    if not runs:
        say(f"Nothing to do: every partition of {table} is made from what is there now.")
        return
    _print_runs(runs)
    for each in runs[:_EXPLAINED]:
        _explain(each)
    if len(runs) > _EXPLAINED:
        say(f"and {len(runs) - _EXPLAINED:,} more runs")
    _print_total(runs)


@command
def orphans(
    end: Annotated[  # noqa: FBT002
        bool, typer.Option("--end/--dry-run", help="End them, or only list them.")
    ] = False,
    patience_minutes: Annotated[
        int, typer.Option(min=1, help="What is idle, or of an unknown run, for longer.")
    ] = 120,
) -> None:
    """List clusters, applications and job runs of this lake that nobody waits for, with their cost."""
    import dagster as dg  # noqa: PLC0415 takes seconds

    from lake_assets import orphans as left  # noqa: PLC0415 imports Dagster
    from lake_assets.home import dagster_home  # noqa: PLC0415 imports Dagster

    settings = load_settings()
    services = services_of(settings)
    if not services:
        say("No engine but this machine is configured: nothing can be left running elsewhere.")
        return
    dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        found = left.orphans(settings, instance, timedelta(minutes=patience_minutes))
    if not found:
        say("Nothing runs that nobody waits for.")
        return
    print_table(left.SHOWN, [left.shown(each) for each in found], right=["age", "USD so far"])
    say(f"{len(found):,} in all, {left.known_cost(found):.2f} USD so far.")
    if end:
        end_orphans(services, found)
        say("They were told to end.")
    else:
        say("Nothing was ended: add --end.")


def _print_runs(runs: Sequence[PlannedRun]) -> None:
    print_table(
        ["partitions", "number", "objects", "input", "engine", "time", "USD"],
        [
            (
                each.partitions,
                count(len(each.raw)),
                count(each.objects),
                size(each.bytes),
                *_chosen(each.decision.chosen if each.decision else None),
            )
            for each in runs
        ],
        right=["number", "objects", "input", "time", "USD"],
    )


def _explain(run: PlannedRun) -> None:
    if run.decision is None:
        say(f"{run.partitions}: refused: {run.refusal}")
        return
    say(f"{run.partitions}: {run.decision.reason} (from {run.decision.chosen.basis})")
    for each in run.decision.alternatives:
        _, seconds, usd = _chosen(each)
        why = each.objection or "would do"
        say(f"  {each.engine}: {seconds}, {usd} USD (from {each.basis}); {why}", style="dim")


def _print_total(runs: Sequence[PlannedRun]) -> None:
    chosen = [each.decision.chosen for each in runs if each.decision is not None]
    known = [each.usd for each in chosen if each.usd is not None]
    seconds = sum(each.seconds for each in chosen)
    usd = _usd(sum(known, Decimal(0)))
    say(f"In all {len(runs):,} run(s), one after the other {_duration(seconds)}, {usd} USD.")


def _chosen(estimate: Estimate | None) -> tuple[str, str, str]:
    if estimate is None:
        return "refused", "", ""
    usd = "not known" if estimate.usd is None else _usd(estimate.usd)
    return estimate.engine, _duration(estimate.seconds), usd


def _usd(amount: Decimal) -> str:
    return f"{amount:.4f}" if amount < 1 else f"{amount:,.2f}"


def _duration(seconds: float) -> str:
    """As a person says it of an estimate: to the second below a few minutes."""
    return f"{seconds:.0f} s" if seconds < 180 else f"{seconds / 60:.1f} min"
