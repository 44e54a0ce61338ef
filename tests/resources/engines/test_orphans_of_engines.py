"""What the engines start is found by what they leave on it, and ended, on their control planes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.aws import AwsSettings
from resources.compute.emr_serverless import EmrServerless
from resources.compute.emr_serverless_settings import EmrServerlessSettings
from resources.compute.engine import RUN_TAG, Engine, JobRequest, Phase
from resources.compute.glue_job_settings import GlueJobSettings
from resources.compute.glue_jobs import GlueJobs
from resources.compute.orphans import Service, end_orphans, find_orphans
from resources.compute.orphans_emr_serverless import EmrServerlessRuns
from resources.compute.orphans_glue import GlueRuns
from resources.compute.prices import Prices
from resources.storage import S3Storage
from tests.resources.engines.conftest import OTHER_KEY
from tests.servers.emr_serverless import emr_serverless_server
from tests.servers.glue_jobs import glue_jobs_server

ROLE = "arn:aws:iam::123456789012:role/lake-jobs"


@dataclass(frozen=True)
class Place:
    """An engine, and what looks for what it left."""

    engine: Engine
    service: Service
    elsewhere: Service


@pytest.fixture(params=["emr-serverless", "glue"])
def place(
    request: pytest.FixtureRequest, aws_settings: AwsSettings, lake: S3Storage, tmp_path: Path
) -> Iterator[Place]:
    """Its runs wait for capacity, so that nothing is started on this machine."""
    with ExitStack() as stack:
        s3 = aws_settings.endpoints["s3"]
        aws = replace(aws_settings, endpoints={**aws_settings.endpoints, "logs": s3})
        other = f"{lake.root}-other"
        if request.param == "glue":
            glue = stack.enter_context(glue_jobs_server(aws, tmp_path))
            glue.runs.held = True
            aws = replace(aws, endpoints={**aws.endpoints, "glue": glue.url})
            settings = GlueJobSettings(role=ROLE, workers=4)
            engine = GlueJobs(aws, settings, lake.root, "s3://raw/events", settle_seconds=0)
            yield Place(engine, GlueRuns(aws, lake.root), GlueRuns(aws, other))
            return
        serverless = stack.enter_context(emr_serverless_server(aws, tmp_path))
        serverless.runs.held = True
        aws = replace(aws, endpoints={**aws.endpoints, "emr-serverless": serverless.url})
        yield Place(
            EmrServerless(aws, EmrServerlessSettings(role=ROLE), lake.root, "s3://raw/events"),
            EmrServerlessRuns(aws, lake.root),
            EmrServerlessRuns(aws, other),
        )


def test_the_job_of_a_run_that_has_ended_is_found_and_ended_and_no_other(
    place: Place, request_of: JobRequest
) -> None:
    lost = place.engine.submit(replace(request_of, tags={RUN_TAG: "ended"}))
    kept = place.engine.submit(replace(request_of, key=OTHER_KEY, tags={RUN_TAG: "goes on"}))
    now = datetime.now(UTC)

    found = find_orphans(
        [place.service, place.elsewhere],
        lambda run: run == "goes on",
        Prices(),
        now,
        timedelta(hours=1),
    )

    assert [(each.running.id, each.running.kind) for each in found] == [(lost.id, "job run")]
    end_orphans([place.service], found)
    assert place.engine.state(lost).phase is Phase.CANCELLED
    assert place.engine.state(kept).phase is Phase.WAITING
    assert list(place.elsewhere.running()) == []
    assert [each.run for each in place.service.running()] == ["goes on"]
