"""A table refined by real runs of EMR Serverless and Glue: as in process, whatever happens to the run.

The runs are PySpark's own `spark-submit` in one process, with S3 by moto.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from resources.aws import AwsSettings
from tests.end_to_end.remote_lake import Remote, remote_lake, require_same
from tests.servers.emr_serverless import EmrServerlessServer, emr_serverless_server
from tests.servers.glue_jobs import GlueJobsServer, glue_jobs_server
from tests.waiting import SECONDS, wait_for
from tests.workshop import Workshop

ROLE = "arn:aws:iam::123456789012:role/lake-jobs"
DONE = {"emr-serverless": "SUCCESS", "glue": "SUCCEEDED"}
ENDED = {"emr-serverless": "CANCELLED", "glue": "STOPPED"}

pytestmark = pytest.mark.big


@dataclass
class Managed(Remote):
    """A service beside the lake."""

    server: EmrServerlessServer | GlueJobsServer

    @property
    def states(self) -> list[str]:
        return [run.state for run in self.server.runs.all]

    def has_messages(self) -> bool:
        """Whether a job has begun to tell of itself."""
        return any("messages/" in info.key for info in self.storage.list("_jobs/"))


@pytest.fixture(params=["emr-serverless", "glue"])
def remote(
    request: pytest.FixtureRequest, aws_settings: AwsSettings, tmp_path: Path
) -> Iterator[Managed]:
    engine: str = request.param
    moto = aws_settings.endpoints["s3"]
    aws = replace(aws_settings, endpoints={**aws_settings.endpoints, "logs": moto})
    made = remote_lake(aws, tmp_path, engine)
    start = emr_serverless_server if engine == "emr-serverless" else glue_jobs_server
    with start(aws, tmp_path / "runs") as server:
        variable = engine.upper().replace("-", "_")
        environment = {
            **made.environment,
            "LAKE_LOGS_ENDPOINT": moto,
            f"LAKE_{variable}_ENDPOINT": server.url,
            "LAKE_EMR_SERVERLESS_ROLE": ROLE,
            "LAKE_GLUE_JOB_ROLE": ROLE,
        }
        yield Managed(made.storage, made.folder, environment, engine, server)


def test_hours_refined_elsewhere_are_as_in_process(remote: Managed, in_process: Workshop) -> None:
    remote.server.throttle(every=10)

    told = remote.finish("run-1")

    require_same(remote, told, in_process)
    assert told["metadata"]["engine"] == remote.engine
    assert remote.states == [DONE[remote.engine]]


@pytest.mark.parametrize("stage", ["creating", "pending", "running", "succeeded"])
def test_a_run_killed_at_any_stage_and_tried_again_is_one_job(
    remote: Managed, in_process: Workshop, stage: str
) -> None:
    server = remote.server
    server.runs.held = stage == "pending"
    first = remote.start("run-1")
    if stage == "creating":
        server.after = lambda action: first.kill() if action == "StartJobRun" else None
    elif stage == "pending":
        wait_for(lambda: server.calls["GetJobRun"] > 0)
        first.kill()
    elif stage == "running":
        wait_for(remote.has_messages)
        first.kill()
    else:
        server.after = lambda _: first.kill() if DONE[remote.engine] in remote.states else None
    first.communicate(timeout=SECONDS)
    server.after = lambda _: None
    server.runs.held = False

    told = remote.finish("run-1")

    assert first.returncode == -signal.SIGKILL
    assert remote.states == [DONE[remote.engine]]
    require_same(remote, told, in_process)


@pytest.mark.parametrize("is_held", [True, False])
def test_a_cancelled_run_ends_its_job(remote: Managed, is_held: bool) -> None:
    remote.server.runs.held = is_held
    first = remote.start("run-1")
    wait_for(lambda: remote.server.calls["GetJobRun"] > 0 if is_held else remote.has_messages())

    first.terminate()
    first.communicate(timeout=SECONDS)

    (run,) = remote.server.runs.all
    assert run.state in (ENDED[remote.engine], "CANCELLING", "STOPPING")
    assert (run.process is None) == is_held
    assert any(info.key.endswith("/ended") for info in remote.storage.list("_jobs/"))
