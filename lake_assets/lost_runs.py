"""Runs that a stop of the code server loses, in either of two ways.

Dagster's code server marks a run as failed when its process dies, but only while the server itself
lives. A run that both left would be under way for ever, and keep its place in the queue.

A run that says itself that it was cut off is tried again by the daemon within seconds, once. If the
code server is not back by then, the daemon says "Failed to retry run" and leaves it at that.
"""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil

#: What a run started by `lake materialize` says of where it runs; see `HOST_TAG`.
HOST_TAG = "lake/host"
#: What Dagster's own launcher says of the code server that a run's process belongs to.
_SERVER_TAG = ".dagster/grpc_info"
#: What Dagster's daemon says of a run that it could not try again, by tag and by event.
_NOT_RETRIED = {"dagster/will_retry": "false"}
_COULD_NOT_RETRY = "Failed to retry run"
#: How long ago that may have been.
_RETRY_WITHIN = timedelta(hours=1)


def this_host() -> dict[str, str]:
    """The tag by which a run started here is known as one of this machine."""
    return {HOST_TAG: socket.gethostname()}


def lost_runs_sensor() -> dg.SensorDefinition:
    """Runs from the start: it changes nothing but what would stay wrong."""

    @dg.sensor(
        name="end_lost_runs",
        description="Marks runs as failed whose process is gone, so that they are tried again.",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def end_lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = end_lost(context.instance)
        again = retry_again(context.instance)
        said = [f"ended as lost: {', '.join(ended)}"] * bool(ended)
        said += [f"to be tried again after all: {', '.join(again)}"] * bool(again)
        return dg.SkipReason("; ".join(said) or "every run under way has a process")

    return end_lost_runs


def end_lost(instance: dg.DagsterInstance) -> list[str]:
    """End the lost runs of this machine; returns their ids."""
    under_way = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    ended = []
    for record in instance.get_run_records(under_way):
        run = record.dagster_run
        if not _is_of_this_host(instance, run):
            continue
        pid = _pid(instance, run.run_id)
        if pid is not None and record.start_time and not _is_alive(pid, record.start_time):
            instance.report_run_failed(
                run, f"Its process (pid {pid}) is gone, and with it whoever would have said so."
            )
            ended.append(run.run_id)
    return ended


def retry_again(instance: dg.DagsterInstance) -> list[str]:
    """Have the daemon retry what it could not while the code server was away; returns the runs' ids.

    A failure that is reported once more is judged once more, by the retries that are left.
    """
    recent = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags=_NOT_RETRIED,
        updated_after=datetime.now(UTC) - _RETRY_WITHIN,
    )
    found = [each for each in instance.get_runs(recent) if _could_not_retry(instance, each.run_id)]
    for run in found:
        instance.report_run_failed(run, "The code server was away when the run was to be retried.")
    return [each.run_id for each in found]


def _could_not_retry(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the daemon tried, and has not been told of the failure again since."""
    is_so = False
    for entry in instance.all_logs(
        run_id, of_type={dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_FAILURE}
    ):
        event = entry.dagster_event
        is_so = event is not None and (
            event.message == _COULD_NOT_RETRY
            or (is_so and event.event_type is dg.DagsterEventType.ENGINE_EVENT)
        )
    return is_so


def _is_of_this_host(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a process id of the run is one of this machine, or container.

    Sensors run where the code server does, and so do the runs of Dagster's default launcher.
    """
    if HOST_TAG in run.tags:
        return run.tags[HOST_TAG] == socket.gethostname()
    return _SERVER_TAG in run.tags and isinstance(instance.run_launcher, dg.DefaultRunLauncher)


def _pid(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that the run said last it is in."""
    found = None
    for record in instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ENGINE_EVENT
    ).records:
        event = record.event_log_entry.dagster_event
        said = event.engine_event_data.metadata.get("pid") if event else None
        if said is not None:
            found = int(str(said.value))
    return found


def _is_alive(pid: int, started: float) -> bool:
    """Whether the process is there, and was there when the run started."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= started + 1
    except psutil.NoSuchProcess:
        return False
