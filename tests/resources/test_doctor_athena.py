"""What the doctor finds of Athena's work group: its state, where results go, a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from resources.aws import AwsSettings, aws_client
from resources.doctor.athena import athena_checks
from resources.doctor.base import Finding, Secrets, examine
from resources.settings import load_settings
from tests.servers.glue import Calls, athena_client, refusing

if TYPE_CHECKING:
    from types_boto3_athena import AthenaClient
    from types_boto3_athena.type_defs import ResultConfigurationTypeDef

PLACE: ResultConfigurationTypeDef = {"OutputLocation": "s3://results/lake/"}


@pytest.fixture
def client(aws_settings: AwsSettings) -> AthenaClient:
    return aws_client(aws_settings, "athena")


def examined(aws: AwsSettings, group: str, **more: str) -> list[Finding]:
    settings = load_settings(
        {
            "LAKE_ROOT": "s3://lake",
            "LAKE_CATALOG": "glue",
            "LAKE_AWS_REGION": aws.region,
            "LAKE_ATHENA_ENDPOINT": aws.endpoints["athena"],
            "LAKE_ATHENA_WORK_GROUP": group,
            **more,
        }
    )
    return list(examine(athena_checks(settings), Secrets()))


def test_a_work_group_with_a_place_for_results_runs_a_query(
    client: AthenaClient, aws_settings: AwsSettings
) -> None:
    client.create_work_group(Name="ready", Configuration={"ResultConfiguration": PLACE})

    found = examined(aws_settings, "ready")

    assert [each.state.value for each in found] == ["ok", "ok"]
    assert found[0].said == "results go to s3://results/lake/"


def test_a_work_group_without_a_place_for_results_is_told_how_to_get_one(
    client: AthenaClient, aws_settings: AwsSettings
) -> None:
    client.create_work_group(Name="bare", Configuration={})

    found = examined(aws_settings, "bare")

    assert [each.state.value for each in found] == ["failed", "not tried"]
    assert "managed query results on" in found[0].said


@pytest.fixture
def calls(aws_settings: AwsSettings, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Answers what moto has no answer for."""
    client = athena_client(aws_settings.endpoints["athena"])
    monkeypatch.setattr("resources.catalog.opening.aws_client", lambda *_: client)
    return Calls(client)


def test_a_disabled_work_group_is_named(aws_settings: AwsSettings, calls: Calls) -> None:
    group = {"Name": "off", "State": "DISABLED", "Configuration": {"ResultConfiguration": PLACE}}
    calls.answer("GetWorkGroup", lambda _: (200, {"WorkGroup": group}))

    found = examined(aws_settings, "off")

    assert [each.state.value for each in found] == ["failed", "not tried"]
    assert "work group off to take queries, found it disabled" in found[0].said


def test_a_work_group_that_is_not_there_is_named(aws_settings: AwsSettings, calls: Calls) -> None:
    calls.answer("GetWorkGroup", refusing("InvalidRequestException", "WorkGroup is not found."))

    found = examined(aws_settings, "nobodys")

    assert [each.state.value for each in found] == ["failed", "not tried"]
    assert "GetWorkGroup in work group nobodys" in found[0].said
    assert "WorkGroup is not found" in found[0].said


def test_without_athena_nothing_of_it_is_tried(aws_settings: AwsSettings) -> None:
    assert examined(aws_settings, "any", LAKE_READ_BACK="duckdb") == []
