"""EMR Serverless against its control plane over HTTP; some runs are real `spark-submit` processes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from resources.aws import AwsSettings
from resources.compute.emr_serverless import EmrServerless
from resources.compute.emr_serverless_settings import EmrServerlessSettings
from resources.compute.engine import JOB_TAG, LAKE_TAG, JobRequest, Phase, Submitted
from resources.compute.opening import open_engine
from resources.errors import EngineError, EngineUnavailable, SettingsError
from resources.settings import Settings
from resources.storage import S3Storage
from tests.resources.engines.conftest import KEY, OTHER_KEY
from tests.servers.control_plane import RefusedError
from tests.servers.emr_serverless import EmrServerlessServer, emr_serverless_server
from tests.waiting import wait_for

ROLE = "arn:aws:iam::123456789012:role/lake-jobs"
SETTINGS = EmrServerlessSettings(role=ROLE, executors=2)


@pytest.fixture
def server(aws_settings: AwsSettings, tmp_path: Path) -> Iterator[EmrServerlessServer]:
    with emr_serverless_server(aws_settings, tmp_path) as server:
        yield server


@pytest.fixture
def aws(aws_settings: AwsSettings, server: EmrServerlessServer) -> AwsSettings:
    return replace(aws_settings, endpoints={**aws_settings.endpoints, "emr-serverless": server.url})


@pytest.fixture
def engine(aws: AwsSettings, lake: S3Storage) -> EmrServerless:
    return EmrServerless(aws, SETTINGS, lake.root, "s3://raw/events")


def test_an_application_is_made_for_the_lake_once(
    engine: EmrServerless, server: EmrServerlessServer, lake: S3Storage, request_of: JobRequest
) -> None:
    server.runs.script("SUCCESS")
    server.runs.script("SUCCESS")

    engine.submit(request_of)
    engine.submit(replace(request_of, key=OTHER_KEY))

    (asked,) = server.requested("CreateApplication")
    assert asked["tags"] == {LAKE_TAG: lake.root}
    assert asked["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 15}
    assert asked["releaseLabel"] == "emr-7.13.0"
    assert [each["state"] for each in server.applications.values()] == ["STARTED"]


def test_other_settings_make_another_application_and_old_jobs_are_still_found(
    engine: EmrServerless,
    aws: AwsSettings,
    server: EmrServerlessServer,
    lake: S3Storage,
    request_of: JobRequest,
) -> None:
    server.runs.script("RUNNING")
    job = engine.submit(request_of)
    changed = replace(SETTINGS, warm_executors=1, subnets=("subnet-0a",), security_groups=("sg-1",))

    other = EmrServerless(aws, changed, lake.root, "s3://raw/events")

    assert other.submit(request_of) == job
    other.submit(replace(request_of, key=OTHER_KEY))
    first, second = server.requested("CreateApplication")
    assert first["name"] != second["name"]
    assert second["networkConfiguration"] == {
        "subnetIds": ["subnet-0a"],
        "securityGroupIds": ["sg-1"],
    }
    assert second["initialCapacity"]["Executor"]["workerCount"] == 1


def test_an_application_that_is_named_is_started_and_not_made(
    aws: AwsSettings, server: EmrServerlessServer, lake: S3Storage, request_of: JobRequest
) -> None:
    number = server.create_application(
        {"name": "ours", "releaseLabel": "emr-7.13.0", "type": "SPARK", "clientToken": "a"}
    )["applicationId"]
    named = replace(SETTINGS, application=number)

    job = EmrServerless(aws, named, lake.root, "s3://raw/events").submit(request_of)

    assert job.id.startswith(f"{number}/")
    assert server.calls["CreateApplication"] == 0
    assert server.applications[number]["state"] == "STARTED"


@pytest.mark.parametrize("state", ["CREATING", "STOPPING"])
def test_an_application_that_is_busy_can_be_asked_again(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest, state: str
) -> None:
    engine.submit(request_of)
    (application,) = server.applications.values()
    application["state"] = state

    with pytest.raises(EngineUnavailable, match=f"still {state}"):
        engine.submit(replace(request_of, key=OTHER_KEY))


def test_a_job_is_started_with_its_files_settings_role_policy_and_logs(
    engine: EmrServerless, server: EmrServerlessServer, lake: S3Storage, request_of: JobRequest
) -> None:
    engine.submit(replace(request_of, jars=("s3://bucket/a.jar", "s3://bucket/b.jar")))

    (asked,) = server.requested("StartJobRun")
    assert asked["clientToken"] == KEY
    assert asked["name"] == f"refined/plays 2026-11-01-05 {KEY}"
    assert asked["executionRoleArn"] == ROLE
    assert asked["executionTimeoutMinutes"] == 10
    assert asked["tags"][JOB_TAG] == KEY
    (classification,) = asked["configurationOverrides"]["applicationConfiguration"]
    spark = classification["properties"]
    assert spark["spark.submit.pyFiles"] == request_of.code
    assert spark["spark.jars"] == "s3://bucket/a.jar,s3://bucket/b.jar"
    assert spark["spark.lake.words"] == "some=words"
    assert spark["spark.dynamicAllocation.maxExecutors"] == "2"
    policy = asked["executionIamPolicy"]["policy"]
    assert len(policy) <= 2048
    writes = json.loads(policy)["Statement"][2]["Resource"]
    assert writes == [f"arn:aws:s3:::{lake.bucket}/analytics/lake=1/*"]


@pytest.mark.parametrize(("enlarged", "memory", "cores"), [(1, "27g", "4"), (2, "54g", "8")])
def test_a_job_that_lacked_memory_gets_larger_workers(
    engine: EmrServerless,
    server: EmrServerlessServer,
    request_of: JobRequest,
    enlarged: int,
    memory: str,
    cores: str,
) -> None:
    config = {"spark.executor.memory": "8g", "spark.driver.memory": "8g"}

    engine.submit(replace(request_of, spark_config=config, enlarged=enlarged))

    (asked,) = server.requested("StartJobRun")
    (classification,) = asked["configurationOverrides"]["applicationConfiguration"]
    spark = classification["properties"]
    assert (spark["spark.executor.memory"], spark["spark.driver.memory"]) == (memory, memory)
    assert spark["spark.executor.cores"] == cores


def test_a_job_is_started_once_whatever_happens_to_the_answers(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    server.runs.script("RUNNING")
    server.lose_answer("StartJobRun")

    job = engine.submit(request_of)
    again = engine.submit(request_of)

    assert again == job == engine.find(KEY)
    assert len(server.runs.all) == 1
    assert engine.find(OTHER_KEY) is None


def test_a_job_is_found_among_many(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    for number in range(60):
        server.runs.script("SUCCESS")
        engine.submit(replace(request_of, key=f"{number:032x}"))
        server.runs.all[-1].created = server.clock.now()
    server.calls.clear()

    found = engine.find(f"{59:032x}")

    assert found is not None
    assert server.calls["ListJobRuns"] == 2


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("SUBMITTED", Phase.WAITING),
        ("PENDING", Phase.WAITING),
        ("SCHEDULED", Phase.WAITING),
        ("QUEUED", Phase.WAITING),
        ("RUNNING", Phase.RUNNING),
        ("CANCELLING", Phase.RUNNING),
        ("SUCCESS", Phase.SUCCEEDED),
        ("FAILED", Phase.FAILED),
        ("CANCELLED", Phase.CANCELLED),
        ("SOMETHING_NEW", Phase.RUNNING),
    ],
)
def test_every_state_has_a_phase(
    engine: EmrServerless,
    server: EmrServerlessServer,
    request_of: JobRequest,
    state: str,
    phase: Phase,
) -> None:
    server.runs.script(state)

    found = engine.state(engine.submit(request_of))

    assert found.phase is phase
    assert found.detail.startswith(state)


def test_a_job_that_waits_is_cancelled_without_having_started(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    server.runs.held = True
    job = engine.submit(request_of)
    assert engine.state(job).phase is Phase.WAITING

    engine.cancel(job)

    assert engine.state(job).phase is Phase.CANCELLED
    assert server.runs.all[0].process is None
    assert engine.usage(job) is None
    assert engine.log(job, 10) == []


def test_the_ends_of_both_logs_are_read_and_half_of_one_is_none(
    engine: EmrServerless, lake: S3Storage, request_of: JobRequest
) -> None:
    job = engine.submit(request_of)
    application, _, run = job.id.partition("/")
    folder = f"_jobs/emr-serverless-logs/applications/{application}/jobs/{run}/SPARK_DRIVER"
    lake.write(f"{folder}/stdout.gz", gzip.compress(b"a\nb\nc\n"))
    errors = gzip.compress("d\ne é\n".encode())
    lake.write(f"{folder}/stderr.gz", errors)
    assert engine.log(job, 2) == ["b", "c", "d", "e é"]

    lake.write(f"{folder}/stderr.gz", errors[:-9])

    assert engine.log(job, 2) == ["b", "c"]


def test_cancelling_what_has_ended_or_is_forgotten_is_no_error(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    server.runs.script("SUCCESS")
    job = engine.submit(request_of)
    engine.state(job)

    engine.cancel(job)
    engine.cancel(Submitted("emr-serverless", job.id[:-1] + "x"))

    assert engine.state(job).phase is Phase.SUCCEEDED


def test_a_refused_cancellation_of_a_running_job_is_an_error(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    server.runs.script("RUNNING")
    job = engine.submit(request_of)
    denied = "User: u is not authorized to perform: emr-serverless:CancelJobRun on resource: arn:x"
    server.refuse("CancelJobRun", RefusedError("AccessDeniedException", denied, 403))

    with pytest.raises(EngineError, match=r"Allow `emr-serverless:CancelJobRun` on `arn:x`"):
        engine.cancel(job)


def test_credentials_that_expire_while_a_job_runs_are_looked_for_again(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    server.runs.script("RUNNING", "SUCCESS")
    job = engine.submit(request_of)
    client = engine._service._client
    server.refuse("GetJobRun", RefusedError("ExpiredTokenException", "expired", 403))

    with pytest.raises(EngineUnavailable, match="expired"):
        engine.state(job)

    assert [engine.state(job).phase for _ in range(2)] == [Phase.RUNNING, Phase.SUCCEEDED]
    assert engine._service._client is not client


def test_a_tenth_of_all_calls_throttled_is_not_noticed(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    server.throttle(every=10)
    server.runs.script(*["RUNNING"] * 15, "SUCCESS")

    job = engine.submit(request_of)
    phases = [engine.state(job).phase for _ in range(16)]

    assert phases == [Phase.RUNNING] * 15 + [Phase.SUCCEEDED]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RefusedError("ServiceQuotaExceededException", "vCPU", 402), EngineUnavailable, "quota"),
        (RefusedError("ConflictException", "not now", 409), EngineError, "not now"),
        (
            RefusedError(
                "AccessDeniedException",
                f"User: u is not authorized to perform: iam:PassRole on resource: {ROLE}",
                403,
            ),
            EngineError,
            f"Allow `iam:PassRole` on `{ROLE}`",
        ),
        (
            RefusedError("ValidationException", "Could not assume the runtime role"),
            EngineError,
            f"Check that role {ROLE} is there and that its trust policy lets "
            "emr-serverless.amazonaws.com",
        ),
        (RefusedError("ExpiredTokenException", "expired", 403), EngineUnavailable, "expired"),
    ],
)
def test_what_the_service_refuses_is_said_with_what_to_do(
    engine: EmrServerless,
    server: EmrServerlessServer,
    request_of: JobRequest,
    error: RefusedError,
    kind: type[EngineError],
    words: str,
) -> None:
    server.refuse("StartJobRun", error)

    with pytest.raises(EngineError) as raised:
        engine.submit(request_of)

    assert type(raised.value) is kind
    assert words in str(raised.value)
    assert "StartJobRun" in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [
        {"spark_config": {"spark.long": "x" * 1025}},
        {"spark_config": {f"spark.{number}": "x" for number in range(101)}},
    ],
)
def test_a_job_that_the_service_could_not_run_is_refused_before_anything_is_started(
    engine: EmrServerless,
    server: EmrServerlessServer,
    request_of: JobRequest,
    change: dict[str, object],
) -> None:
    with pytest.raises(EngineError, match="Expected"):
        engine.submit(replace(request_of, **change))  # type: ignore[arg-type]

    assert server.calls.total() == 0


def test_without_a_role_there_is_no_engine() -> None:
    settings = Settings("s3://bucket/lake", "s3://bucket/raw", database="", local_folder="")

    with pytest.raises(SettingsError, match="LAKE_EMR_SERVERLESS_ROLE"):
        open_engine(settings, "emr-serverless")
    opened = open_engine(replace(settings, emr_serverless=SETTINGS), "emr-serverless")
    assert isinstance(opened, EmrServerless)


@pytest.mark.big
def test_a_job_runs_for_real_and_its_log_and_usage_are_read(
    engine: EmrServerless, server: EmrServerlessServer, lake: S3Storage, request_of: JobRequest
) -> None:
    rows = f"{lake.root}/raw/rows.txt"

    job = engine.submit(replace(request_of, arguments=("spark", "--rows", rows)))

    wait_for(lambda: engine.state(job).phase.is_final)
    log = engine.log(job, 40)
    assert engine.state(job).phase is Phase.SUCCEEDED, log
    assert log[:2] == [f"arguments: spark --rows {rows}", "shipped: by zip no dagster"]
    assert "setting: some=words" in log
    assert "rows: 3" in log
    usage = engine.usage(job)
    assert usage is not None
    assert usage.vcpu_hours >= 4 / 60
    assert f"jobs/{job.id.partition('/')[2]}/" in job.url


@pytest.mark.slow
def test_a_job_that_fails_leaves_its_traceback_and_one_that_runs_is_ended(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    failing = engine.submit(replace(request_of, arguments=("fail",)))
    waiting = engine.submit(replace(request_of, key=OTHER_KEY, arguments=("wait",)))

    wait_for(lambda: engine.state(failing).phase.is_final)
    assert engine.state(failing).phase is Phase.FAILED
    assert "ValueError: as it was told to" in engine.log(failing, 20)
    assert engine.state(waiting).phase is Phase.RUNNING
    engine.cancel(waiting)
    wait_for(lambda: engine.state(waiting).phase is Phase.CANCELLED)


@pytest.mark.slow
def test_a_job_that_lasts_too_long_is_ended_by_the_service(
    engine: EmrServerless, server: EmrServerlessServer, request_of: JobRequest
) -> None:
    job = engine.submit(replace(request_of, arguments=("wait",)))
    assert engine.state(job).phase is Phase.RUNNING

    server.clock.skip(hours=3)

    assert engine.state(job).phase is Phase.CANCELLED
    assert "timed out" in engine.state(job).detail
