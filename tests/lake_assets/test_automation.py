"""A table follows what arrives: through the real sensor, conditions and runs, with time driven."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from lake_assets.resources import lake_resources
from resources.errors import DeclarationError, StorageError
from resources.stale import stale_inputs
from tests.unattended import PlaysCompute, Unattended, without_spark
from tests.workshop import PLAYS, SONGS, Workshop

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


# --- Failures ---


def break_runs(unattended: Unattended, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> object:
        raise StorageError("no space left")

    monkeypatch.setattr(PlaysCompute, "refine", refuse)


def test_a_failed_run_loses_nothing_and_is_not_repeated_at_once(
    unattended: Unattended, monkeypatch: pytest.MonkeyPatch
) -> None:
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))
    with monkeypatch.context() as broken:
        break_runs(unattended, broken)
        assert unattended.live(NOON + HOUR) == ["2024-05-01-12"]
        soon = [unattended.live(NOON + HOUR + timedelta(seconds=n)) for n in range(10, 120, 10)]
    assert soon == [[]] * 11

    assert unattended.live(NOON + HOUR + timedelta(minutes=2)) == ["2024-05-01-12"]

    assert published(unattended) == ["one"]
    assert unattended.live(NOON + 5 * HOUR) == []


def test_waits_between_failures_grow(
    unattended: Unattended, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_runs(unattended, monkeypatch)
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))

    for quarter in range(4 * 24):
        unattended.live(NOON + HOUR + quarter * timedelta(minutes=15))

    assert 6 <= len(unattended.runs) <= 12
    assert set(unattended.runs) == {"2024-05-01-12"}


def test_what_an_audit_refused_waits_for_other_data(unattended: Unattended) -> None:
    unattended.workshop.declare(ONGOING + "audit: {min_documents: 2}\n")
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))
    assert unattended.live(NOON + HOUR) == ["2024-05-01-12"]

    later = [unattended.live(NOON + HOUR + n * timedelta(minutes=20)) for n in range(1, 20)]
    unattended.workshop.deliver("2024/05/01/12", "b.json", play("two"))

    assert later == [[]] * 19
    assert unattended.live(NOON + 8 * HOUR) == ["2024-05-01-12"]
    assert published(unattended) == ["one", "two"]


def test_what_arrives_while_its_hour_is_refined_is_refined_again(unattended: Unattended) -> None:
    workshop, ordinary = unattended.workshop, unattended._refine

    def refine_and_deliver(first: str, last: str) -> bool:
        done = ordinary(first, last)
        workshop.deliver("2024/05/01/12", "b.json", play("two"))
        return done

    workshop.deliver("2024/05/01/12", "a.json", play("one"))
    unattended.run = refine_and_deliver
    unattended.live(NOON + HOUR)
    unattended.run = None

    assert unattended.live(NOON + HOUR + timedelta(minutes=1)) == ["2024-05-01-12"]
    assert published(unattended) == ["one", "two"]


def test_a_report_that_was_answered_too_early_is_repeated_at_once(unattended: Unattended) -> None:
    workshop = unattended.workshop
    workshop.deliver("2024/05/01/12", "a.json", play("one"))
    unattended.tick(NOON + HOUR)
    assert unattended.requested(NOON + HOUR) == ["2024-05-01-12"]
    listed = workshop.lake.raw(workshop.table, ["2024-05-01-12"])
    workshop.deliver("2024/05/01/12", "b.json", play("two"))
    unattended.tick(NOON + HOUR + timedelta(seconds=30))
    with pytest.MonkeyPatch.context() as stale_listing:
        stale_listing.setattr("resources.lake.list_raw", lambda *_: listed)
        assert unattended._refine("2024-05-01-12", "2024-05-01-12")
    assert unattended.requested(NOON + HOUR + timedelta(seconds=40)) == []

    assert unattended.live(NOON + HOUR + timedelta(seconds=60)) == ["2024-05-01-12"]
    assert published(unattended) == ["one", "two"]


def test_a_report_waits_while_a_run_of_its_hour_is_under_way(unattended: Unattended) -> None:
    workshop = unattended.workshop
    workshop.deliver("2024/05/01/12", "a.json", play("one"))
    unattended.tick(NOON + HOUR)
    started = workshop.instance.create_run_for_job(
        workshop.definitions.resolve_implicit_global_asset_job_def(),
        asset_selection=frozenset({dg.AssetKey(["refined", "plays"])}),
        tags={"dagster/partition": "2024-05-01-12"},
        status=dg.DagsterRunStatus.STARTED,
    )

    waits = unattended.tick(NOON + 3 * HOUR)
    workshop.instance.report_run_failed(started)
    repeated = unattended.tick(NOON + 4 * HOUR)

    assert not [each for each in waits if isinstance(each, dg.AssetMaterialization)]
    assert [each.partition for each in repeated if isinstance(each, dg.AssetMaterialization)] == [
        "2024-05-01-12"
    ]


def test_what_arrives_while_a_run_is_under_way_is_held_until_its_end(
    unattended: Unattended,
) -> None:
    workshop = unattended.workshop
    started = workshop.instance.create_run_for_job(
        workshop.definitions.resolve_implicit_global_asset_job_def(),
        asset_selection=frozenset({dg.AssetKey(["refined", "plays"])}),
        tags={"dagster/partition": "2024-05-01-12"},
        status=dg.DagsterRunStatus.STARTED,
    )
    workshop.deliver("2024/05/01/12", "a.json", play("one"))

    (shown,) = unattended.tick(NOON + HOUR)
    workshop.instance.report_run_failed(started)
    workshop.instance.add_run_tags(started.run_id, {"dagster/will_retry": "true"})
    before_retry = unattended.tick(NOON + HOUR + timedelta(seconds=30))
    workshop.instance.add_run_tags(started.run_id, {"dagster/auto_retry_run_id": "another"})
    after = unattended.live(NOON + HOUR + timedelta(seconds=60))

    assert isinstance(shown, dg.AssetObservation)
    assert before_retry == []
    assert after == ["2024-05-01-12"]
    assert published(unattended) == ["one"]


# --- References, the declaration, and what is too old ---


def test_a_changed_reference_refreshes_the_declared_number_of_partitions(
    unattended: Unattended,
) -> None:
    workshop = unattended.workshop
    workshop.declare(ONGOING + "automation: {refresh_partitions: 2}\n")
    for hour in ("12", "13", "14", "15"):
        workshop.deliver(f"2024/05/01/{hour}", "a.json", play(hour, song=3))
    now = NOON + 4 * HOUR
    assert len(unattended.live(now)) == 4

    workshop.have_songs([*SONGS, {"song_id": 3, "title": "Three"}])
    workshop.instance.report_runless_asset_event(
        dg.AssetMaterialization(["reference", "songs"], tags={"dagster/data_version": "3-rows"})
    )
    events = unattended.tick(now + timedelta(minutes=1))
    refreshed = unattended.follow(now + timedelta(minutes=1))

    assert refreshed == ["2024-05-01-14", "2024-05-01-15"]
    (told,) = events
    assert told.metadata["stale_partitions"].value == 2
    assert "lake materialize plays --partitions 2024-05-01-12...2024-05-01-13" in str(
        told.metadata["to_refine_them"].value
    )
    assert unattended.live(now + HOUR) == []
    assert [each.partition for each in stale_inputs(workshop.lake, workshop.table)] == [
        "2024-05-01-12",
        "2024-05-01-13",
    ]


def test_a_snapshot_of_the_same_content_refreshes_nothing(unattended: Unattended) -> None:
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))
    unattended.live(NOON + HOUR)

    unattended.workshop.instance.report_runless_asset_event(
        dg.AssetMaterialization(["reference", "songs"], tags={"dagster/data_version": "2-rows"})
    )

    assert unattended.live(NOON + 2 * HOUR) == []


def test_a_reference_without_a_snapshot_is_taken_first_and_does_not_loop(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_spark(monkeypatch)
    workshop.declare(ONGOING)
    unattended = Unattended(workshop)
    workshop.deliver("2024/05/01/12", "a.json", play("one"))

    assert unattended.live(NOON + HOUR) == []
    first = list(unattended.snapshots)
    soon = [unattended.live(NOON + HOUR + timedelta(minutes=n)) for n in range(1, 40)]
    assert (first, soon, unattended.snapshots) == (["songs"], [[]] * 39, ["songs"])
    unattended.live(NOON + HOUR + timedelta(minutes=41))
    assert unattended.snapshots == ["songs", "songs"]

    workshop.have_songs()
    workshop.instance.report_runless_asset_event(
        dg.AssetMaterialization(["reference", "songs"], tags={"dagster/data_version": "2-rows"})
    )

    assert unattended.live(NOON + HOUR + timedelta(minutes=45)) == ["2024-05-01-12"]
    assert published(unattended) == ["one"]
    assert unattended.live(NOON + 3 * HOUR) == []
    assert unattended.snapshots == ["songs", "songs"]


def test_another_declaration_refreshes_what_it_publishes(unattended: Unattended) -> None:
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))
    unattended.live(NOON + HOUR)

    unattended.workshop.declare(ONGOING + "filter: seconds > 0\n")

    assert unattended.live(NOON + HOUR + timedelta(minutes=1)) == ["2024-05-01-12"]


def test_what_a_person_ran_is_not_run_again(unattended: Unattended) -> None:
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))
    names = ["raw/plays", "refined/plays", "catalog/plays"]
    assert unattended.workshop.materialize(names, partition="2024-05-01-12").success

    events = unattended.tick(NOON + HOUR)

    assert not [each for each in events if isinstance(each, dg.AssetMaterialization)]
    assert unattended.follow(NOON + HOUR) == []


# --- Other partitions ---


def test_a_day_is_refined_again_when_one_of_its_hours_changes(unattended: Unattended) -> None:
    unattended.workshop.declare(ONGOING.replace("by: hour", "by: day"))
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))
    midnight = datetime(2024, 5, 2, 0, 20, tzinfo=UTC)
    assert unattended.live(midnight) == ["2024-05-01"]
    unattended.workshop.deliver("2024/05/01/23", "a.json", play("two"))

    assert unattended.live(midnight + HOUR) == ["2024-05-01"]
    assert published(unattended) == ["one", "two"]


def test_a_table_without_partitions_follows_all_its_objects(unattended: Unattended) -> None:
    none = "{by: none}"
    unattended.workshop.declare(ONGOING.replace("{by: hour, start: 2024-05-01}", none))
    unattended.live(NOON)
    unattended.workshop.deliver("anywhere", "a.json", play("one"))
    assert unattended.live(NOON + HOUR) == ["all"]
    unattended.workshop.deliver("elsewhere", "a.json", play("two"))

    assert unattended.live(NOON + 2 * HOUR) == ["all"]
    assert published(unattended) == ["one", "two"]
    assert unattended.live(NOON + 3 * HOUR) == []


def test_an_early_hour_is_published_while_it_lasts(unattended: Unattended) -> None:
    unattended.workshop.declare(ONGOING + "automation: {early: true}\n")
    unattended.live(NOON)
    unattended.workshop.deliver("2024/05/01/12", "a.json", play("one"))

    assert unattended.live(NOON + timedelta(minutes=5)) == ["2024-05-01-12"]
    unattended.workshop.deliver("2024/05/01/12", "b.json", play("two"))
    assert unattended.live(NOON + timedelta(minutes=10)) == ["2024-05-01-12"]
    events = unattended.tick(NOON + HOUR)

    (completed,) = (each for each in events if each.partition == "2024-05-01-12")
    assert isinstance(completed, dg.AssetObservation)
    assert completed.metadata["complete"].value is True


# --- What Dagster loads ---


@pytest.mark.parametrize(("enabled", "status"), [("false", "STOPPED"), ("true", "RUNNING")])
def test_sensors_and_schedules_run_from_the_start_only_if_declared(
    workshop: Workshop, enabled: str, status: str
) -> None:
    workshop.declare(ONGOING + f"automation: {{enabled: {enabled}, cron: '0 5 * * *'}}\n")
    loaded = workshop.definitions.get_repository_def()

    sensors = {each.name: each.default_status.value for each in loaded.sensor_defs}
    schedules = {each.name: each.default_status.value for each in loaded.schedule_defs}

    assert sensors == {"arrivals_plays": status, "follow_plays": "STOPPED"}
    assert schedules == {"snapshots_for_plays": status, "catch_up_plays": status}


def test_the_sensor_runs_as_dagster_calls_it(workshop: Workshop) -> None:
    workshop.deliver("2024/05/01/12", "a.json", play("one"))
    sensor = workshop.definitions.get_repository_def().get_sensor_def("arrivals_plays")
    with dg.build_sensor_context(
        instance=workshop.instance, resources=lake_resources(workshop.settings)
    ) as context:
        result = sensor.evaluate_tick(context)

    (event,) = [each for each in result.asset_events if isinstance(each, dg.AssetMaterialization)]
    assert event.partition == "2024-05-01-12"
    assert event.metadata["objects"].value == 1
    assert (event.tags or {})["dagster/data_version"] == event.metadata["fingerprint"].value
    listed = "24 partitions listed: 1 changed, 23 now complete (23 without any object), 0 left"
    assert (result.skip_message or "").startswith(listed)


def test_a_cron_asks_for_one_run_a_stretch_of_what_changed(workshop: Workshop) -> None:
    workshop.declare(ONGOING + "automation: {cron: '0 5 * * *'}\n")
    for hour in ("03", "04", "09"):
        workshop.deliver(f"2024/05/01/{hour}", "a.json", play(hour))
    schedule = workshop.definitions.get_repository_def().get_schedule_def("catch_up_plays")
    context = dg.build_schedule_context(
        instance=workshop.instance,
        resources=lake_resources(workshop.settings),
        scheduled_execution_time=datetime(2024, 5, 2, 5, tzinfo=UTC),
    )

    found = schedule.evaluate_tick(context).run_requests or []

    name = "dagster/schedule_name"
    assert [{k: v for k, v in each.tags.items() if k != name} for each in found] == [
        {
            "dagster/asset_partition_range_start": "2024-05-01-03",
            "dagster/asset_partition_range_end": "2024-05-01-04",
        },
        {"dagster/partition": "2024-05-01-09"},
    ]


def test_freshness_is_of_the_published_table(workshop: Workshop) -> None:
    workshop.declare(ONGOING + "automation: {warn_after_hours: 3, fail_after_hours: 6}\n")
    specs = {
        each.key.to_user_string(): each for each in workshop.definitions.resolve_all_asset_specs()
    }

    policy = specs["catalog/plays"].freshness_policy

    assert policy == dg.FreshnessPolicy.time_window(timedelta(hours=6), timedelta(hours=3))
    assert specs["refined/plays"].freshness_policy is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{cron: 61 * * * *}", "five fields of cron"),
        ("{references_cron: nightly}", "five fields of cron"),
        ("{warn_after_hours: 3}", "fewer hours than fail_after_hours"),
        ("{warn_after_hours: 3, fail_after_hours: 2}", "fewer hours than fail_after_hours (2)"),
    ],
)
def test_words_that_contradict_each_other_are_refused(
    workshop: Workshop, words: str, said: str
) -> None:
    with pytest.raises(DeclarationError, match=re.escape(said)):
        workshop.declare(ONGOING + f"automation: {words}\n")
