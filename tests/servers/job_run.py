"""A run of a service that runs Spark jobs: a process, or for quick tests a list of states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.servers.spark_submit import SparkSubmit


@dataclass
class Run:
    """One run as its service sees it. `request` is what was asked for, `token` by what."""

    id: str
    request: dict[str, Any]
    created: datetime
    state: str
    detail: str = ""
    token: str = ""
    process: SparkSubmit | None = None
    script: list[str] = field(default_factory=list)
    started: datetime | None = None
    ended: datetime | None = None

    def seconds(self, now: datetime) -> float:
        """How long it has been running."""
        if self.started is None:
            return 0.0
        return ((self.ended or now) - self.started).total_seconds()


class Runs:
    """What runs are made of: real processes by `start`, or the states of `script` if there are any."""

    def __init__(self, start: Callable[[Run], SparkSubmit]) -> None:
        self.all: list[Run] = []
        self.held = False
        self._start = start
        self._scripts: list[list[str]] = []

    def script(self, *states: str) -> None:
        """The next run is no process: each look at it finds the next of these states."""
        self._scripts.append(list(states))

    def add(self, run: Run) -> None:
        """Take a new run; it does not start before the first look at it."""
        if self._scripts:
            run.script = self._scripts.pop(0)
        self.all.append(run)

    def begin(self, run: Run, now: datetime) -> None:
        """Start its process."""
        run.process = self._start(run)
        run.started = now

    def stop(self) -> None:
        """End every process."""
        for run in self.all:
            if run.process is not None:
                run.process.kill()

    def found(self, number: str) -> Run | None:
        """The run of that id."""
        return next((run for run in self.all if run.id == number), None)
