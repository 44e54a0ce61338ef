"""EMR and a lake on S3, for tests of what runs elsewhere."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from resources.aws import AwsSettings, aws_client
from resources.compute.emr import EmrEngine
from resources.compute.emr_settings import EmrSettings
from resources.compute.engine import Engine
from resources.compute.job_run import Terms
from resources.compute.pace import Pace
from resources.compute.remote import RemoteCompute
from resources.storage import S3Storage
from spark.job_spec import JobSpec
from tests.resources.compute.jobs import well
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_steps import Program, Telling, program_launcher
from tests.servers.fixtures import aws_settings, moto_url

__all__ = ["aws_settings", "moto_url"]

OWN = EmrSettings(service_role="emr-service", instance_profile="emr-instances")
SHARED = replace(OWN, keep_minutes=30)
QUICK = Terms(pace=Pace(0.02, 0.05, 0.05, patience_seconds=20.0))
_BUCKETS = itertools.count(1)


@dataclass
class Emr:
    """A server whose steps run `program`, and the ways to use it."""

    server: EmrServer
    aws: AwsSettings
    storage: S3Storage
    program: Program = field(default=well)

    def engine(self, settings: EmrSettings = OWN) -> EmrEngine:
        """A new client of it, as another process would have."""
        return EmrEngine(settings, self.storage.root, self.aws, settle_seconds=0)

    def compute(
        self, run: str = "run-1", engine: Engine | None = None, terms: Terms = QUICK
    ) -> RemoteCompute:
        """What a run refines by, anew at each try."""
        log = logging.getLogger("tests.remote")
        return RemoteCompute(engine or self.engine(), self.storage, run, terms, log)


@pytest.fixture
def emr(aws_settings: AwsSettings, tmp_path: Path) -> Iterator[Emr]:
    """EMR, and a lake in a bucket of its own whose address any engine takes."""
    storage = S3Storage(f"remote-{next(_BUCKETS)}", "lake", aws_settings)
    client = aws_client(aws_settings, "s3")
    client.create_bucket(Bucket=storage.bucket)

    def put_log(address: str, data: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=data)

    def program(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        return made.program(job, tell, killed)

    server = EmrServer(program_launcher(aws_settings, program), tmp_path, put_log)
    with serving(server) as url:
        endpoints = {**aws_settings.endpoints, "emr": url}
        made = Emr(server, replace(aws_settings, endpoints=endpoints), storage)
        yield made
