"""A run killed the hard way at each stage of its job, or ended by a signal, and tried again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spark.job_spec import JobSpec
from tests.resources.compute.conftest import Emr
from tests.resources.compute.jobs import refine_of, well
from tests.servers.emr_steps import Telling
from tests.waiting import SECONDS, wait_for

PROJECT = Path(__file__).parents[3]


def start(emr: Emr, attempt: str) -> subprocess.Popen[str]:
    """A process of the same run, whatever attempt it would begin."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.resources.compute.refining", emr.storage.root,
         emr.aws.endpoints["s3"], emr.aws.endpoints["emr"], attempt],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.mark.parametrize("stage", ["creating", "pending", "running", "succeeded"])
def test_a_run_killed_at_any_stage_and_tried_again_is_one_job(emr: Emr, stage: str) -> None:
    go = threading.Event()
    server = emr.server

    def program(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        if stage == "running":
            go.wait(SECONDS)
        return well(job, tell, killed)

    emr.program = program
    if stage == "pending":
        server.hold.set()
    first = start(emr, "a-1")
    if stage == "creating":
        server.after = lambda action: first.kill() if action == "RunJobFlow" else None
    elif stage == "succeeded":
        # What it was told it never reads: it is dead before the answer.
        server.after = lambda action: (
            first.kill()
            if action == "DescribeStep" and server.steps[0].state == "COMPLETED"
            else None
        )
    else:
        wanted = {"pending": "PENDING", "running": "RUNNING"}[stage]
        wait_for(lambda: [each.state for each in server.steps] == [wanted])
        first.kill()
    first.communicate(timeout=SECONDS)
    server.after = lambda _: None
    server.hold.clear()
    go.set()

    out, err = start(emr, "a-2").communicate(timeout=SECONDS)

    assert first.returncode == -signal.SIGKILL
    assert out == "a-1\n", err
    assert [each.state for each in server.steps] == ["COMPLETED"]


def test_the_record_of_a_job_is_there_before_the_service_is_asked(emr: Emr) -> None:
    seen: list[list[str]] = []

    def look(action: str, _: object) -> None:
        if action == "RunJobFlow":
            seen.append([info.key.rpartition("/")[2] for info in emr.storage.list("_jobs/")])

    emr.server.fault = look

    emr.compute().refine(refine_of())

    assert len(seen) == 1
    assert "record.json" in seen[0]
    assert any(name.startswith("spec-") for name in seen[0])


def test_an_interrupt_by_a_signal_ends_the_job(emr: Emr) -> None:
    def program(_: JobSpec, tell: Telling, killed: threading.Event) -> int:
        tell.log("started")
        killed.wait(SECONDS)
        return 0

    emr.program = program
    first = start(emr, "a-1")
    wait_for(lambda: [each.state for each in emr.server.steps] == ["RUNNING"])

    first.send_signal(signal.SIGINT)
    first.communicate(timeout=SECONDS)

    assert [each.state for each in emr.server.steps] == ["CANCELLED"]
    assert not any(each.is_alive for each in emr.server.clusters.values())
