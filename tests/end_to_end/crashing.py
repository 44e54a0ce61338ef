"""A process that runs the steps of a table in children, and kills each before another effect.

`python crashing.py ROOT MODE` prints a line of JSON for each child. The engine is one without Spark,
so that the audit, the verdicts, the table, the pointers and the reading back can be interrupted at
*every* call that changes something on disk. This process itself must never have a second thread: it
forks.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BufferedWriter, FileIO
from pathlib import Path
from types import BuiltinMethodType, FrameType

from spark.refining import RefineReport
from spark.spec import RefineSpec
from tests.end_to_end.plays import HOURS, VERSIONS, plays, seen, with_titles
from tests.workshop import PyArrowCompute, Row, Workshop

_POSIX = {"link", "replace", "rename", "mkdir", "unlink", "rmdir", "fsync"}
Tell = Callable[[str], None]
_SQLITE = {"execute", "executescript", "commit", "rollback", "close"}


def effect_of(function: BuiltinMethodType) -> str | None:
    """The name of a call that changes what a crash would leave behind, or None."""
    owner, name = getattr(function, "__self__", None), function.__name__
    if function.__module__ == "posix" and name in _POSIX:
        return f"os.{name}"
    if isinstance(owner, sqlite3.Connection) and name in _SQLITE:
        return f"Connection.{name}"
    if isinstance(owner, (BufferedWriter, FileIO)) and name in {"write", "flush"}:
        return f"file.{name}"
    return None


@contextmanager
def killed_before(moment: int, tell: Tell) -> Iterator[None]:
    """Kill this process the hard way right before its n-th effect."""
    count = 0

    def watch(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        if event != "c_call" or not (effect := effect_of(argument)):  # type: ignore[arg-type]
            return
        count += 1
        if count == moment:
            sys.setprofile(None)
            tell(f"{effect} in {project_frame(frame)}")
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def project_frame(frame: FrameType | None) -> str:
    while frame is not None and "/resources/" not in frame.f_code.co_filename:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}" if frame else "?"


def in_child(action: Callable[[Tell], None]) -> tuple[int, str]:
    """Run an action in a process of its own; its exit code and what it told last."""
    listening, telling = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            action(lambda text: _tell(telling, text))
        except BaseException:  # noqa: BLE001 - whatever it was, the child ends here
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(telling)
    with os.fdopen(listening, encoding="utf-8") as pipe:
        told = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def _tell(pipe: int, text: str) -> None:
    os.write(pipe, text.encode())


class Undisturbed(PyArrowCompute):
    """An engine that is not interrupted itself: what Spark leaves behind is another test's."""

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Refine without being watched."""
        watching = sys.getprofile()
        sys.setprofile(None)
        try:
            return super().refine(spec)
        finally:
            sys.setprofile(watching)


@dataclass(frozen=True)
class World:
    """Where a lake is: the engine that writes there, and how a run is killed before an effect."""

    engine: Callable[[Workshop, dict[str, list[Row]]], PyArrowCompute]
    killed_before: Callable[[int, Tell], AbstractContextManager[None]]


FOLDER = World(lambda _, rows: Undisturbed(rows, rows_per_file=150), killed_before)


def run(workshop: Workshop, version: str, world: World) -> None:
    """Refine and publish all hours of a version."""
    rows = {hour: with_titles(plays(version, hour)) for hour in HOURS}
    workshop.lake.refine(world.engine(workshop, rows), workshop.table, HOURS)
    workshop.lake.publish(workshop.table, HOURS)


def run_killed(workshop: Workshop, version: str, moment: int, world: World) -> tuple[int, str]:
    """Run and be killed at a moment, if there are that many."""

    def action(tell: Tell) -> None:
        with world.killed_before(moment, tell):
            run(workshop, version, world)

    return in_child(action)


def look(workshop: Workshop) -> object:
    """What readers see."""
    code, told = in_child(lambda tell: tell(json.dumps(seen(workshop.lake))))
    return json.loads(told) if code == 0 else f"a reader failed with {code}"


def interrupt(make: Callable[[int], Workshop], stride: int, world: World) -> None:
    """Kill a run before its first effect, then before a later one, until one is not killed."""
    code = -signal.SIGKILL
    for number, moment in enumerate(itertools.count(1, stride)):
        if code != -signal.SIGKILL:
            return
        workshop, version = make(moment), VERSIONS[number % 2]
        code, effect = run_killed(workshop, version, moment, world)
        after_kill = look(workshop)
        again, _ = in_child(lambda _, w=workshop, v=version: run(w, v, world))  # type: ignore[misc]
        outcome = {
            "moment": moment,
            "effect": effect,
            "code": code,
            "version": version,
            "after_kill": after_kill,
            "rerun_code": again,
            "after_rerun": look(workshop),
        }
        print(json.dumps(outcome), flush=True)


def race(workshop: Workshop, rounds: int) -> None:
    """Run both versions at the same time, again and again."""
    for _ in range(rounds):
        children = []
        for version in VERSIONS:
            child = os.fork()
            if child == 0:
                try:
                    run(workshop, version, FOLDER)
                except BaseException:  # noqa: BLE001 - whatever it was, the child ends here
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps({"codes": codes, "after": look(workshop)}), flush=True)


def main(root: Path, mode: str) -> None:
    """`first`: each run is the first of its lake; `again`: each replaces what is published."""
    if mode == "first":

        def make(moment: int) -> Workshop:
            workshop = Workshop(root / str(moment))
            in_child(lambda _: workshop.have_songs())
            return workshop

        interrupt(make, 3, FOLDER)
        return
    workshop = Workshop(root)
    in_child(lambda _: workshop.have_songs())
    if mode == "race":
        race(workshop, rounds=12)
    else:
        interrupt(lambda _: workshop, 1, FOLDER)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
