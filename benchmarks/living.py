"""A lake of its own under `dagster dev`, as a person would start it, for what is measured from outside.

Here live the project that is started, its processes, what arrives, and what readers see of it. What
is measured or broken belongs to whoever uses it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil

from resources.catalog.opening import open_catalog
from resources.catalog.query import run_sql
from resources.settings import Settings, load_settings
from resources.storage import open_storage

_PROJECT = Path(__file__).resolve().parents[1]
_DECLARATION = """\
type: lake_assets.LakeTable

attributes:
  table: beats
  raw:
    source: beats
    columns:
      - {{name: beat, type: bigint, nullable: false}}
      - {{name: sent, type: timestamp}}
  deduplicate: [beat]
  partitions: {{by: hour, start: "{start:%Y-%m-%dT%H:00}"}}
  automation: {{enabled: true, early: true, every_seconds: 5, references_cron: null}}
"""
_DEFINITIONS = """\
from pathlib import Path

import dagster as dg

from lake_assets.definitions import definitions_in


@dg.definitions
def defs() -> dg.Definitions:
    return definitions_in(Path(__file__).parent)
"""
_PYPROJECT = '[tool.dg]\ndirectory_type = "project"\n\n[tool.dg.project]\nroot_module = "living"\n'
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass
class Living:
    """A project with the table `beats` below `root`; beats are documents with a number each."""

    root: Path
    sent: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        package = self.root / "project" / "living"
        (package / "defs" / "beats").mkdir(parents=True)
        start = datetime.now(UTC) - timedelta(hours=3)
        (package / "defs" / "beats" / "defs.yaml").write_text(_DECLARATION.format(start=start))
        (package / "definitions.py").write_text(_DEFINITIONS)
        (package / "__init__.py").touch()
        (self.root / "project" / "pyproject.toml").write_text(_PYPROJECT)
        self.home = self.root / "dagster"
        self.home.mkdir()
        settings = (_PROJECT / "scripts" / "dagster.yaml").read_text(encoding="utf-8")
        (self.home / "dagster.yaml").write_text(settings)

    @property
    def environment(self) -> dict[str, str]:
        """What `dagster dev` is started with."""
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.home),
            "LAKE_ROOT": str(self.root / "lake"),
            "LAKE_SPARK_MEMORY": "1g",
            "PYTHONPATH": os.pathsep.join([str(self.root / "project"), str(_PROJECT)]),
            "PYTHONWARNINGS": "ignore",
        }

    @property
    def settings(self) -> Settings:
        return load_settings({"LAKE_ROOT": str(self.root / "lake")})

    def start(self) -> subprocess.Popen[bytes]:
        """`dagster dev`, in a session of its own so that all of it can be ended."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", port]
        with (self.root / "dagster-dev.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "-m", "living.definitions"],
                cwd=self.root / "project",
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's own record of what happens."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def send(self, hour: datetime, *, count: int = 20) -> None:
        """Deliver one object of new beats, under a name that appears with its whole content."""
        first, now = len(self.sent), datetime.now(UTC)
        folder = self.root / "lake" / "raw" / "beats" / f"{hour:%Y/%m/%d/%H}"
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"_{first}"
        beats = [{"beat": first + n, "sent": now.isoformat()} for n in range(count)]
        draft.write_text("".join(json.dumps(each) for each in beats), encoding="utf-8")
        draft.rename(folder / f"beats-{first:08}.json")
        self.sent.update((each, f"{hour:%Y-%m-%d-%H}") for each in range(first, first + count))

    def published(self) -> list[tuple[int, str]]:
        """Each beat that readers see, with its partition."""
        settings = self.settings
        storage = open_storage(settings.root)
        catalog = open_catalog(settings, storage)
        if not catalog.tables():
            return []
        rows = run_sql(catalog, storage, "SELECT beat, dt || '-' || hour AS key FROM beats")
        return [(row["beat"], row["key"]) for row in rows.to_pylist()]

    def unfinished(self) -> list[str]:
        """Runs that are queued or under way."""
        with self.instance() as instance:
            runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
        return [f"{run.run_id} ({run.status.value})" for run in runs]

    def is_whole(self) -> bool:
        """Whether readers see every beat once, in its partition."""
        found = self.published()
        return len(found) == len(self.sent) and dict(found) == self.sent

    def wait_until_whole(self, seconds: float) -> bool:
        """Wait for that, at most so long."""
        return _wait(self.is_whole, seconds)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no run is queued or under way, at most so long."""
        return _wait(lambda: not self.unfinished(), seconds)


def _wait(is_so: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.5)
    return is_so()


def session_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Every process of a session, whoever its parent is now."""
    found = []
    for each in psutil.process_iter():
        try:
            if os.getsid(each.pid) == process.pid and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def stop(process: subprocess.Popen[bytes], seconds: float = 30) -> list[psutil.Process]:
    """End `dagster dev` as a person would; what stays after that is killed, and returned."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    until = time.monotonic() + seconds
    while (left := session_of(process)) and time.monotonic() < until:
        time.sleep(0.5)
    for each in left:
        each.kill()
    return left
