"""Jobs elsewhere that nobody waits for: the job that ends them, and the sensor that asks for it.

What an orphan is, and how it is found, is in `resources/compute/orphans.py`; here is what Dagster
knows of it: whether a run still goes on.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import dagster as dg
from pydantic import Field

from lake_assets.metadata import markdown_table
from lake_assets.resources import LakeResource, lake_errors
from resources.compute.orphans import IsAlive, Orphan, end_orphans, find_orphans
from resources.compute.orphans_services import services_of
from resources.compute.prices import load_prices
from resources.settings import Settings

#: How long something may be idle, or belong to a run that is not known here.
PATIENCE_MINUTES = 120
#: A run that has ended may be retried, and finds its job again: until then it is not left behind.
_RETRY = timedelta(minutes=15)
_ROOT_RUN = "dagster/root_run_id"
_SENSOR_SECONDS = 15 * 60


class OrphansConfig(dg.Config):
    """What is an orphan, and whether anything is done."""

    patience_minutes: int = Field(
        default=PATIENCE_MINUTES, description="What is idle, or of an unknown run, for longer."
    )
    dry_run: bool = Field(default=False, description="Only say what would be ended.")


@dg.op
def end_what_is_left(
    context: dg.OpExecutionContext, config: OrphansConfig, lake: LakeResource
) -> None:
    """End what jobs left running, and say what it has cost."""
    with lake_errors():
        settings = lake.lake.settings
        found = orphans(settings, context.instance, timedelta(minutes=config.patience_minutes))
        if not config.dry_run:
            end_orphans(services_of(settings), found)
    context.add_output_metadata(
        {
            "dry_run": dg.MetadataValue.bool(config.dry_run),
            "orphans": dg.MetadataValue.int(len(found)),
            "cost_usd": dg.MetadataValue.float(float(known_cost(found))),
            "ended": markdown_table(list(SHOWN), [shown(each) for each in found]),
        }
    )


@dg.job(name="orphans", description="End clusters and job runs that nobody waits for any more.")
def orphans_job() -> None:
    """The one step, configured in the launchpad."""
    end_what_is_left()


@dg.sensor(
    name="orphans_sensor",
    job=orphans_job,
    description="Looks for clusters and job runs that nobody waits for, and has them ended.",
    minimum_interval_seconds=_SENSOR_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def orphans_sensor(
    context: dg.SensorEvaluationContext, lake: LakeResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run for each set of orphans: what it could not end is not asked for again and again."""
    patience = timedelta(minutes=PATIENCE_MINUTES)
    with lake_errors():
        found = orphans(lake.lake.settings, context.instance, patience)
    if found:
        yield dg.RunRequest(run_key=" ".join(sorted(each.running.id for each in found)))
    else:
        yield dg.SkipReason("Nothing runs that nobody waits for.")


def orphans(settings: Settings, instance: dg.DagsterInstance, patience: timedelta) -> list[Orphan]:
    """What is left running for the lake now, oldest first. Raises `EngineError`."""
    return find_orphans(
        services_of(settings),
        alive_in(instance, datetime.now(UTC)),
        load_prices(settings.placement.prices_file),
        datetime.now(UTC),
        patience,
    )


def alive_in(instance: dg.DagsterInstance, now: datetime) -> IsAlive:
    """Whether a run, or a retry of it, goes on or has ended just now; None for an unknown one."""

    def is_alive(run: str) -> bool | None:
        retries = dg.RunsFilter(tags={_ROOT_RUN: run})
        records = [
            *instance.get_run_records(dg.RunsFilter(run_ids=[run])),
            *instance.get_run_records(retries),
        ]
        if not records:
            return None
        return any(
            not each.dagster_run.is_finished or _ended(each) > now - _RETRY for each in records
        )

    return is_alive


def _ended(record: dg.RunRecord) -> datetime:
    if record.end_time is None:
        return record.update_timestamp.replace(tzinfo=UTC)
    return datetime.fromtimestamp(record.end_time, UTC)


#: What is shown of each orphan.
SHOWN = ("engine", "kind", "id", "state", "age", "run", "USD so far", "why")


def shown(each: Orphan) -> tuple[str, ...]:
    """A row of that."""
    found = each.running
    usd = "not known" if each.usd is None else f"{each.usd:.2f}"
    hours = f"{each.age.total_seconds() / 3600:.1f} h"
    return (
        found.engine, found.kind, found.id, found.state, hours, found.run or "shared", usd,
        each.reason,
    )  # fmt: skip


def known_cost(found: Sequence[Orphan]) -> Decimal:
    """What they have cost so far, of those of which it is known."""
    return sum((each.usd for each in found if each.usd is not None), Decimal(0))
