"""What people are told of a run that failed, and what a check warns of."""

from __future__ import annotations

import dagster as dg
import pytest

from lake_assets.failures import failure_sensor, message_of
from lake_assets.resources import lake_resources
from resources.aws import AwsSettings
from resources.errors import StorageError
from resources.notifying import Message
from resources.unattended_settings import UnattendedSettings
from tests.unattended import PlaysCompute, without_spark
from tests.workshop import PLAYS, Workshop

TABLE = ["raw/plays", "refined/plays", "catalog/plays"]
FIVE = "2024-05-01-05"


@pytest.fixture
def quick(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    without_spark(monkeypatch)
    workshop.have_songs()
    return workshop


def failed(workshop: Workshop, result: dg.ExecuteInProcessResult) -> dg.RunFailureSensorContext:
    """The context that Dagster makes of a failed run."""
    assert not result.success
    (event,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.RUN_FAILURE]
    return dg.build_run_status_sensor_context(
        sensor_name="tell_of_failures",
        dagster_instance=workshop.instance,
        dagster_run=result.dagster_run,
        dagster_event=event,
        resources=lake_resources(workshop.settings),
    ).for_run_failure()


def test_an_audit_that_failed_is_told_with_its_findings(quick: Workshop) -> None:
    quick.declare(PLAYS + "audit: {min_documents: 2}\n")
    quick.deliver("2024/05/01/05", "a.json", {"play_id": "one"})
    context = failed(quick, quick.materialize(TABLE, partition=FIVE))

    message = message_of(context, "https://lake.example.org")

    assert message.title == "Lake: refined/plays failed"
    assert f"**Partition:** {FIVE}" in message.text
    assert "within_limits" in message.text
    assert "at least 2 are expected" in message.text
    assert f"(https://lake.example.org/runs/{context.dagster_run.run_id})" in message.text


def test_an_error_is_told_in_its_own_words(
    quick: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> object:
        raise StorageError("no space left")

    monkeypatch.setattr(PlaysCompute, "refine", refuse)
    context = failed(quick, quick.materialize(TABLE, span=(FIVE, "2024-05-01-06")))

    message = message_of(context, "http://127.0.0.1:3000")

    assert f"**Partition:** {FIVE} to 2024-05-01-06" in message.text
    assert "**refined/plays:** no space left" in message.text


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of what somebody was told."""
    titles: list[str] = []

    def tell(addresses: object, message: Message, aws: AwsSettings) -> None:
        assert addresses == ("json://somebody",)
        assert aws == AwsSettings()
        titles.append(message.title)

    monkeypatch.setattr("lake_assets.failures.notify", tell)
    monkeypatch.setenv("LAKE_NOTIFY", "json://somebody")
    return titles


@pytest.mark.parametrize(("will_retry", "count"), [("true", 0), ("false", 1)])
def test_only_what_is_not_tried_again_is_told(
    quick: Workshop, told: list[str], will_retry: str, count: int
) -> None:
    quick.declare(PLAYS + "audit: {min_documents: 2}\n")
    quick.deliver("2024/05/01/05", "a.json", {"play_id": "one"})
    context = failed(quick, quick.materialize(TABLE, partition=FIVE))
    quick.instance.add_run_tags(context.dagster_run.run_id, {"dagster/will_retry": will_retry})
    run = quick.instance.get_run_by_id(context.dagster_run.run_id)
    assert run is not None
    again = dg.build_run_status_sensor_context(
        sensor_name="tell_of_failures",
        dagster_instance=quick.instance,
        dagster_run=run,
        dagster_event=context.failure_event,
        resources=lake_resources(quick.settings),
    ).for_run_failure()

    failure_sensor(UnattendedSettings())(again)

    assert len(told) == count


def test_nobody_is_told_unless_a_setting_says_whom() -> None:
    quiet, telling = (
        failure_sensor(UnattendedSettings(notify=addresses)) for addresses in ((), ("json://a",))
    )

    assert quiet.default_status is dg.DefaultSensorStatus.STOPPED
    assert telling.default_status is dg.DefaultSensorStatus.RUNNING


def test_an_hour_unlike_its_kind_is_warned_of_and_published(quick: Workshop) -> None:
    quick.declare(PLAYS.replace(", end: 2024-05-02", ""))
    for day in range(1, 8):
        plays = [{"play_id": f"{day}-{n}"} for n in range(100 if day < 7 else 10)]
        quick.deliver(f"2024/05/{day:02}/05", "a.json", *plays)
        result = quick.materialize(TABLE, partition=f"2024-05-{day:02}-05")
        assert result.success

    (check,) = [
        e for e in result.get_asset_check_evaluations() if e.check_name == "figures_are_usual"
    ]

    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "10 documents, usual are 100" in str(check.metadata["findings"].value)
    assert check.metadata["documents"].value == 10
    assert check.metadata["usual_documents"].value == 100
    rows = quick.query("SELECT count(*) AS plays FROM plays WHERE dt = '2024-05-07'")
    assert rows == [{"plays": 10}]
