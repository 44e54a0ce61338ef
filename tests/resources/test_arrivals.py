"""Which partitions a look lists, and what it makes of what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.arrival_cursor import Cursor, read_cursor
from resources.arrivals import LOOKBACK_AT_ONCE, Look, Lookout, Watch
from resources.partitions import Partitioning
from resources.storage import FolderStorage, ObjectInfo
from tests.workshop import PLAYS, PyArrowCompute, Workshop

START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WATCH = Watch(window=48 * HOUR, grace=timedelta(minutes=15))
EARLY = Watch(window=48 * HOUR, grace=timedelta(minutes=15), is_early=True)


class Counting(FolderStorage):
    """A folder that counts what is listed of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: list[str] = []

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        self.listed.append(prefix)
        return super().list(prefix, after)


@dataclass
class Looking:
    """A lookout over a workshop's table, and the cursor between its looks."""

    workshop: Workshop
    watch: Watch
    cursor: Cursor = field(default_factory=Cursor)

    def __post_init__(self) -> None:
        self.raw = Counting(Path(self.workshop.settings.raw_root))

    def look(self, now: datetime, *notified: str, budget: int = 10**6) -> Look:
        self.raw.listed.clear()
        lookout = Lookout(self.raw, self.workshop.lake.storage, self.workshop.table, self.watch)
        found = lookout.look(
            self.cursor, now, is_time_up=lambda: len(self.raw.listed) >= budget, notified=notified
        )
        read = read_cursor(found.cursor.to_text())
        assert read is not None
        self.cursor = read
        return found

    def changed(self, now: datetime, *notified: str) -> list[str]:
        return [each.raw.key for each in self.look(now, *notified).arrivals]


Make = Callable[..., Looking]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "lake")


@pytest.fixture
def looking(workshop: Workshop) -> Make:
    def make(watch: Watch = WATCH, **changes: str) -> Looking:
        text = PLAYS.replace(", end: 2024-05-02", "")
        for old, new in changes.items():
            text = text.replace(old, new)
        workshop.declare(text)
        return Looking(workshop, watch)

    return make


def at(day: int, hour: int, minute: int = 30) -> datetime:
    return datetime(2024, 5, day, hour, minute, tzinfo=UTC)


# --- Which partitions ---


@pytest.mark.parametrize(
    ("watch", "now", "first", "last"),
    [
        (WATCH, at(3, 12), "2024-05-01-12", "2024-05-03-11"),
        (WATCH, at(3, 12, 10), "2024-05-01-12", "2024-05-03-10"),
        (EARLY, at(3, 12, 10), "2024-05-01-13", "2024-05-03-12"),
        (WATCH, at(1, 2), "2024-05-01-00", "2024-05-01-01"),
        (Watch(48 * HOUR, HOUR / 4, end=at(3, 0, 0)), at(9, 0), "2024-05-01-00", "2024-05-02-23"),
    ],
)
def test_the_window_is_what_ended_lately(
    watch: Watch, now: datetime, first: str, last: str
) -> None:
    found = watch.recent(Partitioning("hour", START), now)

    assert (found[-1], found[0]) == (first, last)
    assert found == sorted(found, reverse=True)


def test_before_the_first_partition_is_over_there_is_nothing_to_watch() -> None:
    assert WATCH.recent(Partitioning("hour", START), START + HOUR) == []


def test_days_and_tables_without_partitions_have_windows_too() -> None:
    assert WATCH.recent(Partitioning("day", START), at(5, 9)) == ["2024-05-04", "2024-05-03"]
    assert WATCH.recent(Partitioning("none"), at(5, 9)) == ["all"]


# --- What is found ---


def test_objects_of_the_same_second_replaced_and_deleted_ones_are_all_changes(
    looking: Make,
) -> None:
    made = looking()
    deliver = made.workshop.deliver
    first = deliver("2024/05/01/05", "a.json", {"play_id": "one"})
    assert made.changed(at(1, 6)) == ["2024-05-01-05"]
    assert made.changed(at(1, 6, 31)) == []

    second = deliver("2024/05/01/05", "b.json", {"play_id": "two"})
    assert made.changed(at(1, 6, 32)) == ["2024-05-01-05"]
    second.write_text('{"play_id": "owt"}', encoding="utf-8")
    assert made.changed(at(1, 6, 33)) == ["2024-05-01-05"]
    first.unlink()
    second.unlink()
    (gone,) = made.look(at(1, 6, 34)).arrivals

    assert gone.is_late
    assert not gone.raw.objects


def test_an_hour_without_data_is_told_once_and_is_no_arrival(looking: Make) -> None:
    made = looking()

    found = made.look(at(1, 2))

    assert found.empty == ["2024-05-01-01", "2024-05-01-00"]
    assert found.arrivals == ()
    assert made.look(at(1, 2, 31)).empty == []


def test_an_early_hour_is_reported_before_and_completed_after_its_grace(looking: Make) -> None:
    made = looking(EARLY)
    made.workshop.deliver("2024/05/01/05", "a.json", {"play_id": "one"})

    (early,) = made.look(at(1, 5, 20)).arrivals
    completed = [each.key for each in made.look(at(1, 6, 16)).completed]

    assert not early.is_complete
    assert "2024-05-01-05" in completed


