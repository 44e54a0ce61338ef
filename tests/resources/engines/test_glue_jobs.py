"""Jobs on Glue against their control plane over HTTP; some runs are real `spark-submit` processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from resources.aws import AwsSettings
from resources.compute.engine import LAKE_TAG, JobRequest, Phase, Usage
from resources.compute.glue_job_settings import GlueJobSettings
from resources.compute.glue_jobs import GlueJobs
from resources.compute.opening import open_engine
from resources.errors import EngineError, EngineUnavailable, SettingsError
from resources.settings import Settings
from resources.storage import S3Storage
from tests.resources.engines.conftest import KEY, OTHER_KEY
from tests.servers.control_plane import RefusedError
from tests.servers.glue_jobs import GlueJobsServer, glue_jobs_server
from tests.waiting import wait_for

ROLE = "arn:aws:iam::123456789012:role/lake-jobs"
SETTINGS = GlueJobSettings(role=ROLE, workers=4)


@pytest.fixture
def server(aws_settings: AwsSettings, tmp_path: Path) -> Iterator[GlueJobsServer]:
    aws = replace(
        aws_settings, endpoints={**aws_settings.endpoints, "logs": aws_settings.endpoints["s3"]}
    )
    with glue_jobs_server(aws, tmp_path) as server:
        yield server


@pytest.fixture
def aws(aws_settings: AwsSettings, server: GlueJobsServer) -> AwsSettings:
    endpoints = aws_settings.endpoints
    return replace(
        aws_settings, endpoints={**endpoints, "glue": server.url, "logs": endpoints["s3"]}
    )


@pytest.fixture
def engine(aws: AwsSettings, lake: S3Storage) -> GlueJobs:
    return GlueJobs(aws, SETTINGS, lake.root, "s3://raw/events", settle_seconds=0)


def test_one_job_is_made_for_the_lake_and_left_as_it_is(
    engine: GlueJobs, server: GlueJobsServer, lake: S3Storage, request_of: JobRequest
) -> None:
    engine.submit(request_of)
    engine.submit(replace(request_of, key=OTHER_KEY))

    (asked,) = server.requested("CreateJob")
    assert asked["Role"] == ROLE
    assert asked["GlueVersion"] == "5.1"
    assert asked["ExecutionProperty"] == {"MaxConcurrentRuns": 10}
    assert asked["MaxRetries"] == 0
    assert list(server.tags.values()) == [{LAKE_TAG: lake.root}]
    assert server.calls["UpdateJob"] == 0


def test_a_job_is_brought_up_to_date(
    aws: AwsSettings,
    engine: GlueJobs,
    server: GlueJobsServer,
    lake: S3Storage,
    request_of: JobRequest,
) -> None:
    engine.submit(request_of)
    changed = replace(SETTINGS, version="6.0", connection="network")

    GlueJobs(aws, changed, lake.root, "s3://raw/events").submit(replace(request_of, key=OTHER_KEY))

    (asked,) = server.requested("UpdateJob")
    assert asked["JobUpdate"]["GlueVersion"] == "6.0"
    assert asked["JobUpdate"]["Connections"] == {"Connections": ["network"]}
    assert "ec2:*NetworkInterface" in server.runs.all[1].request["ExecutionRoleSessionPolicy"]


def test_a_job_that_is_made_by_the_time_it_is_asked_for_is_taken(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    server.lose_answer("CreateJob")

    engine.submit(request_of)

    assert server.calls["CreateJob"] == 2
    assert len(server.jobs) == len(server.runs.all) == 1


def test_a_job_that_others_made_is_left_alone(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    engine.submit(request_of)
    (job,) = server.jobs.values()
    job["Description"] = "somebody's"

    with pytest.raises(EngineError, match="Somebody else's is left alone"):
        engine.submit(replace(request_of, key=OTHER_KEY))

    assert len(server.runs.all) == 1


def test_a_run_is_started_with_its_files_settings_policy_and_key(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    config = {"spark.a": "1", "spark.b": "x=y"}
    tags = {"lake-assets:run": "run-1"}
    engine.submit(replace(request_of, jars=("s3://bucket/a.jar",), spark_config=config, tags=tags))

    (asked,) = server.requested("StartJobRun")
    assert asked["Arguments"] == {
        "--scriptLocation": request_of.entry_point,
        "--extra-py-files": request_of.code,
        "--extra-jars": "s3://bucket/a.jar",
        "--conf": "spark.a=1 --conf spark.b=x=y",
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-auto-scaling": "true",
        "--lake-assets-job": KEY,
        "--lake-assets-run": "run-1",
        "--do": "nothing",
    }
    assert asked["Timeout"] == 10
    assert (asked["WorkerType"], asked["NumberOfWorkers"]) == ("G.1X", 4)
    assert asked["JobRunQueuingEnabled"]
    assert "logs:PutLogEvents" in asked["ExecutionRoleSessionPolicy"]
    assert len(asked["ExecutionRoleSessionPolicy"]) <= 2048


def test_flex_waits_by_itself(
    aws: AwsSettings, server: GlueJobsServer, lake: S3Storage, request_of: JobRequest
) -> None:
    flex = replace(SETTINGS, execution="FLEX", autoscaling=False)

    GlueJobs(aws, flex, lake.root, "s3://raw/events").submit(request_of)

    (asked,) = server.requested("StartJobRun")
    assert asked["ExecutionClass"] == "FLEX"
    assert not asked["JobRunQueuingEnabled"]
    assert "--enable-auto-scaling" not in asked["Arguments"]


@pytest.mark.parametrize(("enlarged", "worker"), [(0, "G.1X"), (1, "R.1X"), (2, "R.2X")])
def test_a_job_that_lacked_memory_gets_workers_that_have_more(
    aws: AwsSettings,
    server: GlueJobsServer,
    lake: S3Storage,
    request_of: JobRequest,
    enlarged: int,
    worker: str,
) -> None:
    flex = replace(SETTINGS, execution="FLEX")
    config = {"spark.executor.memory": "8g", "spark.driver.memory": "8g", "spark.a": "1"}

    GlueJobs(aws, flex, lake.root, "s3://raw/events").submit(
        replace(request_of, spark_config=config, enlarged=enlarged)
    )

    (asked,) = server.requested("StartJobRun")
    assert asked["WorkerType"] == worker
    assert asked["ExecutionClass"] == ("STANDARD" if enlarged else "FLEX")
    assert asked["Arguments"]["--conf"] == "spark.a=1"


def test_a_run_whose_answer_was_lost_is_found_and_not_started_again(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    server.lose_answer("StartJobRun")

    job = engine.submit(request_of)

    assert engine.submit(request_of) == job == engine.find(KEY)
    assert len(server.runs.all) == 1
    assert server.calls["StartJobRun"] == 1


def test_a_start_that_was_throttled_is_sent_once_and_can_be_tried_again(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    server.refuse("StartJobRun", RefusedError("ThrottlingException", "Rate exceeded"))

    with pytest.raises(EngineUnavailable, match="Rate exceeded"):
        engine.submit(request_of)

    assert server.calls["StartJobRun"] == 1
    assert engine.find(KEY) is None
    assert engine.submit(request_of) == engine.find(KEY)


def test_a_run_is_found_on_the_second_page_and_no_further_back_than_a_run_can_last(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    engine.submit(request_of)
    oldest = server.runs.all[0]
    server.runs.all += [
        replace(oldest, id=f"{oldest.id}{number}", request={**oldest.request, "Arguments": {}})
        for number in range(450)
    ]

    server.calls.clear()
    assert engine.find(KEY) is not None
    assert server.calls["GetJobRuns"] == 3

    for run in server.runs.all[:300]:
        run.created -= timedelta(days=9)
    server.calls.clear()
    assert engine.find(KEY) is None
    assert server.calls["GetJobRuns"] == 1


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("STARTING", Phase.WAITING),
        ("WAITING", Phase.WAITING),
        ("RUNNING", Phase.RUNNING),
        ("STOPPING", Phase.RUNNING),
        ("STOPPED", Phase.CANCELLED),
        ("SUCCEEDED", Phase.SUCCEEDED),
        ("FAILED", Phase.FAILED),
        ("ERROR", Phase.FAILED),
        ("TIMEOUT", Phase.FAILED),
        ("EXPIRED", Phase.FAILED),
        ("SOMETHING_NEW", Phase.RUNNING),
    ],
)
def test_every_state_has_a_phase(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest, state: str, phase: Phase
) -> None:
    server.runs.script(state)
    job = engine.submit(request_of)
    server.runs.all[0].detail = "in its own words"

    found = engine.state(job)

    assert found.phase is phase
    assert found.detail == f"{state}: in its own words"


def test_credentials_that_expire_while_a_job_runs_are_looked_for_again(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    server.runs.script("RUNNING", "SUCCEEDED")
    job = engine.submit(request_of)
    client = engine._service._client
    server.refuse("GetJobRun", RefusedError("ExpiredTokenException", "expired", 403))

    with pytest.raises(EngineUnavailable, match="expired"):
        engine.state(job)

    assert [engine.state(job).phase for _ in range(2)] == [Phase.RUNNING, Phase.SUCCEEDED]
    assert engine._service._client is not client


def test_a_run_that_waits_for_capacity_is_stopped_without_having_started(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    server.runs.held = True
    job = engine.submit(request_of)
    assert engine.state(job).phase is Phase.WAITING

    engine.cancel(job)

    assert engine.state(job).phase is Phase.CANCELLED
    assert engine.usage(job) == Usage()
    assert engine.log(job, 10) == []


def test_stopping_what_has_ended_is_no_error(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    server.runs.script("SUCCEEDED")
    job = engine.submit(request_of)

    engine.state(job)
    engine.cancel(job)

    assert engine.state(job).phase is Phase.SUCCEEDED


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", EngineUnavailable),
        ("InternalServiceException", EngineUnavailable),
        ("AccessDeniedException", EngineError),
    ],
)
def test_a_refused_stop_of_a_run_is_an_error(
    engine: GlueJobs,
    server: GlueJobsServer,
    request_of: JobRequest,
    code: str,
    kind: type[EngineError],
) -> None:
    server.runs.script("RUNNING")
    job = engine.submit(request_of)
    server.refused_stop = (code, "not now")

    with pytest.raises(EngineError, match=f"{code}: not now") as raised:
        engine.cancel(job)

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("execution", "autoscaling", "dpu_hours"),
    [("STANDARD", False, 2.0), ("STANDARD", True, 1.0), ("FLEX", False, 1.0)],
)
def test_usage_is_the_dpu_seconds_where_they_are_counted(
    aws: AwsSettings,
    server: GlueJobsServer,
    lake: S3Storage,
    request_of: JobRequest,
    execution: str,
    autoscaling: bool,
    dpu_hours: float,
) -> None:
    settings = replace(SETTINGS, execution=execution, autoscaling=autoscaling)  # type: ignore[arg-type]
    engine = GlueJobs(aws, settings, lake.root, "s3://raw/events")
    server.runs.script("SUCCEEDED")
    job = engine.submit(request_of)
    engine.state(job)
    (run,) = server.runs.all
    run.started = run.created
    run.ended = run.created + timedelta(minutes=30)

    usage = engine.usage(job)

    assert usage is not None
    assert usage.seconds == 1800
    assert usage.dpu_hours == dpu_hours
    assert usage.flexible == (execution == "FLEX")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            RefusedError("ConcurrentRunsExceededException", "too many"),
            EngineUnavailable,
            "Service Quotas",
        ),
        (
            RefusedError(
                "AccessDeniedException",
                "User: u is not authorized to perform: glue:StartJobRun on resource: arn:job",
                403,
            ),
            EngineError,
            "Allow `glue:StartJobRun` on `arn:job`",
        ),
        (
            RefusedError(
                "InvalidInputException",
                f"Role {ROLE} should be given assume role permissions for Glue Service.",
            ),
            EngineError,
            "trust policy lets glue.amazonaws.com assume it",
        ),
    ],
)
def test_what_the_service_refuses_is_said_with_what_to_do(
    engine: GlueJobs,
    server: GlueJobsServer,
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


@pytest.mark.parametrize(
    "change",
    [
        {"arguments": ("--a",)},
        {"arguments": ("a", "b")},
        {"arguments": ("--a", "")},
        {"arguments": ("--a", "1", "--a", "2")},
        {"arguments": ("--extra-jars", "s3://b/x.jar")},
        {"arguments": ("--a", "x" * 270_000)},
        {"spark_config": {"spark.a": "two words"}},
    ],
)
def test_a_job_that_glue_could_not_carry_is_refused_before_anything_is_started(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest, change: dict[str, object]
) -> None:
    with pytest.raises(EngineError, match="Expected"):
        engine.submit(replace(request_of, **change))  # type: ignore[arg-type]

    assert server.calls.total() == 0


def test_without_a_role_there_is_no_engine() -> None:
    settings = Settings("s3://bucket/lake", "s3://bucket/raw", database="", local_folder="")

    with pytest.raises(SettingsError, match="LAKE_GLUE_JOB_ROLE"):
        open_engine(settings, "glue")
    opened = open_engine(replace(settings, glue_job=SETTINGS), "glue")
    assert isinstance(opened, GlueJobs)


@pytest.mark.big
def test_a_run_is_a_real_one_whose_log_and_usage_are_read(
    engine: GlueJobs, server: GlueJobsServer, lake: S3Storage, request_of: JobRequest
) -> None:
    rows = f"{lake.root}/raw/rows.txt"
    request = replace(request_of, arguments=("--do", "spark", "--rows", rows))

    job = engine.submit(request)

    wait_for(lambda: engine.state(job).phase.is_final)
    log = engine.log(job, 40)
    assert engine.state(job).phase is Phase.SUCCEEDED, log
    assert f"--JOB_RUN_ID {server.runs.all[0].id}" in log[0]
    assert log[1:4] == ["shipped: by zip no dagster", "setting: some=words", "rows: 3"]
    usage = engine.usage(job)
    assert usage is not None
    assert usage.dpu_hours > 0


@pytest.mark.slow
def test_a_run_that_fails_leaves_its_traceback_and_others_are_ended_by_us_or_by_time(
    engine: GlueJobs, server: GlueJobsServer, request_of: JobRequest
) -> None:
    failing = engine.submit(replace(request_of, arguments=("--do", "fail")))
    waiting = replace(request_of, arguments=("--do", "wait"))
    stopped = engine.submit(replace(waiting, key=OTHER_KEY))
    late = engine.submit(replace(waiting, key="ab" * 16))

    wait_for(lambda: engine.state(failing).phase.is_final)
    assert engine.state(failing).phase is Phase.FAILED
    assert "ValueError: as it was told to" in engine.log(failing, 20)
    assert engine.state(stopped).phase is Phase.RUNNING
    engine.cancel(stopped)
    wait_for(lambda: engine.state(stopped).phase is Phase.CANCELLED)
    assert engine.state(late).phase is Phase.RUNNING
    server.clock.skip(hours=3)
    assert engine.state(late).detail == "TIMEOUT: JobRun timed out"
