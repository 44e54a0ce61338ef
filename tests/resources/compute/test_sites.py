"""Which engines there are by the settings, and what estimates know of them."""

from __future__ import annotations

import pytest

from resources.compute.sites import sites
from resources.settings import load_settings

ROLE = "arn:aws:iam::123456789012:role/lake-jobs"
EVERYWHERE = {
    "LAKE_ROOT": "s3://bucket/lake",
    "LAKE_AWS_REGION": "eu-west-1",
    "LAKE_EMR_SERVICE_ROLE": "EMR_DefaultRole",
    "LAKE_EMR_INSTANCE_PROFILE": "EMR_EC2_DefaultRole",
    "LAKE_EMR_SERVERLESS_ROLE": ROLE,
    "LAKE_GLUE_JOB_ROLE": ROLE,
}


def engines(**environment: str) -> list[str]:
    return [site.engine for site in sites(load_settings(environment))]


def test_without_any_setting_there_is_this_machine() -> None:
    assert engines() == ["local"]


def test_an_engine_is_there_when_its_role_is() -> None:
    assert engines(**EVERYWHERE) == ["local", "emr", "emr-serverless", "glue"]
    assert engines(**{**EVERYWHERE, "LAKE_GLUE_JOB_ROLE": ""}) == ["local", "emr", "emr-serverless"]


@pytest.mark.parametrize("name", ["LAKE_ROOT", "LAKE_RAW_ROOT"])
def test_no_engine_elsewhere_sees_a_folder(name: str) -> None:
    assert engines(**{**EVERYWHERE, name: "/data/lake"}) == ["local"]


def test_every_engine_has_cores_memory_and_something_that_is_billed() -> None:
    for site in sites(load_settings(EVERYWHERE)):
        assert site.cores > 0
        assert site.memory_gb > 0
        assert site.hourly.seconds == 3600.0
        assert site.seconds_waiting > 0
        assert site.start_seconds > 0


@pytest.mark.parametrize(
    ("master", "memory", "cores", "most"),
    [("local", "512m", 1, 2**30), ("local[3]", "2g", 3, 2**32)],
)
def test_this_machine_is_as_large_as_spark_may_be(
    master: str, memory: str, cores: int, most: int
) -> None:
    [site] = sites(load_settings({"LAKE_SPARK_MASTER": master, "LAKE_SPARK_MEMORY": memory}))

    assert (site.cores, site.max_input_bytes) == (cores, most)
