"""What a job of three hours on a managed service costs in calls; its time goes by faster than ours."""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from resources.aws import AwsSettings
from resources.compute.emr_serverless import EmrServerless
from resources.compute.emr_serverless_settings import EmrServerlessSettings
from resources.compute.engine import Engine
from resources.compute.glue_job_settings import GlueJobSettings
from resources.compute.glue_jobs import GlueJobs
from resources.compute.job_run import Terms
from resources.compute.pace import Pace
from resources.compute.remote import RemoteCompute
from resources.storage import S3Storage
from spark.reports import refine_payloads
from tests.resources.compute.jobs import refine_of, report_of
from tests.servers.emr_serverless import EmrServerlessServer, emr_serverless_server
from tests.servers.emr_steps import Telling
from tests.servers.glue_jobs import GlueJobsServer, glue_jobs_server

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/lake-jobs"
HOUR = 3600


@dataclass
class LongJob:
    """A service whose one run ends after three hours of its time; `calls` are those of each hour."""

    engine: Engine
    server: EmrServerlessServer | GlueJobsServer
    aws: AwsSettings
    done: str
    passed: float = 0.0
    calls: list[int] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        self.server.clock.skip(seconds=seconds)
        self.passed += seconds
        if self.passed >= HOUR * (len(self.calls) + 1):
            self.calls.append(self.server.calls.total() - sum(self.calls))
            if len(self.calls) == 3:
                self._end()

    def _end(self) -> None:
        (run,) = self.server.runs.all
        telling = Telling(self.aws, *_messages(run.request))
        for payload in refine_payloads(report_of(refine_of())):
            telling.payload(payload)
        telling.close()
        run.script = [self.done]


def _messages(request: dict[str, object]) -> tuple[str, str]:
    """Bucket and prefix, out of the argument of whichever service."""
    said = json.dumps(request)
    start = said.index("--dagster-pipes-messages") + len("--dagster-pipes-messages")
    text = said[start:].lstrip('": ,').partition('"')[0]
    place = json.loads(zlib.decompress(base64.b64decode(text)))
    return place["bucket"], place["key_prefix"]


@pytest.fixture(params=["emr-serverless", "glue"])
def long_job(
    request: pytest.FixtureRequest, aws_settings: AwsSettings, lake: S3Storage, tmp_path: Path
) -> Iterator[LongJob]:
    roots = (lake.root, f"{lake.root}/raw")
    with ExitStack() as stack:
        if request.param == "glue":
            glue = stack.enter_context(glue_jobs_server(aws_settings, tmp_path))
            aws = replace(aws_settings, endpoints={**aws_settings.endpoints, "glue": glue.url})
            engine = GlueJobs(aws, GlueJobSettings(role=ROLE), *roots, settle_seconds=0)
            glue.runs.script("RUNNING")
            yield LongJob(engine, glue, aws_settings, "SUCCEEDED")
            return
        serverless = stack.enter_context(emr_serverless_server(aws_settings, tmp_path))
        endpoints = {**aws_settings.endpoints, "emr-serverless": serverless.url}
        aws = replace(aws_settings, endpoints=endpoints)
        serverless.runs.script("RUNNING")
        made = EmrServerless(aws, EmrServerlessSettings(role=ROLE), *roots)
        yield LongJob(made, serverless, aws_settings, "SUCCESS")


def test_calls_are_bounded_and_no_more_in_a_later_hour(long_job: LongJob, lake: S3Storage) -> None:
    terms = Terms(pace=Pace(listen_seconds=30.0, sleep=long_job.sleep))
    log = logging.getLogger("tests.calls")

    RemoteCompute(long_job.engine, lake, "run", terms, log).refine(refine_of())

    first, second, third = long_job.calls
    assert first < 180
    assert max(second, third) < 160
    assert abs(second - third) < 20
