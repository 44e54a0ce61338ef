"""What is left running: judged by owner and age, and found by its tag on moto's control planes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from resources.aws import AwsSettings, aws_client
from resources.compute.engine import LAKE_TAG, RUN_TAG, Usage
from resources.compute.glue_arguments import RUN_ARGUMENT
from resources.compute.orphans import (
    Orphan,
    Running,
    Service,
    end_orphans,
    find_orphans,
)
from resources.compute.orphans_emr import EmrClusters
from resources.compute.orphans_emr_serverless import EmrServerlessRuns
from resources.compute.orphans_glue import GlueRuns
from resources.compute.prices import Prices
from resources.errors import EngineError
from tests.servers.glue import Calls

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUN = Running(
    engine="glue",
    kind="job run",
    id="lake/jr_1",
    name="lake",
    state="RUNNING",
    started=NOW - 2 * HOUR,
    run="ended",
    usage=Usage(7200.0, dpu_hours=20.0),
)
SHARED = replace(RUN, engine="emr", kind="cluster", run="", usage=None)


@dataclass
class Listed:
    """A service by what it lists; it remembers what was ended."""

    found: list[Running]
    engine: str = "glue"
    ended: list[str] = field(default_factory=list)

    def running(self) -> Iterator[Running]:
        yield from self.found

    def end(self, found: Running) -> None:
        self.ended.append(found.id)


def is_alive(run: str) -> bool | None:
    return {"goes on": True, "ended": False}.get(run)


def orphans(*services: Service, patience: timedelta = HOUR, now: datetime = NOW) -> list[Orphan]:
    return find_orphans(services, is_alive, Prices(), now, patience)


def test_what_was_started_for_a_run_that_has_ended_is_an_orphan_with_its_cost() -> None:
    [found] = orphans(Listed([RUN]))

    assert found == Orphan(RUN, "its run has ended", 2 * HOUR, Decimal("8.8"))


@pytest.mark.parametrize(
    ("running", "reason"),
    [
        (replace(RUN, run="goes on"), None),
        (replace(RUN, run="elsewhere"), "its run is not known here, and it is 120 minutes old"),
        (replace(RUN, run="elsewhere", started=NOW - HOUR / 2), None),
        (replace(SHARED, idle_since=None), None),
        (replace(SHARED, idle_since=NOW - HOUR / 2), None),
        (replace(SHARED, idle_since=NOW - 2 * HOUR), "idle for 120 minutes"),
    ],
    ids=["lives", "unknown and old", "unknown and young", "busy", "idle a while", "idle for long"],
)
def test_others_are_orphans_by_owner_age_and_idleness(running: Running, reason: str | None) -> None:
    assert [each.reason for each in orphans(Listed([running]))] == ([reason] if reason else [])


def test_a_cost_that_is_not_known_is_none() -> None:
    odd = replace(RUN, engine="emr", usage=Usage(60.0, instance_hours={"z1d.metal": 1.0}))

    assert [each.usd for each in orphans(Listed([replace(RUN, usage=None), odd]))] == [None, None]


def test_each_orphan_is_ended_by_the_service_that_found_it() -> None:
    glue, emr = Listed([RUN]), Listed([replace(RUN, engine="emr", id="j-1")], engine="emr")

    end_orphans([emr, glue], orphans(glue, emr))

    assert (glue.ended, emr.ended) == (["lake/jr_1"], ["j-1"])


# --- On the services ---

ROOT = "s3://orphans/lake"
OURS = {LAKE_TAG: ROOT, RUN_TAG: "ended"}
ROLE = "arn:aws:iam::123456789012:role/lake-job"
THEIRS = {LAKE_TAG: "s3://orphans/other"}


@pytest.fixture
def aws(aws_settings: AwsSettings) -> AwsSettings:
    url = aws_settings.endpoints["s3"]
    endpoints = {**aws_settings.endpoints, "emr": url, "emr-serverless": url}
    return replace(aws_settings, endpoints=endpoints)


def cluster(aws: AwsSettings, tags: Mapping[str, str]) -> str:
    made = aws_client(aws, "emr").run_job_flow(
        Name="refine plays",
        ReleaseLabel="emr-7.13.0",
        Instances={
            "InstanceGroups": [
                {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
            ],
            "KeepJobFlowAliveWhenNoSteps": True,
        },
        JobFlowRole="EMR_EC2_DefaultRole",
        ServiceRole="EMR_DefaultRole",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    return made["JobFlowId"]


def test_clusters_are_found_by_the_lakes_tag_and_terminated(aws: AwsSettings) -> None:
    client = aws_client(aws, "emr")
    ours, shared = cluster(aws, OURS), cluster(aws, {LAKE_TAG: ROOT})
    theirs = [cluster(aws, THEIRS), cluster(aws, {})]
    service = EmrClusters(aws, ROOT)

    found = orphans(service, now=datetime.now(UTC) + 2 * HOUR)

    assert {each.running.id: each.reason.split(" for")[0] for each in found} == {
        ours: "its run has ended",
        shared: "idle",
    }
    assert all(each.usd is not None and each.running.name == "refine plays" for each in found)
    assert orphans(service, now=datetime.now(UTC) + HOUR / 2, patience=HOUR)[0].running.id == ours

    end_orphans([service], found)

    states = [
        client.describe_cluster(ClusterId=each)["Cluster"]["Status"]["State"]
        for each in (ours, shared, *theirs)
    ]
    assert states == ["TERMINATED", "TERMINATED", "WAITING", "WAITING"]
    assert list(service.running()) == []


def test_applications_are_orphans_only_while_they_keep_workers_ready(aws: AwsSettings) -> None:
    client = aws_client(aws, "emr-serverless")

    def application(tags: Mapping[str, str], *, is_warm: bool) -> str:
        workers = {
            "workerCount": 1,
            "workerConfiguration": {"cpu": "4vCPU", "memory": "16gb"},
        }
        made = client.create_application(
            releaseLabel="emr-7.13.0",
            type="SPARK",
            tags=dict(tags),
            **({"initialCapacity": {"DRIVER": workers}} if is_warm else {}),  # type: ignore[arg-type]
        )["applicationId"]
        # Moto lists runs only where there was one; its own succeed at once.
        client.start_job_run(applicationId=made, executionRoleArn=ROLE, clientToken="once")
        return made

    warm = application({LAKE_TAG: ROOT}, is_warm=True)
    application({LAKE_TAG: ROOT}, is_warm=False)
    application(THEIRS, is_warm=True)
    service = EmrServerlessRuns(aws, ROOT)

    found = orphans(service, now=datetime.now(UTC) + 24 * HOUR)
    assert [(each.running.id, each.running.kind) for each in found] == [(warm, "application")]

    end_orphans([service], found)
    assert client.get_application(applicationId=warm)["application"]["state"] == "STOPPED"
    assert list(service.running()) == []


@pytest.fixture
def running_for_long(aws: AwsSettings) -> Iterator[None]:
    """Moto's runs of Glue start at once, and end after so many looks that none sees it."""
    url = f"{aws.endpoints['glue']}/moto-api/state-manager"
    slow = {"progression": "manual", "times": 1000}
    _post(f"{url}/set-transition", {"model_name": "glue::job_run", "transition": slow})
    yield
    _post(f"{url}/unset-transition", {"model_name": "glue::job_run"})


