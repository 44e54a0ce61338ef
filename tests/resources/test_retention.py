from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.cleanup import CleanupReport, cleanup
from resources.errors import CatalogError, DeclarationError
from resources.retention import Expiry, expire
from tests.workshop import PyArrowCompute, Row, Workshop

FOUR, FIVE, SIX = "2024-05-01-04", "2024-05-01-05", "2024-05-01-06"
#: Thirty days after the end of the partition of five o'clock.
NOW = datetime(2024, 5, 31, 6, tzinfo=UTC)
ALPHA: Row = {"play_id": "alpha"}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "lake")
    made.table = replace(made.table, retention_days=30)
    made.have_songs()
    publish(made, FOUR, FIVE, SIX)
    return made


def publish(workshop: Workshop, *keys: str) -> None:
    workshop.lake.refine(PyArrowCompute({key: [ALPHA] for key in keys}), workshop.table, list(keys))
    workshop.lake.publish(workshop.table, list(keys))


def expire_now(workshop: Workshop, *, dry_run: bool = False) -> Expiry:
    return expire(workshop.lake.catalog, workshop.table, dry_run=dry_run, now=NOW)


def hours(workshop: Workshop) -> list[object]:
    return [row["hour"] for row in workshop.query("select hour from plays order by hour")]


def clean_up(workshop: Workshop, now: datetime) -> CleanupReport:
    return cleanup(
        workshop.lake.storage,
        workshop.lake.catalog,
        keep_previous=2,
        older_than=timedelta(days=7),
        scratch_older_than=timedelta(days=14),
        dry_run=False,
        now=now,
    )


def say_expired(workshop: Workshop, moment: datetime) -> None:
    """Make what expired have done so at another time than now."""
    with sqlite3.connect(workshop.root / "catalog.sqlite") as connection:
        connection.execute(
            "UPDATE pointers SET pointer = json_set(pointer, '$.expired_at', ?) "
            "WHERE json_extract(pointer, '$.expired_at') IS NOT NULL",
            (moment.isoformat(),),
        )
    connection.close()


def test_partitions_that_ended_longer_ago_are_published_no_more(workshop: Workshop) -> None:
    expired = expire_now(workshop)

    assert [each.partition for each in expired.pointers] == [FOUR, FIVE]
    assert (expired.rows, expired.bytes > 0) == (2, True)
    assert hours(workshop) == ["06"]
    assert list(workshop.lake.catalog.pointers("plays")) == [SIX]
    assert expire_now(workshop).pointers == ()


def test_a_dry_run_says_the_same_and_changes_nothing(workshop: Workshop) -> None:
    dry = expire_now(workshop, dry_run=True)

    assert hours(workshop) == ["04", "05", "06"]
    assert expire_now(workshop) == dry


def test_a_rollback_shows_them_again(workshop: Workshop) -> None:
    before = workshop.lake.catalog.pointers("plays")
    expire_now(workshop)

    assert workshop.lake.catalog.rollback("plays", [FOUR]) == [before[FOUR]]

    assert hours(workshop) == ["04", "06"]
    with pytest.raises(CatalogError, match="there is none for partition '2024-05-01-04'"):
        workshop.lake.catalog.rollback("plays", [FOUR])


def test_files_stay_for_a_rollback_until_a_clean_up_that_is_old_enough(workshop: Workshop) -> None:
    publish(workshop, FOUR)
    expire_now(workshop)
    expired = datetime.now(UTC) + timedelta(days=100)
    say_expired(workshop, expired)

    assert clean_up(workshop, expired + timedelta(days=6)).objects == 0
    workshop.lake.catalog.rollback("plays", [FOUR])
    workshop.lake.catalog.rollback("plays", [FOUR])
    assert hours(workshop) == ["04", "06"]
    expire_now(workshop)
    removed = clean_up(workshop, expired + timedelta(days=8)).removals

    assert sorted({each.directory.rpartition("/")[2] for each in removed}) == ["hour=04", "hour=05"]
    with pytest.raises(CatalogError, match="is missing"):
        workshop.lake.catalog.rollback("plays", [FIVE])
    assert hours(workshop) == ["06"]


def test_a_partition_can_be_published_anew_and_expire_again(workshop: Workshop) -> None:
    expire_now(workshop)
    publish(workshop, FIVE)
    assert hours(workshop) == ["05", "06"]

    assert [each.partition for each in expire_now(workshop).pointers] == [FIVE]

    assert hours(workshop) == ["06"]
    assert len(workshop.lake.catalog.history("plays", FIVE)) == 2


def test_what_is_published_meanwhile_stays(workshop: Workshop) -> None:
    old = workshop.lake.catalog.pointers("plays")[FOUR].attempt
    publish(workshop, FOUR)

    assert workshop.lake.catalog.expire("plays", {FOUR: old, FIVE: "another"}) == []

    assert hours(workshop) == ["04", "05", "06"]


def test_a_table_that_keeps_everything_is_refused(workshop: Workshop) -> None:
    workshop.table = replace(workshop.table, retention_days=None)

    with pytest.raises(DeclarationError, match=r"with `retention: .* found 'plays', which keeps"):
        expire_now(workshop)
