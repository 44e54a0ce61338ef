"""A run's progress on the terminal, and its noise in a file.

Steps are seen by a logger of Dagster's. What Spark, Dagster and the JVM write to standard error is
for whoever looks for a fault, and goes to a log.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lake_assets.cli_print import console, say
from lake_assets.run_words import words_of

_STARTED = dg.DagsterEventType.STEP_START
_ENDED = (dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE)


@dataclass
class Steps:
    """The steps of one run: which is running, and what those said that failed."""

    progress: Progress | None = None
    started: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def see(self, event: dg.DagsterEvent) -> None:
        """Show an event of the run, if it is one that a person waits for."""
        name = (event.step_key or "").replace("__", "/", 1)
        if event.event_type is _STARTED:
            self.started[name] = time.monotonic()
            if self.progress is not None:
                self.progress.add_task(name)
        elif event.event_type in _ENDED:
            if self.progress is not None:
                for task in list(self.progress.task_ids):
                    self.progress.remove_task(task)
            seconds = time.monotonic() - self.started.get(name, time.monotonic())
            mark = "✓" if event.event_type is dg.DagsterEventType.STEP_SUCCESS else "✗"
            self._print(f"  {mark} {name:<32} {seconds:6.1f} s")
            if event.event_type is dg.DagsterEventType.STEP_FAILURE:
                self.failures.append(f"{name}: {words_of(event)}")

    def _print(self, line: str) -> None:
        if self.progress is not None:
            self.progress.console.print(line)
        else:
            say(line)


class _Handler(logging.Handler):
    """Hands a run's events to the steps that are being shown."""

    steps: Steps | None = None

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", None)
        event = meta.get("dagster_event") if isinstance(meta, dict) else None
        if isinstance(event, dg.DagsterEvent) and self.steps is not None:
            self.steps.see(event)


_handler = _Handler()


def _logger(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.getLogger("lake_assets.progress.steps")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    if _handler not in logger.handlers:
        logger.addHandler(_handler)
    return logger


#: For the code location that a terminal watches, with the run's configuration that turns it on.
LOGGERS = {"progress": dg.LoggerDefinition(_logger)}
RUN_CONFIG: dict[str, object] = {"loggers": {"progress": {}}}


@contextmanager
def showing(steps: Steps) -> Iterator[None]:
    """Show the steps of the run inside: with a moving line on a terminal, line by line elsewhere."""
    _handler.steps = steps
    try:
        if not sys.stdout.isatty():
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console(), transient=True) as steps.progress:
            yield
    finally:
        steps.progress = None
        _handler.steps = None


@contextmanager
def noise_in(log: Path) -> Iterator[None]:
    """Send standard error, of this process and of those it starts, to the end of a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
