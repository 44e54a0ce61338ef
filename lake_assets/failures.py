"""Telling people of a run that failed and will not be tried again: what, where, why, and the link."""

from __future__ import annotations

import dagster as dg

from lake_assets.partitions import FIRST, LAST, ONE
from lake_assets.resources import LakeResource
from lake_assets.run_words import words_of
from resources.notifying import Message, notify
from resources.unattended_settings import UnattendedSettings, unattended_settings

_WILL_RETRY = "dagster/will_retry"


def failure_sensor(settings: UnattendedSettings) -> dg.SensorDefinition:
    """Runs from the start where somebody is to be told."""

    @dg.run_failure_sensor(
        name="tell_of_failures",
        description="Tells the addresses of LAKE_NOTIFY of runs that failed for good.",
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.notify
        else dg.DefaultSensorStatus.STOPPED,
        monitor_all_code_locations=False,
    )
    def tell_of_failures(
        context: dg.RunFailureSensorContext, lake: LakeResource
    ) -> dg.SkipReason | None:
        now = unattended_settings()
        if not now.notify:
            return dg.SkipReason("LAKE_NOTIFY names nobody")
        if context.dagster_run.tags.get(_WILL_RETRY) == "true":
            return dg.SkipReason("the run is tried again")
        notify(now.notify, message_of(context, now.ui_url), lake.lake.settings.aws)
        return None

    return tell_of_failures


def message_of(context: dg.RunFailureSensorContext, ui_url: str) -> Message:
    """What a person needs to decide what to do next."""
    run = context.dagster_run
    steps = context.get_step_failure_events()
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    what = ", ".join(_name(each) for each in steps) or ", ".join(assets) or run.job_name
    reasons = [f"**{_name(each)}:** {words_of(each)}" for each in steps]
    findings = _findings(context.instance, run)
    text = [
        f"**Partition:** {_partition(run)}",
        *(reasons or [context.failure_event.message or "The run ended without a word."]),
        *findings,
        f"[The run in the UI]({ui_url}/runs/{run.run_id})",
    ]
    return Message(f"Lake: {what} failed", "\n\n".join(text))


def _partition(run: dg.DagsterRun) -> str:
    if FIRST in run.tags:
        return f"{run.tags[FIRST]} to {run.tags[LAST]}"
    return run.tags.get(ONE, "none")


def _name(event: dg.DagsterEvent) -> str:
    """The asset of a step, or the step's own name."""
    return (event.step_key or "").replace("__", "/", 1)


def _findings(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """What checks found that held the run back."""
    found = []
    for record in instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        check = event.asset_check_evaluation_data
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
            said = check.metadata.get("findings")
            found.append(f"**{check.check_name}**\n{said.value if said else ''}")
    return found
