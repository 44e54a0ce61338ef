"""Processes that are killed, readers that look on, and what must hold of both.

What is killed, and where, is the scripts' matter; no test lives here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from tests.end_to_end.plays import HOURS, Seen, is_whole

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


class Killed(TypedDict):
    """A run that was killed, and what there was to see then and after its rerun."""

    moment: int
    effect: str
    code: int
    version: str
    after_kill: dict[str, list[int | str]]
    rerun_code: int
    after_rerun: dict[str, list[int | str]]


def start(
    script: str, *arguments: object, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """A process in a group of its own, so that it can be killed with all that it started."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / script), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(variables or {}), "PYTHONPATH": str(ROOT), "DAGSTER_HOME": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started, without a chance to tidy up."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


@dataclass
class Seeing:
    """What a reader saw of a lake while it was running."""

    queries: int = 0
    states: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@contextmanager
def reader(root: Path, variables: Mapping[str, str] | None = None) -> Iterator[Seeing]:
    """A process that queries the table all the while; what it saw is there afterwards."""
    seeing = Seeing()
    process = start("reading.py", root, variables=variables)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        yield seeing
        report, _ = process.communicate()
    except BaseException:
        kill(process)
        raise
    told = json.loads(report)
    seeing.queries, seeing.errors = told["queries"], told["errors"]
    seeing.states = {key: [(n, text) for n, text in each] for key, each in told["states"].items()}


def require_only_wholes(seeing: Seeing, wholes: dict[str, Seen]) -> None:
    """Nothing but complete versions was ever seen, and that often enough to mean something."""
    assert seeing.errors == []
    assert seeing.queries >= 20
    assert sorted(seeing.states) == list(HOURS)
    for key, states in seeing.states.items():
        assert {*states} <= {whole[key] for whole in wholes.values()}


def to_seen(told: dict[str, list[int | str]]) -> Seen:
    return {key: (int(rows), str(checksum)) for key, (rows, checksum) in told.items()}


def interrupted(
    root: Path,
    mode: str,
    script: str = "crashing.py",
    variables: Mapping[str, str] | None = None,
) -> list[Killed]:
    """Every run that was killed before another of its effects, and how it was mended."""
    process = start(script, root, mode, variables=variables)
    report, _ = process.communicate()
    assert process.returncode == 0
    *killed, last = [json.loads(line) for line in report.splitlines()]
    assert last["code"] == 0
    assert {each["code"] for each in killed} == {-signal.SIGKILL}
    return killed


def require_mended(killed: list[Killed], wholes: dict[str, Seen]) -> None:
    """Every rerun gave what an undisturbed run gives, and nothing partial was left before it."""
    for each in killed:
        where = f"before {each['effect']} (the {each['moment']}th)"
        assert is_whole(to_seen(each["after_kill"]), wholes), where
        assert each["rerun_code"] == 0, where
        rerun = to_seen(each["after_rerun"])
        assert rerun == wholes[each["version"]], where


def places(killed: list[Killed]) -> set[str]:
    return {each["effect"].partition(" in ")[2] for each in killed}


def await_session(process: subprocess.Popen[str]) -> None:
    """Wait until a run's Spark session is up; the run then waits for a line of input."""
    assert process.stdout is not None
    assert process.stdout.readline() == "session\n"


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
