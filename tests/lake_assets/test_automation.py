"""A table follows what arrives: through the real sensor, conditions and runs, with time driven."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tests.unattended import Unattended, without_spark
from tests.workshop import PLAYS, Workshop

NOON = datetime(2024, 5, 1, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONGOING = PLAYS.replace(", end: 2024-05-02", "")


def play(name: str, song: int = 1) -> dict[str, object]:
    return {"play_id": name, "song_id": song, "seconds": 10}


@pytest.fixture
def unattended(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Unattended:
    """A table that has been watched since noon, when nothing had arrived."""
    without_spark(monkeypatch)
    workshop.declare(ONGOING)
    workshop.have_songs()
    workshop.instance.report_runless_asset_event(
        dg.AssetMaterialization(["reference", "songs"], tags={"dagster/data_version": "2-rows"})
    )
    made = Unattended(workshop)
    assert made.live(NOON) == []
    return made


def published(unattended: Unattended) -> list[object]:
    rows = unattended.workshop.query("SELECT play_id FROM plays ORDER BY ALL")
    return [row["play_id"] for row in rows]


def test_an_hour_is_published_once_it_is_complete(unattended: Unattended) -> None:
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))

    assert unattended.live(NOON + timedelta(minutes=50)) == []
    assert unattended.live(NOON + timedelta(minutes=55)) == ["2024-05-01-12"]
    assert published(unattended) == ["one"]
    assert unattended.live(NOON + HOUR) == []


def test_a_late_object_refines_its_hour_again(unattended: Unattended) -> None:
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))
    unattended.workshop.deliver("2024/05/01/13", "a.json", play("other"))
    assert unattended.live(NOON + 3 * HOUR) == ["2024-05-01-12", "2024-05-01-13"]
    unattended.workshop.deliver("2024/05/01/12", "b.json", play("two"))

    assert unattended.live(NOON + 4 * HOUR) == ["2024-05-01-12"]

    assert published(unattended) == ["one", "other", "two"]
    assert unattended.runs == ["2024-05-01-12...2024-05-01-13", "2024-05-01-12"]
