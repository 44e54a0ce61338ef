"""Runs whose process is gone and that nobody ended: killed together with the server that watched them.

Dagster's code server marks a run as failed when its process dies, but only while the server itself
lives. A run that both left would be under way for ever, and keep its place in the queue.
"""

from __future__ import annotations

import socket

import dagster as dg
import psutil

#: What a run started by `lake materialize` says of where it runs; see `HOST_TAG`.
HOST_TAG = "lake/host"
#: What Dagster's own launcher says of the code server that a run's process belongs to.
_SERVER_TAG = ".dagster/grpc_info"


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
        return dg.SkipReason(
            f"ended as lost: {', '.join(ended)}" if ended else "every run under way has a process"
        )

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
