"""A run whose process was killed is ended; one that lives, or is elsewhere, is left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from lake_assets.lost_runs import HOST_TAG, end_lost, retry_again, this_host

_WAITING = """
import json, sys, time
import dagster as dg

@dg.op
def wait():
    print("started", flush=True)
    time.sleep(600)

@dg.job
def waiting():
    wait()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    waiting.execute_in_process(instance=instance, tags=json.loads(sys.argv[2]))
"""
Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as found:
        yield found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a run, with the tags given as JSON, that waits in a process of its own."""
    with ExitStack() as processes:

        def started(tags: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-W", "ignore", "-c", _WAITING, str(tmp_path), tags]
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            return process

        yield started


def test_only_a_run_of_this_machine_without_its_process_is_ended(
    instance: dg.DagsterInstance, start: Start
) -> None:
    ours = f'{{"{HOST_TAG}": "{this_host()[HOST_TAG]}"}}'
    living, killed = start(ours), start(ours)
    elsewhere, unknown = start(f'{{"{HOST_TAG}": "another"}}'), start("{}")
    for each in (killed, elsewhere, unknown):
        each.kill()
        each.wait()

    ended = end_lost(instance)

    assert living.poll() is None
    assert len(ended) == 1
    run = instance.get_run_by_id(ended[0])
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    under_way = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    assert len(under_way) == 3
    assert end_lost(instance) == []


@dg.op
def fail() -> None:
    raise RuntimeError("as it should")


@dg.job
def failing() -> None:
    fail()


def test_a_retry_that_the_daemon_could_not_make_is_asked_for_once_more(
    instance: dg.DagsterInstance,
) -> None:
    """The words and the tag are those of `consume_new_runs_for_automatic_reexecution`."""
    other, cut_off = (
        failing.execute_in_process(instance=instance, raise_on_error=False).dagster_run
        for _ in range(2)
    )
    for run in (other, cut_off):
        instance.add_run_tags(run.run_id, {"dagster/will_retry": "false"})
    instance.report_engine_event("Failed to retry run", cut_off)
    instance.report_engine_event("Something else happened", cut_off)

    assert retry_again(instance) == [cut_off.run_id]

    failures = instance.get_records_for_run(
        cut_off.run_id, of_type=dg.DagsterEventType.RUN_FAILURE
    ).records
    assert len(failures) == 2
    assert retry_again(instance) == []
