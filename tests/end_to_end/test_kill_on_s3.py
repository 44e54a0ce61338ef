"""Runs on S3 and Glue that are killed with `kill -9`, while readers look on, and then run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.aws import AwsSettings, aws_client
from tests.end_to_end.killing import (
    interrupted,
    reader,
    require_mended,
    require_only_wholes,
)
from tests.end_to_end.plays import HOURS, Seen, expected
from tests.workshop import Workshop

pytestmark = pytest.mark.slow
SCRIPT = "crashing_on_s3.py"


@pytest.fixture
def variables(aws_settings: AwsSettings, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a lake of the test's own."""
    name = f"kill-{'again' if 'half' in request.node.name else 'first'}"
    aws_client(aws_settings, "s3").create_bucket(Bucket=name)
    return {
        "LAKE_ROOT": f"s3://{name}/lake",
        "LAKE_RAW_ROOT": f"s3://{name}/raw",
        "LAKE_S3_ENDPOINT": aws_settings.endpoints["s3"],
        "LAKE_AWS_REGION": aws_settings.region,
        "LAKE_CATALOG": "glue",
        "LAKE_READ_BACK": "duckdb",
        "LAKE_GLUE_DATABASE": name.replace("-", "_"),
        "LAKE_GLUE_ENDPOINT": aws_settings.endpoints["glue"],
    }


def test_a_first_run_killed_before_any_change_is_mended_by_a_rerun(
    tmp_path: Path, variables: dict[str, str], wholes: dict[str, Seen]
) -> None:
    killed = interrupted(tmp_path, "first", SCRIPT, variables)

    require_mended(killed, wholes)
    assert any(each["after_kill"] == {} for each in killed)
    assert len(killed) >= 12
    effects = {each["effect"].partition(" in ")[0] for each in killed}
    assert effects >= {"CreateDatabase", "CreateTable", "BatchCreatePartition", "PutObject"}


def test_a_run_killed_before_any_change_never_shows_half_a_partition(
    tmp_path: Path, variables: dict[str, str], wholes: dict[str, Seen]
) -> None:
    expected("before", Workshop(tmp_path, environment=variables))

    with reader(tmp_path, variables) as seeing:
        killed = interrupted(tmp_path, "again", SCRIPT, variables)

    require_mended(killed, wholes)
    require_only_wholes(seeing, wholes)
    assert all(set(each["after_kill"]) == set(HOURS) for each in killed)
    assert len(killed) >= 10
    assert any("BatchUpdatePartition" in each["effect"] for each in killed)
