"""Settings pass through Dagster's configuration as they were read, whatever fields they have."""

import dagster as dg
import pytest

from lake_assets.resources import LakeResource, lake_resources
from resources.settings import Settings, load_settings

ROLE = "arn:aws:iam::123456789012:role/lake-jobs"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {
            "LAKE_ROOT": "s3://bucket/lake",
            "LAKE_AWS_REGION": "eu-west-1",
            "LAKE_S3_ENDPOINT": "http://127.0.0.1:1",
            "LAKE_MAX_USD": "2.5",
            "LAKE_EMR_SERVICE_ROLE": "EMR_DefaultRole",
            "LAKE_EMR_INSTANCE_PROFILE": "EMR_EC2_DefaultRole",
            "LAKE_EMR_SUBNETS": "subnet-1, subnet-2",
            "LAKE_EMR_SERVERLESS_ROLE": ROLE,
            "LAKE_GLUE_JOB_ROLE": ROLE,
            "LAKE_GLUE_JOB_WORKER_TYPE": "R.1X",
        },
    ],
    ids=["none", "many"],
)
def test_a_run_has_the_settings_that_were_read(environment: dict[str, str]) -> None:
    settings = load_settings(environment)
    seen: list[Settings] = []

    @dg.op
    def look(lake: LakeResource) -> None:
        seen.append(lake.lake.settings)

    @dg.job
    def looking() -> None:
        look()

    looking.execute_in_process(resources={"lake": lake_resources(settings)["lake"]})

    assert seen == [settings]
