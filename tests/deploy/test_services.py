"""The three services as the units start them, on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from resources.catalog.local import LocalCatalog
from tests.servers.graphql import ask
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres
from tests.servers.starting import end_group

pytestmark = pytest.mark.big

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 240.0
_LAUNCH = """
mutation ($job: String!, $config: RunConfigData!) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "lake_assets", repositoryName: "__repository__", jobName: $job
    },
    runConfigData: $config
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""


@dataclass(frozen=True)
class Deployment:
    """Running services, with a lake and an instance of their own."""

    url: str
    root: Path
    processes: Mapping[str, subprocess.Popen[bytes]]
    start: Callable[[str], AbstractContextManager[subprocess.Popen[bytes]]]

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The web server's answer to a question in GraphQL."""
        return ask(self.url, query, **variables)

    def launch(self, job: str, config: Mapping[str, object]) -> str:
        """Put a run into the queue; returns its id."""
        launched = self.ask(_LAUNCH, job=job, config=config)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run: str = launched["run"]["runId"]
        return run

    def status(self, run: str) -> str:
        query = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        status: str = self.ask(query, id=run)["runOrError"]["status"]
        return status


@pytest.fixture
def deployment(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """Started as systemd starts them, on free ports, and stopped as it stops them."""
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copyfile(ROOT / "deploy" / "dagster.yaml", home / "dagster.yaml")
    ports = {"4000": str(free_port()), "3000": str(free_port())}
    workspace = (ROOT / "deploy" / "workspace.yaml").read_text(encoding="utf-8")
    (home / "workspace.yaml").write_text(workspace.replace("4000", ports["4000"]))
    own = {
        **postgres.environment,
        "DAGSTER_HOME": str(home),
        "LAKE_ROOT": str(tmp_path / "lake"),
        "LAKE_CODE_HOST": "127.0.0.1",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        start = partial(_service, home=home, ports=ports)
        processes = {
            name: stack.enter_context(start(name)) for name in ("code", "webserver", "daemon")
        }
        deployed = Deployment(
            f"http://127.0.0.1:{ports['3000']}", tmp_path / "lake", processes, start
        )
        _wait(lambda: "__repository__" in _repositories(deployed), "the code location")
        yield deployed


def test_a_run_goes_through_the_queue_and_stays_in_postgresql(deployment: Deployment) -> None:
    config = {"ops": {"clean_up": {"config": {"dry_run": True}}}}

    run = deployment.launch("cleanup", config)

    _wait(lambda: deployment.status(run) in ("SUCCESS", "FAILURE"), "the run to end")
    with dg.DagsterInstance.get() as instance:
        found = instance.get_run_by_id(run)
        assert found is not None
        assert found.status is dg.DagsterRunStatus.SUCCESS
        events = [each.dagster_event_type for each in instance.all_logs(run) if each.dagster_event]
        assert dg.DagsterEventType.PIPELINE_ENQUEUED in events
        assert "PostgresRunStorage" in instance.info_str()


def test_the_daemons_that_the_configuration_asks_for_are_alive(deployment: Deployment) -> None:
    query = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } } }"

    def sick() -> list[str]:
        statuses = deployment.ask(query)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [each["daemonType"] for each in statuses if each["required"] and not each["healthy"]]

    _wait(lambda: sick() == [], "healthy daemons")


def test_a_run_that_is_cut_off_by_a_stop_is_started_again(deployment: Deployment) -> None:
    """A clean-up waits for the catalog while the service that runs it is stopped."""
    orphan = deployment.root / "refined/activity/attempt=by-hand/part-0.parquet"
    orphan.parent.mkdir(parents=True)
    orphan.touch()
    os.utime(orphan, (0, 0))
    with LocalCatalog(str(deployment.root)).holding():
        run = deployment.launch("cleanup", {})
        _wait(lambda: deployment.status(run) == "STARTED", "the run to start")
        end_group(deployment.processes["code"], signal.SIGTERM, 20)
    with deployment.start("code"):
        _wait(lambda: not orphan.exists(), "another run to clean up")
        assert deployment.status(run) == "FAILURE"


def _repositories(deployment: Deployment) -> str:
    query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
    try:
        return json.dumps(deployment.ask(query))
    except OSError:
        return ""


@contextmanager
def _service(name: str, home: Path, ports: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A unit's command, in a group of its own that ends with it."""
    unit = (ROOT / "deploy" / "systemd" / f"lake-{name}.service").read_text(encoding="utf-8")
    (start,) = [each for each in unit.splitlines() if each.startswith("ExecStart=")]
    command = start.removeprefix("ExecStart=")
    command = command.replace("/opt/lake-assets/deploy/workspace.yaml", f"{home}/workspace.yaml")
    command = command.replace("/opt/lake-assets", str(ROOT))
    folder = ROOT if "WorkingDirectory=/opt/lake-assets\n" in unit else home
    words = [ports.get(each, each) for each in shlex.split(command)]
    with (home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            end_group(process, signal.SIGTERM, 20)


def _wait(is_so: Callable[[], bool], what: str) -> None:
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > _PATIENCE_SECONDS:
            logs = sorted(Path(os.environ["DAGSTER_HOME"]).glob("*.log"))
            said = "\n".join(f"{each.name}: {each.read_text()[-9000:]}" for each in logs)
            raise AssertionError(f"waited {_PATIENCE_SECONDS:.0f} seconds for {what}\n{said}")
        time.sleep(0.5)
