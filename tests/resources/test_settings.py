"""Settings: every one has a default, and a wrong one is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.aws import AwsSettings
from resources.catalog.glue import GlueCatalog
from resources.catalog.local import LocalCatalog
from resources.errors import SettingsError
from resources.lake import Lake
from resources.settings import GlueSettings, load_settings

ROOT = Path(__file__).parents[2]


def test_without_any_setting_the_lake_is_a_folder_beside_the_project() -> None:
    settings = load_settings({})

    assert settings.root == str(ROOT / ".lake" / "lake")
    assert settings.raw_root == f"{settings.root}/raw"
    assert settings.database == f"{settings.root}/database"
    assert settings.local_folder == settings.root
    assert settings.catalog == "local"
    assert settings.aws == AwsSettings()
    assert not settings.is_on_s3
    assert settings.spark_master == "local[*]"
    assert settings.keep_previous == 2


def test_an_empty_setting_is_none() -> None:
    names = (
        "LAKE_ROOT LAKE_RAW_ROOT LAKE_DATABASE LAKE_SPARK_MASTER LAKE_SPARK_MEMORY LAKE_SPARK_REMOTE "
        "LAKE_TARGET_FILE_MB LAKE_KEEP_PREVIOUS LAKE_SCRATCH_DAYS LAKE_DATABASE_WAIT_SECONDS LAKE_LOCAL_FOLDER "
        "LAKE_AWS_REGION LAKE_AWS_PROFILE LAKE_AWS_ROLE LAKE_S3_ENDPOINT LAKE_GLUE_ENDPOINT "
        "LAKE_SECRETS_MANAGER_ENDPOINT LAKE_STS_ENDPOINT LAKE_ATHENA_ENDPOINT LAKE_S3_KMS_KEY "
        "LAKE_S3_REQUESTER_PAYS LAKE_CATALOG LAKE_GLUE_DATABASE LAKE_GLUE_TABLE_PREFIX "
        "LAKE_ATHENA_WORK_GROUP LAKE_ATHENA_SCAN_LIMIT_MB LAKE_READ_BACK LAKE_PRICES LAKE_MAX_USD "
        "LAKE_MAX_MINUTES "
        "AWS_REGION AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3"
    ).split()

    assert load_settings(dict.fromkeys(names, "")) == load_settings({})


def test_raw_objects_and_database_lie_below_the_root_unless_set() -> None:
    settings = load_settings({"LAKE_ROOT": "/data/lake/", "LAKE_RAW_ROOT": "/in"})

    assert settings.raw_root == "/in"
    assert settings.database == "/data/lake/database"


def test_a_root_may_be_a_file_url() -> None:
    settings = load_settings({"LAKE_ROOT": "file:///data/lake"})

    assert settings.root == "file:///data/lake"
    assert settings.database == "/data/lake/database"


def test_a_lake_on_s3_keeps_its_database_and_pointers_in_a_folder_of_its_own() -> None:
    settings = load_settings({"LAKE_ROOT": "s3a://bucket/lake/"})

    assert settings.root == "s3://bucket/lake"
    assert settings.raw_root == "s3://bucket/lake/raw"
    assert settings.local_folder == str(ROOT / ".lake/s3/bucket/lake")
    assert settings.database == f"{settings.local_folder}/database"
    assert settings.is_on_s3


def test_raw_objects_may_be_in_another_bucket_or_on_another_store() -> None:
    assert load_settings({"LAKE_RAW_ROOT": "s3://raw"}).is_on_s3
    apart = load_settings(
        {"LAKE_ROOT": "s3://lake", "LAKE_RAW_ROOT": "s3://raw/in/", "LAKE_LOCAL_FOLDER": "/data"}
    )

    assert (apart.root, apart.raw_root) == ("s3://lake", "s3://raw/in")
    assert apart.database == "/data/database"


def test_how_aws_is_reached_is_read_whole() -> None:
    settings = load_settings(
        {
            "LAKE_ROOT": "s3://lake",
            "LAKE_AWS_REGION": "us-gov-west-1",
            "LAKE_AWS_PROFILE": "analytics",
            "LAKE_AWS_ROLE": "arn:aws-us-gov:iam::123456789012:role/team/lake",
            "LAKE_S3_ENDPOINT": "http://127.0.0.1:5000/",
            "LAKE_STS_ENDPOINT": "https://sts.us-gov-west-1.amazonaws.com",
            "LAKE_S3_KMS_KEY": "alias/lake",
            "LAKE_S3_REQUESTER_PAYS": "True",
            "LAKE_CATALOG": "glue",
            "LAKE_GLUE_DATABASE": "analytics",
            "LAKE_GLUE_TABLE_PREFIX": "lake_",
            "LAKE_ATHENA_WORK_GROUP": "lake-readers",
            "LAKE_ATHENA_SCAN_LIMIT_MB": "500",
        }
    )

    assert settings.aws == AwsSettings(
        region="us-gov-west-1",
        profile="analytics",
        role="arn:aws-us-gov:iam::123456789012:role/team/lake",
        endpoints={
            "s3": "http://127.0.0.1:5000",
            "sts": "https://sts.us-gov-west-1.amazonaws.com",
        },
        kms_key="alias/lake",
        requester_pays=True,
    )
    assert settings.catalog == "glue"
    assert settings.glue == GlueSettings("analytics", "lake_", "lake-readers", 500_000_000)
    assert settings.read_back == "athena"


def test_what_awss_own_tools_read_is_read_after_the_lakes_own() -> None:
    own = {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://all",
        "AWS_ENDPOINT_URL_GLUE": "http://glue",
    }

    found = load_settings(own).aws
    nearer = load_settings({**own, "AWS_REGION": "eu-west-2", "LAKE_GLUE_ENDPOINT": "http://mine"})

    assert (found.region, nearer.aws.region) == ("eu-west-1", "eu-west-2")
    assert (found.endpoints["s3"], found.endpoints["glue"]) == ("http://all", "http://glue")
    assert nearer.aws.endpoints["glue"] == "http://mine"


def test_a_catalog_in_glue_wants_a_lake_on_s3() -> None:
    with pytest.raises(
        SettingsError, match="LAKE_CATALOG: expected 'local' for a lake in a folder"
    ):
        load_settings({"LAKE_CATALOG": "glue", "LAKE_ROOT": "/data"})


def test_the_local_folder_of_a_lake_is_not_on_s3() -> None:
    with pytest.raises(SettingsError, match="LAKE_LOCAL_FOLDER: expected a folder"):
        load_settings({"LAKE_LOCAL_FOLDER": "s3://bucket"})


def test_sizes_and_times_are_read_with_their_units() -> None:
    settings = load_settings(
        {
            "LAKE_TARGET_FILE_MB": "64",
            "LAKE_DATABASE_WAIT_SECONDS": " 60 ",
            "LAKE_SPARK_MASTER": "local[2]",
            "LAKE_SPARK_MEMORY": "1g",
        }
    )

    assert settings.target_file_bytes == 64 * 1024 * 1024
    assert settings.database_wait_seconds == 60
    assert (settings.spark_master, settings.spark_memory) == ("local[2]", "1g")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKE_TARGET_FILE_MB", "0"),
        ("LAKE_TARGET_FILE_MB", "-1"),
        ("LAKE_TARGET_FILE_MB", "1.5"),
        ("LAKE_TARGET_FILE_MB", "128M"),
        ("LAKE_KEEP_PREVIOUS", "0"),
        ("LAKE_SCRATCH_DAYS", "0"),
        ("LAKE_KEEP_PREVIOUS", "many"),
        ("LAKE_DATABASE_WAIT_SECONDS", "0"),
        ("LAKE_SPARK_MASTER", "yarn"),
        ("LAKE_SPARK_MASTER", "local[x]"),
        ("LAKE_SPARK_MEMORY", "2"),
        ("LAKE_SPARK_MEMORY", "2 g"),
        ("LAKE_AWS_REGION", "Ireland"),
        ("AWS_REGION", "eu_west_1"),
        ("LAKE_AWS_PROFILE", "two words"),
        ("LAKE_AWS_ROLE", "lake"),
        ("LAKE_AWS_ROLE", "arn:aws:iam::12:role/lake"),
        ("LAKE_S3_ENDPOINT", "localhost:5000"),
        ("AWS_ENDPOINT_URL_S3", "s3.example"),
        ("LAKE_S3_KMS_KEY", "lake"),
        ("LAKE_S3_REQUESTER_PAYS", "yes"),
        ("LAKE_CATALOG", "hive"),
        ("LAKE_GLUE_DATABASE", "My Lake"),
        ("LAKE_GLUE_TABLE_PREFIX", "lake-"),
        ("LAKE_ATHENA_WORK_GROUP", "a/b"),
        ("LAKE_ATHENA_SCAN_LIMIT_MB", "-1"),
        ("LAKE_READ_BACK", "trino"),
        ("LAKE_READ_BACK", "athena"),
        ("LAKE_ROOT", "s3://Bucket/lake"),
        ("LAKE_RAW_ROOT", "s3://bucket//raw"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_its_name_and_value(
    name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings({name: value})

    assert "expected" in str(caught.value).lower()
    assert repr(value) in str(caught.value)


def test_the_environment_is_read_when_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_KEEP_PREVIOUS", "7")

    assert load_settings().keep_previous == 7


def test_the_settings_choose_the_catalog() -> None:
    on_s3 = {"LAKE_ROOT": "s3://lake", "LAKE_AWS_REGION": "eu-west-1"}

    assert isinstance(Lake(load_settings(on_s3)).catalog, LocalCatalog)
    in_glue = {**on_s3, "LAKE_CATALOG": "glue"}
    assert isinstance(Lake(load_settings(in_glue)).catalog, GlueCatalog)


def test_the_catalog_chooses_what_reads_back_unless_that_is_set() -> None:
    on_s3 = {"LAKE_ROOT": "s3://lake", "LAKE_AWS_REGION": "eu-west-1"}
    in_glue = {**on_s3, "LAKE_CATALOG": "glue"}

    assert Lake(load_settings(on_s3)).athena is None
    assert Lake(load_settings(in_glue)).athena is not None
    assert Lake(load_settings({**in_glue, "LAKE_READ_BACK": "duckdb"})).athena is None
