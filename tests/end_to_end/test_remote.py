"""A table refined by real `spark-submit` steps on EMR: as in process, whatever happens to the run.

The steps run PySpark's own Spark in one process, with S3 by moto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.aws import AwsSettings, aws_client
from tests.end_to_end.remote_lake import Remote, remote_lake, require_same
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_steps import spark_launcher
from tests.waiting import SECONDS, wait_for
from tests.workshop import Workshop


@dataclass
class OnEmr(Remote):
    """EMR beside the lake."""

    server: EmrServer


@pytest.fixture
def remote(aws_settings: AwsSettings, tmp_path: Path) -> Iterator[OnEmr]:
    made = remote_lake(aws_settings, tmp_path, "emr")
    client = aws_client(aws_settings, "s3")

    def put_log(address: str, data: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=data)

    server = EmrServer(spark_launcher(aws_settings), tmp_path / "emr", put_log)
    with serving(server) as url:
        environment = {
            **made.environment,
            "LAKE_EMR_ENDPOINT": url,
            "LAKE_EMR_SERVICE_ROLE": "emr-service",
            "LAKE_EMR_INSTANCE_PROFILE": "emr-instances",
        }
        yield OnEmr(made.storage, made.folder, environment, made.engine, server)


@pytest.mark.slow
def test_hours_refined_by_a_step_of_emr_are_as_in_process(
    remote: OnEmr, in_process: Workshop
) -> None:
    told = remote.finish("run-1")

    require_same(remote, told, in_process)
    assert told["metadata"]["engine"] == "emr"
    assert [step.state for step in remote.server.steps] == ["COMPLETED"]
    assert not any(each.is_alive for each in remote.server.clusters.values())


@pytest.mark.big
@pytest.mark.parametrize("stage", ["creating", "pending", "running", "succeeded"])
def test_a_run_killed_at_any_stage_and_tried_again_is_one_job(
    remote: OnEmr, in_process: Workshop, stage: str
) -> None:
    server = remote.server
    first = remote.start("run-1")
    if stage == "creating":
        server.after = lambda action: first.kill() if action == "RunJobFlow" else None
    elif stage == "pending":
        server.hold.set()
        wait_for(lambda: bool(server.steps))
    elif stage == "running":
        wait_for(lambda: any("messages/" in info.key for info in remote.storage.list("_jobs/")))
    else:
        # Asleep between two looks, or not there yet: the result has not been read.
        server.after = lambda action: (
            first.kill()
            if action == "DescribeStep" and server.steps[0].state == "COMPLETED"
            else None
        )
    if stage in ("pending", "running"):
        first.kill()
    first.communicate(timeout=SECONDS)
    server.after = lambda _: None
    server.hold.clear()

    told = remote.finish("run-1")

    assert first.returncode == -9
    assert [step.state for step in server.steps] == ["COMPLETED"]
    require_same(remote, told, in_process)


@pytest.mark.slow
def test_a_cancelled_run_ends_its_job(remote: OnEmr) -> None:
    first = remote.start("run-1")
    wait_for(lambda: any("messages/" in info.key for info in remote.storage.list("_jobs/")))

    first.terminate()
    first.communicate(timeout=SECONDS)

    wait_for(
        lambda: all(step.running.poll() is not None for step in remote.server.steps if step.running)
    )
    assert not any(each.is_alive for each in remote.server.clusters.values())
    assert any(info.key.endswith("/ended") for info in remote.storage.list("_jobs/"))