def test_without_early_an_hour_is_not_even_listed_before_it_is_complete(looking: Make) -> None:
    made = looking()

    made.look(at(1, 6, 14))

    assert "plays/2024/05/01/05/" not in made.raw.listed
    made.look(at(1, 6, 15))
    assert "plays/2024/05/01/05/" in made.raw.listed


def test_objects_from_the_future_are_told_as_skew(looking: Make) -> None:
    made = looking()
    made.workshop.deliver("2024/05/01/05", "a.json", {"play_id": "one"})

    assert made.look(at(1, 6)).skewed > DAY


# --- How much is listed ---


def test_a_look_lists_a_part_of_the_window_and_one_older_partition(looking: Make) -> None:
    made = looking()
    assert len(made.look(at(30, 12)).cursor.seen) == 48

    second = made.look(at(30, 12, 31))

    assert second.listed == LOOKBACK_AT_ONCE + 1
    listed = set(made.raw.listed)
    for minute in (32, 33, 34):
        made.look(at(30, 12, minute))
        listed |= set(made.raw.listed)
    assert sum(name >= "plays/2024/05/28/12" for name in listed) == 48


def test_what_there_was_no_time_for_comes_first_next_time(looking: Make) -> None:
    made = looking()

    cut = made.look(at(1, 12), budget=5)
    rest = made.look(at(1, 12, 31))

    assert cut.listed == 5
    assert len(cut.cursor.left) == 7
    assert set(cut.cursor.left) < set(rest.cursor.seen)
    assert rest.cursor.left == ()


def test_the_cursor_stays_small_over_a_month(looking: Make) -> None:
    made = looking()
    now, sizes = at(3, 0), []
    while now < at(30, 0):
        made.workshop.deliver(f"{now:%Y/%m/%d/%H}", "a.json", {"play_id": now.isoformat()})
        now += 12 * HOUR
        made.look(now)
        sizes.append(len(made.cursor.to_text()))

    assert len(made.cursor.seen) == 48
    assert max(sizes) < 40_000


@pytest.mark.parametrize("text", ['{"version": 7}', '{"seen": 3, "version": 1}', "yesterday", "{}"])
def test_a_cursor_of_another_version_is_not_read(text: str) -> None:
    assert read_cursor(text) is None


def test_a_cursor_is_read_as_it_was_written() -> None:
    written = Cursor(left=("2024-05-01-05",)).to_text()

    assert json.loads(written)["version"] == 1
    read = read_cursor(written)
    assert read is not None
    assert read.left == ("2024-05-01-05",)


# --- What is older than the window ---


def test_after_partitions_were_declared_anew_nothing_of_the_old_ones_is_listed(
    looking: Make,
) -> None:
    made = looking()
    made.workshop.deliver("2024/05/02/20", "a.json", {"play_id": "late"})
    made.workshop.deliver("2024/05/09/00", "a.json", {"play_id": "new"})
    made.look(at(9, 1))
    made.look(at(9, 1, 31), "2024-05-02-20", budget=3)
    assert made.cursor.older
    assert made.cursor.stale
    assert made.cursor.left

    daily = PLAYS.replace("by: hour", "by: day").replace(", end: 2024-05-02", "")
    made.workshop.declare(daily)
    changed = made.changed(at(10, 1))

    assert changed == ["2024-05-09"]
    assert not [key for key in (*made.cursor.seen, *made.cursor.left) if len(key) != 10]


def test_an_object_that_is_days_late_makes_its_hour_stale(looking: Make) -> None:
    made = looking()
    made.look(at(4, 1))
    made.workshop.deliver("2024/05/01/20", "a.json", {"play_id": "late"})
    for minute in range(40):
        found = made.look(at(4, 1, 1 + minute))

    assert found.arrivals == ()
    assert made.cursor.stale == {"2024-05-01-20": "never refined"}


def test_a_message_of_an_old_hour_has_it_listed_at_once(looking: Make) -> None:
    made = looking()
    made.look(at(9, 1))
    made.workshop.deliver("2024/05/02/20", "a.json", {"play_id": "late"})

    others = ("2031-01-01-00", "2020-01-01-00", "2024-13-45-99", "2024-05-02")
    made.look(at(9, 1, 31), "2024-05-02-20", *others)

    assert list(made.cursor.stale) == ["2024-05-02-20"]
    assert not [name for name in made.raw.listed if "/2031/" in name or "/2020/" in name]


def test_what_is_refined_is_no_longer_stale(looking: Make, workshop: Workshop) -> None:
    made = looking()
    workshop.have_songs()
    workshop.deliver("2024/05/02/20", "a.json", {"play_id": "late"})
    made.look(at(9, 1), "2024-05-02-20")
    assert made.cursor.stale

    workshop.lake.refine(PyArrowCompute(), workshop.table, ["2024-05-02-20"])
    made.look(at(9, 1, 31))

    assert made.cursor.stale == {}
