"""What is not made from what there is now, and the commands that mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.partitions import Partitioning
from resources.stale import Stale, commands, ranges, stale, stale_inputs
from tests.workshop import PLAYS, SONGS, PyArrowCompute, Workshop

FOUR, FIVE, SIX = "2024-05-01-04", "2024-05-01-05", "2024-05-01-06"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Two hours are published; a third has an object and is not."""
    made = Workshop(tmp_path / "lake")
    made.have_songs()
    for hour in ("04", "05", "06"):
        made.deliver(f"2024/05/01/{hour}", "a.json", {"play_id": hour})
    made.lake.refine(PyArrowCompute(), made.table, [FOUR, FIVE])
    made.lake.publish(made.table, [FOUR, FIVE])
    return made


def found(workshop: Workshop, *keys: str) -> list[Stale]:
    return stale(workshop.lake, workshop.table, workshop.lake.raw(workshop.table, keys))


def test_only_what_was_never_published_is_stale_at_first(workshop: Workshop) -> None:
    assert found(workshop, FOUR, FIVE, SIX, "2024-05-01-07") == [Stale(SIX, ("never published",))]
    assert stale_inputs(workshop.lake, workshop.table) == []


def test_each_reason_is_named(workshop: Workshop) -> None:
    workshop.deliver("2024/05/01/04", "b.json", {"play_id": "late"})
    workshop.have_songs([*SONGS, {"song_id": 3, "title": "Three"}])
    workshop.declare(PLAYS + "filter: seconds > 0\n")

    assert found(workshop, FOUR, FIVE) == [
        Stale(FOUR, ("reference songs", "declaration", "raw objects")),
        Stale(FIVE, ("reference songs", "declaration")),
    ]
    assert [each.partition for each in stale_inputs(workshop.lake, workshop.table)] == [FOUR, FIVE]


def test_an_hour_whose_objects_were_all_deleted_is_stale(workshop: Workshop) -> None:
    workshop.deliver("2024/05/01/04", "a.json").unlink()

    assert found(workshop, FOUR) == [Stale(FOUR, ("raw objects",))]


@pytest.mark.parametrize(
    ("by", "keys", "said"),
    [
        ("hour", ["2024-05-01-23", "2024-05-02-00", FIVE], [FIVE, "2024-05-01-23...2024-05-02-00"]),
        (
            "day",
            ["2024-02-28", "2024-02-29", "2024-03-02"],
            ["2024-02-28...2024-02-29", "2024-03-02"],
        ),
        ("hour", [FIVE, FIVE], [FIVE]),
        ("hour", [], []),
    ],
)
def test_neighbours_are_ranges(by: str, keys: list[str], said: list[str]) -> None:
    assert ranges(Partitioning(by), keys) == said


def test_a_command_is_for_each_range(workshop: Workshop) -> None:
    assert commands(workshop.table, [FOUR, FIVE, "2024-05-01-09"]) == [
        "lake materialize plays --partitions 2024-05-01-04...2024-05-01-05",
        "lake materialize plays --partitions 2024-05-01-09",
    ]


def test_a_table_without_partitions_has_one_command(workshop: Workshop) -> None:
    workshop.declare(PLAYS.replace("{by: hour, start: 2024-05-01, end: 2024-05-02}", "{by: none}"))

    assert commands(workshop.table, ["all"]) == ["lake materialize plays"]
    assert commands(workshop.table, []) == []
