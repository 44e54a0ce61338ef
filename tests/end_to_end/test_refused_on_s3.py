"""What S3 refuses to Spark, in mid-run: the words, whether a retry helps, and what is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TypedDict

import pytest

from resources.aws import AwsSettings, aws_client
from tests.end_to_end.radio_on_s3 import KEYS, PROJECT
from tests.servers.faulty import DENIED, EXPIRED, faulty_proxy

pytestmark = pytest.mark.big


class Told(TypedDict):
    """What the process tells of one lake."""

    name: str
    succeeded: bool
    errors: list[str]
    rows: int
    verdicts: int
    quarantined: int


def refuse(call: str, made: int) -> str | None:
    """By the lake's name; of the lake that `expires` it refuses the first upload once."""
    is_upload = call.startswith(("PUT", "POST")) and "/refined/" in call and "part-" in call
    if "/expires/" in call and is_upload and not refused:
        refused.append(call)
        return EXPIRED
    if "/stays-expired/" in call and is_upload:
        return EXPIRED
    if "/denies-writing/" in call and is_upload:
        return DENIED
    is_read = call.startswith("GET") and "a.parquet" in call
    return DENIED if "/denies-reading/" in call and is_read else None


refused: list[str] = []


@pytest.fixture(scope="module")
def told(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    names = ["expires", "stays-expired", "denies-writing", "denies-reading"]
    aws = AwsSettings(region="us-east-1", endpoints={"s3": moto_url})
    with pytest.MonkeyPatch.context() as patch, faulty_proxy(moto_url, refuse) as proxy:
        for variable, value in KEYS.items():
            patch.setenv(variable, value)
        aws_client(aws, "s3").create_bucket(Bucket="refusing")
        done = subprocess.run(
            [sys.executable, "-m", "tests.end_to_end.refused_on_s3",
             str(tmp_path_factory.mktemp("refused")), *names],
            cwd=PROJECT,
            env={
                **os.environ,
                "LAKE_ROOT": "s3://refusing",
                "LAKE_S3_ENDPOINT": proxy.url,
                "LAKE_AWS_REGION": "us-east-1",
                "PYTHONPATH": str(PROJECT),
            },
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    print(done.stdout)
    lines: list[Told] = [json.loads(line) for line in done.stdout.splitlines() if line[0] == "{"]
    return {each["name"]: each for each in lines}


def test_credentials_that_expire_in_mid_run_cost_a_retry_and_no_row(told: dict[str, Told]) -> None:
    found = told["expires"]
    assert found["succeeded"], found["errors"]
    assert found["rows"] == 20
    assert any("RetryRequested" in each or "could not write" in each for each in found["errors"])


def test_credentials_that_stay_expired_are_named_and_nothing_is_published(
    told: dict[str, Told],
) -> None:
    found = told["stays-expired"]
    assert not found["succeeded"]
    assert (found["rows"], found["verdicts"]) == (0, 0)
    assert "the credentials have expired" in found["errors"][-1]


def test_writing_that_is_denied_to_spark_names_what_to_allow(told: dict[str, Told]) -> None:
    found = told["denies-writing"]
    assert not found["succeeded"]
    assert (found["rows"], found["verdicts"]) == (0, 0)
    assert len(found["errors"]) == 1
    assert "Allow `s3:PutObject` on `arn:aws:s3:::refusing/*`" in found["errors"][-1]


def test_a_file_that_may_not_be_read_is_no_broken_one(told: dict[str, Told]) -> None:
    found = told["denies-reading"]
    assert not found["succeeded"]
    assert (found["rows"], found["verdicts"], found["quarantined"]) == (0, 0, 0)
    assert "Allow `s3:GetObject` on `arn:aws:s3:::refusing/*`" in found["errors"][-1]
