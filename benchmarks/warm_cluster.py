"""Ten refines one after another: on one warm cluster of EMR, against a cluster for each.

The control plane is that of the tests, over HTTP, whose time goes by faster than ours. How long a
cluster takes to start and a job to run is said here; what is measured is what the client makes of it:
which clusters it starts, and when they end.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import datasets
from resources.aws import AwsSettings, aws_client
from resources.compute.emr import EmrEngine
from resources.compute.emr_settings import EmrSettings
from resources.compute.engine import Usage
from resources.compute.job_run import Terms
from resources.compute.pace import Pace
from resources.compute.prices import Prices, cost
from resources.compute.remote import RemoteCompute
from resources.storage import S3Storage
from spark.job_spec import JobSpec
from tests.resources.compute.jobs import refine_of, well
from tests.servers.emr import Cluster, EmrServer, serving
from tests.servers.emr_steps import Telling, program_launcher
from tests.servers.moto import moto_server
from tests.servers.versitygw import KEYS
from tests.waiting import wait_for

JOBS = 10
#: Seconds of the service in one of ours.
SPEED = 30.0
START_SECONDS, JOB_SECONDS, KEEP_MINUTES = 300.0, 180.0, 10
_OWN = EmrSettings(service_role="emr-service", instance_profile="emr-instances")


def figures() -> Iterator[tuple[str, float]]:
    """Clusters, steps, minutes of the service, and the bill by the price table, of both ways."""
    home = datasets.home() / "clusters"
    shutil.rmtree(home, ignore_errors=True)
    os.environ.update(KEYS)
    bills = []
    with moto_server() as url:
        aws = AwsSettings("us-east-1", endpoints={"s3": url})
        for label, settings in {
            "own": _OWN,
            "warm": replace(_OWN, keep_minutes=KEEP_MINUTES),
        }.items():
            began = time.monotonic()
            clusters = _run(aws, home / label, settings)
            minutes = (time.monotonic() - began) * SPEED / 60
            bills.append(sum(_billed(each) for each in clusters))
            yield f"clusters_{label}_started", len(clusters)
            yield f"clusters_{label}_steps", sum(len(each.steps) for each in clusters)
            yield f"clusters_{label}_minutes", minutes
            yield f"clusters_{label}_usd", bills[-1]
    yield "clusters_own_over_warm_usd", bills[0] / bills[1]


def _run(aws: AwsSettings, folder: Path, settings: EmrSettings) -> list[Cluster]:
    """Ten refines, and the wait until every cluster has ended by itself."""
    storage = S3Storage(f"clusters-{folder.name}", "lake", aws)
    client = aws_client(aws, "s3")
    client.create_bucket(Bucket=storage.bucket)
    server = EmrServer(program_launcher(aws, _work), folder, lambda _address, _log: None)
    server.speed, server.start_seconds = SPEED, START_SECONDS
    terms = Terms(pace=Pace(2 / SPEED, 30 / SPEED, 3 / SPEED))
    with serving(server) as url:
        there = replace(aws, endpoints={**aws.endpoints, "emr": url})
        for number in range(JOBS):
            engine = EmrEngine(settings, storage.root, there)
            log = logging.getLogger("benchmarks")
            compute = RemoteCompute(engine, storage, f"run-{number}", terms, log)
            compute.refine(refine_of(attempt=f"a-{number}"))
        wait_for(lambda: not any(each.is_alive for each in server.clusters.values()))
        return list(server.clusters.values())


def _work(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
    killed.wait(JOB_SECONDS / SPEED)
    return well(job, tell, killed)


def _billed(cluster: Cluster) -> float:
    """What a cluster costs from its creation on, in USD of the service's time."""
    assert cluster.ended is not None
    seconds = (cluster.ended - cluster.created) * SPEED
    types = [str(each["InstanceType"]) for each in cluster.instances()]
    hours = {name: types.count(name) * seconds / 3600 for name in types}
    return float(cost(Usage(seconds=seconds, instance_hours=hours), "emr", Prices()))
