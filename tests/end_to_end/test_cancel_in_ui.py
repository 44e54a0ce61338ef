"""A run whose launchpad says EMR, terminated as the UI's button does it, at each stage of its job."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lake_assets.declared import declared_table
from resources.aws import AwsSettings, aws_client
from resources.lake import Lake
from resources.settings import load_settings
from resources.storage import S3Storage
from spark.job_spec import JobSpec
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_steps import Telling, program_launcher
from tests.servers.graphql import ask
from tests.ui.server import dagster_dev
from tests.waiting import SECONDS, wait_for
from tests.workshop import StoredCompute

pytestmark = pytest.mark.big

HOUR = "2026-11-01-05"
_LAUNCH = """
mutation ($config: RunConfigData!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "lake_assets", repositoryName: "__repository__",
      jobName: "__ASSET_JOB", assetSelection: [{path: ["refined", "activity"]}]
    },
    runConfigData: $config, executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""
_TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename } }"
_STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


@dataclass
class Running:
    """Dagster as a person has it, with EMR beside it."""

    url: str
    emr: EmrServer
    storage: S3Storage

    def launch(self) -> str:
        """Launch one hour with `engine: emr` in its configuration."""
        launched = ask(
            self.url,
            _LAUNCH,
            config={"ops": {"refined__activity": {"config": {"engine": "emr"}}}},
            tags=[{"key": "dagster/partition", "value": HOUR}],
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run: str = launched["run"]["runId"]
        return run

    def terminate(self, run: str) -> None:
        """What the button "Terminate" asks for."""
        said = ask(self.url, _TERMINATE, run=run)["terminateRun"]["__typename"]
        assert said == "TerminateRunSuccess", said

    def status(self, run: str) -> str:
        found: str = ask(self.url, _STATUS, run=run)["runOrError"]["status"]
        return found


def _until_killed(_: JobSpec, tell: Telling, killed: threading.Event) -> int:
    tell.log("started")
    killed.wait(SECONDS)
    return 0


@pytest.fixture
def running(aws_settings: AwsSettings, tmp_path: Path) -> Iterator[Running]:
    storage = S3Storage("cancelled-in-the-ui", "lake", aws_settings)
    aws_client(aws_settings, "s3").create_bucket(Bucket=storage.bucket)
    server = EmrServer(
        program_launcher(aws_settings, _until_killed), tmp_path / "emr", lambda _, __: None
    )
    with serving(server) as url:
        environment = {
            "DAGSTER_HOME": str(tmp_path / "dagster"),
            "LAKE_ROOT": storage.root,
            "LAKE_RAW_ROOT": f"{storage.root}/raw",
            "LAKE_LOCAL_FOLDER": str(tmp_path / "local"),
            "LAKE_AWS_REGION": aws_settings.region,
            "LAKE_S3_ENDPOINT": aws_settings.endpoints["s3"],
            "LAKE_EMR_ENDPOINT": url,
            "LAKE_EMR_SERVICE_ROLE": "emr-service",
            "LAKE_EMR_INSTANCE_PROFILE": "emr-instances",
        }
        (tmp_path / "dagster").mkdir()
        lake, table = Lake(load_settings(environment)), declared_table("activity").table
        tracks = StoredCompute(songs=[], storage=storage)
        for join in table.joins:
            lake.snapshot(tracks, join.reference, {})
        storage.write(f"raw/{table.raw.prefix}/{HOUR.replace('-', '/')}/a.json", b'{"uuid": "1"}')
        with dagster_dev(environment, tmp_path / "dagster.log") as address:
            yield Running(address, server, storage)


def test_a_run_terminated_at_any_stage_leaves_nothing_running(running: Running) -> None:
    server = running.emr

    server.hold.set()
    waiting = running.launch()
    wait_for(lambda: [step.state for step in server.steps] == ["PENDING"])
    running.terminate(waiting)
    wait_for(lambda: running.status(waiting) == "CANCELED")
    assert [step.state for step in server.steps] == ["CANCELLED"]
    assert not any(each.is_alive for each in server.clusters.values())
    server.hold.clear()

    begun = running.launch()
    wait_for(lambda: any(step.state == "RUNNING" for step in server.steps))
    running.terminate(begun)
    wait_for(lambda: running.status(begun) == "CANCELED")
    assert {step.state for step in server.steps} == {"CANCELLED"}
    assert not any(each.is_alive for each in server.clusters.values())

    asked = threading.Event()
    go = threading.Event()

    def hold_the_answer(action: str) -> None:
        if action == "RunJobFlow":
            asked.set()
            go.wait(SECONDS)

    server.hold.set()
    server.after = hold_the_answer
    creating = running.launch()
    assert asked.wait(SECONDS)
    running.terminate(creating)
    go.set()
    server.after = lambda _: None
    wait_for(lambda: running.status(creating) == "CANCELED")
    wait_for(lambda: not any(each.is_alive for each in server.clusters.values()))
    assert len(server.steps) == 3
    ended = [info.key for info in running.storage.list("_jobs/") if info.key.endswith("/ended")]
    assert len(ended) == 3
