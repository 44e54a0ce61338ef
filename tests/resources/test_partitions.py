"""Partitions in time: keys, columns, and where raw objects lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from resources.errors import DeclarationError
from resources.partitions import ALL, Partitioning

START = datetime(2024, 2, 28, tzinfo=UTC)
HOURS, DAYS, NONE = (Partitioning(by, START) for by in ("hour", "day", "none"))


def test_an_hour_has_a_key_two_columns_and_a_folder() -> None:
    assert HOURS.key_of(datetime(2024, 2, 29, 5, 59, tzinfo=UTC)) == "2024-02-29-05"
    assert HOURS.columns == ("dt", "hour")
    assert HOURS.values("2024-02-29-05") == {"dt": "2024-02-29", "hour": "05"}
    assert HOURS.raw_prefix("2024-02-29-05") == "2024/02/29/05/"


def test_a_day_has_a_key_one_column_and_all_its_hours_folders() -> None:
    assert DAYS.key_of(datetime(2024, 2, 29, 23, tzinfo=UTC)) == "2024-02-29"
    assert DAYS.values("2024-02-29") == {"dt": "2024-02-29"}
    assert DAYS.raw_prefix("2024-02-29") == "2024/02/29/"


def test_a_table_without_partitions_is_one_that_holds_all() -> None:
    assert NONE.key_of(START) == ALL
    assert NONE.columns == ()
    assert NONE.values(ALL) == {}
    assert NONE.raw_prefix(ALL) == ""
    assert NONE.between(ALL, ALL) == [ALL]


def test_a_moment_of_another_zone_belongs_to_its_hour_in_utc() -> None:
    seoul = timezone(timedelta(hours=9))

    assert HOURS.key_of(datetime(2024, 3, 1, 8, 30, tzinfo=seoul)) == "2024-02-29-23"


@pytest.mark.parametrize(
    ("layout", "by", "prefix"),
    [
        ("dt=yyyy-MM-dd/hour=HH", "hour", "dt=2024-02-29/hour=05/"),
        ("dt=yyyy-MM-dd/hour=HH", "day", "dt=2024-02-29/"),
        ("year=yyyy/month=MM/day=dd", "day", "year=2024/month=02/day=29/"),
        ("yyyyMMddHH", "hour", "2024022905/"),
        ("in/yyyy-MM-dd-HH/data", "hour", "in/2024-02-29-05/data/"),
    ],
)
def test_a_layout_says_where_raw_objects_lie(layout: str, by: str, prefix: str) -> None:
    key = "2024-02-29-05" if by == "hour" else "2024-02-29"

    assert Partitioning(by, START, layout).raw_prefix(key) == prefix


@pytest.mark.parametrize(
    ("first", "last", "keys"),
    [
        ("2024-02-28-22", "2024-02-29-01", ["2024-02-28-22", "2024-02-28-23", "2024-02-29-00", "2024-02-29-01"]),
        ("2024-02-29-00", "2024-02-29-00", ["2024-02-29-00"]),
        ("2024-02-29-01", "2024-02-29-00", []),
    ],
)  # fmt: skip
def test_a_range_holds_both_its_ends(first: str, last: str, keys: list[str]) -> None:
    assert HOURS.between(first, last) == keys


def test_a_range_of_days_passes_over_the_end_of_a_month() -> None:
    assert DAYS.between("2024-02-28", "2024-03-01") == ["2024-02-28", "2024-02-29", "2024-03-01"]


@pytest.mark.parametrize(
    "key", ["", "2024-02-29", "2024-02-30-00", "2024-02-29-24", "2024/02/29/05", "yesterday"]
)
def test_what_is_no_key_is_refused_with_an_example(key: str) -> None:
    with pytest.raises(DeclarationError, match="a partition key like 2024-02-28-00"):
        HOURS.values(key)


def test_partitions_that_work_have_no_problem() -> None:
    now = START + timedelta(days=1)

    assert HOURS.problems(now) == DAYS.problems(now) == NONE.problems(now) == []


def test_partitions_of_the_future_are_a_problem() -> None:
    (problem,) = HOURS.problems(START - timedelta(seconds=1))

    assert "in the future" in problem


def test_a_table_without_partitions_may_start_whenever() -> None:
    assert NONE.problems(START - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("by", "layout", "lacking"),
    [("hour", "yyyy/MM/dd", "HH"), ("day", "yyyy/MM", "dd"), ("hour", "HH", "yyyy, MM, dd")],
)
def test_a_layout_that_mixes_partitions_is_a_problem(by: str, layout: str, lacking: str) -> None:
    (problem,) = Partitioning(by, START, layout).problems(START)

    assert f"lacks {lacking}," in problem