@pytest.mark.usefixtures("running_for_long")
def test_runs_of_glue_are_found_by_their_jobs_tag_and_their_own_argument(aws: AwsSettings) -> None:
    client = aws_client(aws, "glue")
    runs = {}
    for name, tags in {"ours": {LAKE_TAG: ROOT}, "theirs": THEIRS}.items():
        client.create_job(
            Name=name,
            Role="role",
            Command={"Name": "glueetl", "ScriptLocation": "s3://bucket/job.py"},
            ExecutionProperty={"MaxConcurrentRuns": 5},
            MaxCapacity=10.0,
            Tags=tags,
        )
        for owner in ("ended", "goes on"):
            runs[name, owner] = client.start_job_run(
                JobName=name, MaxCapacity=10.0, Arguments={RUN_ARGUMENT: owner}
            )["JobRunId"]
    service = GlueRuns(aws, ROOT)

    [found] = orphans(service, now=datetime.now(UTC))

    assert found.running.id == f"ours/{runs['ours', 'ended']}"
    # Moto says of every run that it took 123 seconds.
    assert found.usd == pytest.approx(Decimal(123 / 3600 * 10 * 0.44), rel=Decimal("0.0001"))
    assert sorted(each.run for each in service.running()) == ["ended", "goes on"]


@pytest.mark.parametrize(
    ("code", "is_refused"), [("JobRunInTerminalStateException", False), ("Other", True)]
)
def test_a_run_of_glue_that_has_ended_meanwhile_is_no_error(
    aws: AwsSettings, code: str, is_refused: bool
) -> None:
    # As the API reference of BatchStopJobRun says: errors stand in an answer of status 200.
    service = GlueRuns(aws, ROOT)
    error = {"JobRunId": "jr_1", "ErrorDetail": {"ErrorCode": code, "ErrorMessage": "no"}}
    Calls(service._client).answer("BatchStopJobRun", lambda _: (200, {"Errors": [error]}))

    if is_refused:
        with pytest.raises(EngineError, match="stop run jr_1 of lake; it said Other: no"):
            service.end(RUN)
    else:
        service.end(RUN)


def test_what_may_not_be_listed_is_said_with_the_action(aws: AwsSettings) -> None:
    service = GlueRuns(aws, ROOT)
    denied = {"__type": "AccessDeniedException", "message": "not allowed"}
    Calls(service._client).answer("ListJobs", lambda _: (400, denied))

    with pytest.raises(EngineError, match=r"Allow `glue:ListJobs` on `\*`"):
        list(service.running())


def _post(url: str, body: Mapping[str, object]) -> None:
    request = urllib.request.Request(  # noqa: S310 - of the server that the test started
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        answer.read()
