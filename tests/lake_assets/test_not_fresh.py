"""What people are told of a table that went too long without a publication."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from lake_assets.not_fresh import Freshness, not_fresh_sensor
from lake_assets.resources import lake_resources
from resources.errors import NotificationFailed
from resources.notifying import Message
from resources.unattended_settings import UnattendedSettings
from tests.workshop import PLAYS, Workshop

AT_ONCE = Freshness("plays", timedelta(0))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What somebody was told."""
    messages: list[Message] = []
    monkeypatch.setattr("lake_assets.not_fresh.notify", lambda _, each, __: messages.append(each))
    monkeypatch.setenv("LAKE_NOTIFY", "json://somebody")
    return messages


def tick(workshop: Workshop, freshness: Freshness, cursor: str | None = None) -> str | None:
    """A tick of the sensor; returns its cursor."""
    sensor = not_fresh_sensor(freshness, UnattendedSettings())
    with dg.build_sensor_context(
        instance=workshop.instance, cursor=cursor, resources=lake_resources(workshop.settings)
    ) as context:
        return sensor.evaluate_tick(context).cursor


def publish(workshop: Workshop) -> None:
    workshop.instance.report_runless_asset_event(
        dg.AssetMaterialization(["catalog", "plays"], partition="2024-05-01-05")
    )


def test_a_table_that_is_not_fresh_is_told_once_until_it_is_published_again(
    workshop: Workshop, told: list[Message]
) -> None:
    publish(workshop)

    cursor = tick(workshop, AT_ONCE)
    assert tick(workshop, AT_ONCE, cursor) == cursor
    assert [each.title for each in told] == ["Lake: plays is not fresh"]

    publish(workshop)
    tick(workshop, AT_ONCE, cursor)
    assert len(told) == 2


def test_a_table_that_is_fresh_or_was_never_published_is_not_told(
    workshop: Workshop, told: list[Message]
) -> None:
    tick(workshop, AT_ONCE)
    publish(workshop)
    tick(workshop, Freshness("plays", timedelta(hours=1)))

    assert told == []


def test_who_could_not_be_told_is_told_with_the_next_tick(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotificationFailed("nobody is there")

    monkeypatch.setattr("lake_assets.not_fresh.notify", refuse)
    monkeypatch.setenv("LAKE_NOTIFY", "json://somebody")
    publish(workshop)

    with pytest.raises(NotificationFailed):
        tick(workshop, AT_ONCE)


def test_the_message_says_since_when_and_where_to_look() -> None:
    last = datetime(2024, 5, 1, 3, tzinfo=UTC)

    message = Freshness("plays", timedelta(hours=6)).message(
        last, last + timedelta(hours=7.5), "https://dagster.example.org"
    )

    assert "Last published 2024-05-01 03:00 UTC, 7.5 hours ago; expected within 6" in message.text
    assert "https://dagster.example.org/assets/catalog/plays" in message.text
    assert "arrivals_plays" in message.text


def test_only_a_table_with_a_limit_is_watched_and_only_where_somebody_is_to_be_told(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def statuses() -> dict[str, str]:
        loaded = workshop.definitions.get_repository_def().sensor_defs
        return {each.name: each.default_status.value for each in loaded if "fresh" in each.name}

    assert statuses() == {}
    limited = PLAYS + "automation: {fail_after_hours: 6}\n"
    workshop.declare(limited)
    assert statuses() == {"tell_if_plays_is_not_fresh": "STOPPED"}
    monkeypatch.setenv("LAKE_NOTIFY", "json://somebody")
    workshop.declare(limited)
    assert statuses() == {"tell_if_plays_is_not_fresh": "RUNNING"}
