"""Sessions: whose credentials are used, and what is said when there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.credentials import DeferredRefreshableCredentials

from resources.aws import AwsSettings, arn, aws_client, aws_session
from resources.compute.s3a import aws_java_options, s3a_config
from resources.errors import SettingsError, StorageError
from resources.settings import load_settings
from resources.storage import S3Storage

ROLE = "arn:aws:iam::123456789012:role/lake"


def test_a_role_is_assumed_when_it_is_first_needed(aws_settings: AwsSettings) -> None:
    session = aws_session(replace(aws_settings, role=ROLE))
    sts = session.client("sts", endpoint_url=aws_settings.endpoints["sts"])

    identity = sts.get_caller_identity()

    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/lake/lake-assets"


def test_a_roles_credentials_are_refreshed_before_they_expire(
    aws_settings: AwsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = aws_session(replace(aws_settings, role=ROLE)).get_credentials()
    assert isinstance(credentials, DeferredRefreshableCredentials)

    first = credentials.get_frozen_credentials()
    kept = credentials.get_frozen_credentials()
    nearly_an_hour_later = datetime.now(UTC) + timedelta(minutes=55)
    monkeypatch.setattr("botocore.credentials._local_now", lambda: nearly_an_hour_later)
    monkeypatch.setattr(credentials, "_time_fetcher", lambda: nearly_an_hour_later)
    second = credentials.get_frozen_credentials()

    assert str(first.access_key).startswith("ASIA")
    assert kept.access_key == first.access_key
    assert second.access_key != first.access_key


def test_a_role_without_credentials_to_assume_it_says_so(
    aws_settings: AwsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(StorageError, match="no AWS credentials were found"):
        S3Storage("bucket", "", replace(aws_settings, role=ROLE)).read("a")


def test_a_profile_gives_region_and_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(
        "[profile analytics]\nregion = eu-west-3\n"
        "aws_access_key_id = of-the-profile\naws_secret_access_key = secret\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)

    session = aws_session(AwsSettings(profile="analytics"))
    credentials = session.get_credentials()

    assert session.region_name == "eu-west-3"
    assert credentials is not None
    assert credentials.access_key == "of-the-profile"
    with pytest.raises(SettingsError, match=r"expected a profile .* There are: analytics"):
        aws_session(AwsSettings(profile="analytic"))


def test_a_service_without_a_region_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(SettingsError, match="LAKE_AWS_REGION: expected a region for glue"):
        aws_client(AwsSettings(), "glue")


@pytest.mark.parametrize(
    ("region", "partition"),
    [("", "aws"), ("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_an_arn_is_of_the_regions_partition(region: str, partition: str) -> None:
    assert arn(AwsSettings(region=region), "s3", "bucket/*") == f"arn:{partition}:s3:::bucket/*"


def test_spark_is_told_nothing_of_s3_where_nothing_is_there() -> None:
    settings = load_settings({"AWS_REGION": "eu-west-1", "LAKE_S3_KMS_KEY": "alias/lake"})

    assert s3a_config(settings) == {}
    assert aws_java_options(settings) == []


def test_spark_is_told_what_boto3_is_told() -> None:
    settings = load_settings(
        {
            "LAKE_RAW_ROOT": "s3://raw",
            "LAKE_AWS_REGION": "eu-west-1",
            "LAKE_AWS_ROLE": ROLE,
            "LAKE_S3_ENDPOINT": "http://127.0.0.1:5000",
            "LAKE_S3_KMS_KEY": "alias/lake",
            "LAKE_S3_REQUESTER_PAYS": "true",
            "AWS_ACCESS_KEY_ID": "not-for-the-configuration",
        }
    )

    found = s3a_config(settings)

    assert {
        "spark.hadoop.fs.s3a.endpoint": "http://127.0.0.1:5000",
        "spark.hadoop.fs.s3a.endpoint.region": "eu-west-1",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.requester.pays.enabled": "true",
        "spark.hadoop.fs.s3a.encryption.algorithm": "SSE-KMS",
        "spark.hadoop.fs.s3a.encryption.key": "alias/lake",
        "spark.hadoop.fs.s3a.assumed.role.arn": ROLE,
    }.items() <= found.items()
    assert "not-for-the-configuration" not in str(found)
    assert aws_java_options(settings) == ["-Daws.region=eu-west-1"]
