"""Settings of EMR Serverless and Glue, what they come to in estimates, and a job's policy."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from resources.aws import AwsSettings
from resources.compute.emr_serverless_settings import EmrServerlessSettings
from resources.compute.engine import Usage
from resources.compute.glue_job_settings import GlueJobSettings
from resources.compute.managed_sites import emr_serverless_site, glue_site
from resources.compute.session_policy import session_policy
from resources.errors import SettingsError
from resources.settings import load_settings

ROLE = "arn:aws:iam::123456789012:role/jobs/lake"


def test_without_variables_neither_service_is_configured() -> None:
    settings = load_settings({})

    assert not settings.emr_serverless.is_configured
    assert not settings.glue_job.is_configured
    assert emr_serverless_site(settings.emr_serverless) is None
    assert glue_site(settings.glue_job) is None


def test_every_variable_is_read() -> None:
    settings = load_settings(
        {
            "LAKE_EMR_SERVERLESS_ROLE": ROLE,
            "LAKE_EMR_SERVERLESS_APPLICATION": "00fl0example0id1",
            "LAKE_EMR_SERVERLESS_RELEASE": "emr-spark-8.0.0",
            "LAKE_EMR_SERVERLESS_ARCHITECTURE": "ARM64",
            "LAKE_EMR_SERVERLESS_SUBNETS": "subnet-0a1b, subnet-2c3d",
            "LAKE_EMR_SERVERLESS_SECURITY_GROUPS": "sg-0a1b",
            "LAKE_EMR_SERVERLESS_IDLE_MINUTES": "5",
            "LAKE_EMR_SERVERLESS_EXECUTORS": "8",
            "LAKE_EMR_SERVERLESS_WARM_EXECUTORS": "2",
            "LAKE_GLUE_JOB_ROLE": ROLE,
            "LAKE_GLUE_JOB_VERSION": "6.0",
            "LAKE_GLUE_JOB_WORKER_TYPE": "G.2X",
            "LAKE_GLUE_JOB_WORKERS": "3",
            "LAKE_GLUE_JOB_AUTOSCALING": "false",
            "LAKE_GLUE_JOB_EXECUTION": "FLEX",
            "LAKE_GLUE_JOB_CONNECTION": "lake-network",
            "LAKE_GLUE_JOB_CONCURRENT_RUNS": "2",
        }
    )

    assert settings.emr_serverless == EmrServerlessSettings(
        role=ROLE,
        application="00fl0example0id1",
        release="emr-spark-8.0.0",
        architecture="ARM64",
        subnets=("subnet-0a1b", "subnet-2c3d"),
        security_groups=("sg-0a1b",),
        idle_minutes=5,
        executors=8,
        warm_executors=2,
    )
    assert settings.glue_job == GlueJobSettings(
        role=ROLE,
        version="6.0",
        worker_type="G.2X",
        workers=3,
        autoscaling=False,
        execution="FLEX",
        connection="lake-network",
        concurrent_runs=2,
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LAKE_EMR_SERVERLESS_ROLE": "lake"}, "expected something like 'arn:aws:iam"),
        ({"LAKE_EMR_SERVERLESS_RELEASE": "emr-6.15.0"}, "expected a release that runs"),
        ({"LAKE_EMR_SERVERLESS_ARCHITECTURE": "arm"}, "expected one of X86_64, ARM64"),
        ({"LAKE_EMR_SERVERLESS_SUBNETS": "subnet-1;subnet-2"}, "ids with commas"),
        ({"LAKE_EMR_SERVERLESS_SECURITY_GROUPS": "sg-1"}, "LAKE_EMR_SERVERLESS_SUBNETS: expected"),
        ({"LAKE_EMR_SERVERLESS_IDLE_MINUTES": "10081"}, "expected a whole number from 1 to 10,080"),
        ({"LAKE_GLUE_JOB_VERSION": "4.0"}, "expected a release that runs"),
        ({"LAKE_GLUE_JOB_WORKER_TYPE": "Standard"}, "expected one of G.1X"),
        ({"LAKE_GLUE_JOB_WORKERS": "1"}, "expected a whole number from 2"),
        ({"LAKE_GLUE_JOB_AUTOSCALING": "yes"}, "expected one of true, false"),
        ({"LAKE_GLUE_JOB_EXECUTION": "flex"}, "expected one of STANDARD, FLEX"),
        ({"LAKE_GLUE_JOB_CONNECTION": "a b"}, "expected something like 'lake-network'"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_its_name(
    environment: Mapping[str, str], words: str
) -> None:
    (name,) = environment

    with pytest.raises(SettingsError) as raised:
        load_settings(environment)

    assert words in str(raised.value)
    assert name in str(raised.value)


def test_an_hour_is_billed_for_all_workers_and_computed_by_all_but_the_driver() -> None:
    serverless = emr_serverless_site(EmrServerlessSettings(role=ROLE, executors=3))
    glue = glue_site(GlueJobSettings(role=ROLE, worker_type="R.2X", workers=5, execution="FLEX"))

    assert serverless is not None
    assert (serverless.cores, serverless.memory_gb) == (12, 48.0)
    assert serverless.hourly == Usage(3600.0, vcpu_hours=16.0, memory_gb_hours=64.0)
    assert glue is not None
    assert (glue.cores, glue.memory_gb) == (32, 256.0)
    assert glue.hourly == Usage(3600.0, dpu_hours=10.0, flexible=True)


def test_a_policy_narrows_to_the_lakes_prefixes_and_takes_them_literally() -> None:
    aws = AwsSettings(region="cn-north-1")

    text = session_policy(aws, ["s3://lake/a*b", "s3://raw/events"], ["s3://lake/a*b"], ["logs:X"])

    listing, reading, writing, others = json.loads(text)["Statement"]
    assert listing["Resource"] == ["arn:aws-cn:s3:::lake", "arn:aws-cn:s3:::raw"]
    assert reading["Resource"] == ["arn:aws-cn:s3:::lake/a${*}b/*", "arn:aws-cn:s3:::raw/events/*"]
    assert writing["Resource"] == ["arn:aws-cn:s3:::lake/a${*}b/*"]
    assert "logs:X" in others["Action"]
    assert "*" not in others["Action"]


def test_a_policy_that_a_service_would_refuse_is_refused_before() -> None:
    with pytest.raises(
        SettingsError, match="LAKE_ROOT and LAKE_RAW_ROOT: expected addresses short"
    ):
        session_policy(AwsSettings(), ["s3://raw/" + "x" * 900], ["s3://lake/" + "x" * 900])
