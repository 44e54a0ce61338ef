"""A process killed while it waits for the answer of a call that makes something, and tried again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.aws import AwsSettings
from resources.storage import S3Storage
from tests.resources.engines.conftest import KEY
from tests.resources.engines.submitting import submit
from tests.servers.emr import EmrServer, Running, serving
from tests.servers.emr_serverless import EmrServerlessServer, emr_serverless_server
from tests.servers.glue_jobs import GlueJobsServer, glue_jobs_server
from tests.waiting import SECONDS

PROJECT = Path(__file__).parents[3]
ROLE = "arn:aws:iam::123456789012:role/lake-jobs"

pytestmark = pytest.mark.slow


@dataclass
class Asked:
    """A service that starts nothing: what was made there, as numbers, and its URL."""

    server: EmrServer | EmrServerlessServer | GlueJobsServer
    url: str
    made: Callable[[], dict[str, int]]


def _never(_: list[str], __: Path) -> Running:
    raise AssertionError("expected no cluster to get as far as its step")


@pytest.fixture
def services(aws_settings: AwsSettings, tmp_path: Path) -> Iterator[Callable[[str], Asked]]:
    with ExitStack() as stack:

        def start(engine: str) -> Asked:
            if engine == "emr":
                emr = EmrServer(_never, tmp_path, lambda _, __: None)
                emr.hold.set()
                url = stack.enter_context(serving(emr))
                return Asked(
                    emr, url, lambda: {"clusters": len(emr.clusters), "jobs": len(emr.steps)}
                )
            if engine == "glue":
                glue = stack.enter_context(glue_jobs_server(aws_settings, tmp_path))
                glue.runs.held = True
                return Asked(
                    glue,
                    glue.url,
                    lambda: {"definitions": len(glue.jobs), "jobs": len(glue.runs.all)},
                )
            serverless = stack.enter_context(emr_serverless_server(aws_settings, tmp_path))
            serverless.runs.held = True
            return Asked(
                serverless,
                serverless.url,
                lambda: {
                    "applications": len(serverless.applications),
                    "jobs": len(serverless.runs.all),
                },
            )

        yield start


@pytest.mark.parametrize(
    ("engine", "keep_minutes", "action"),
    [
        ("emr", "0", "RunJobFlow"),
        ("emr", "30", "RunJobFlow"),
        ("emr", "30", "AddJobFlowSteps"),
        ("emr-serverless", "0", "CreateApplication"),
        ("emr-serverless", "0", "StartApplication"),
        ("emr-serverless", "0", "StartJobRun"),
        ("glue", "0", "CreateJob"),
        ("glue", "0", "StartJobRun"),
    ],
)
def test_what_was_made_for_a_killed_process_is_found_by_the_next(
    services: Callable[[str], Asked],
    lake: S3Storage,
    aws_settings: AwsSettings,
    engine: str,
    keep_minutes: str,
    action: str,
) -> None:
    asked = services(engine)
    environment = {
        "LAKE_ROOT": lake.root,
        "LAKE_RAW_ROOT": f"{lake.root}/raw",
        "LAKE_AWS_REGION": aws_settings.region,
        "LAKE_S3_ENDPOINT": aws_settings.endpoints["s3"],
        "LAKE_EMR_SERVICE_ROLE": "emr-service",
        "LAKE_EMR_INSTANCE_PROFILE": "emr-instances",
        "LAKE_EMR_KEEP_MINUTES": keep_minutes,
        "LAKE_EMR_SERVERLESS_ROLE": ROLE,
        "LAKE_GLUE_JOB_ROLE": ROLE,
        f"LAKE_{engine.upper().replace('-', '_')}_ENDPOINT": asked.url,
    }
    first = subprocess.Popen(
        [sys.executable, "-m", "tests.resources.engines.submitting", engine, KEY],
        cwd=PROJECT,
        env={**os.environ, **environment, "PYTHONPATH": str(PROJECT)},
    )
    asked.server.after = lambda done: first.kill() if done == action else None
    assert first.wait(SECONDS) == -signal.SIGKILL
    asked.server.after = lambda _: None

    found = submit(environment, engine, KEY)

    assert set(asked.made().values()) == {1}, asked.made()
    assert submit(environment, engine, KEY) == found
