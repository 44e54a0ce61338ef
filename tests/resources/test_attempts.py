from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from resources.attempts import (
    FileEntry,
    Verdict,
    all_verdicts,
    attempt_time,
    new_attempt_id,
    newest,
    newest_verdicts,
    quarantine_prefix,
    record,
    refined_prefix,
    rewritten_attempt_id,
)
from resources.errors import AlreadyThere, StorageError
from resources.storage import FolderStorage

FIRST = "20261121T034500.123Z-ffffffff"
SECOND = "20261121T034500.124Z-00000000"


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def verdict(
    attempt: str = FIRST, partition: str = "2014-06-16-05:00", *, passed: bool = True
) -> Verdict:
    directory = f"{refined_prefix('radio', attempt)}/dt=2014-06-16/hour=05"
    return Verdict(
        table="radio",
        partition=partition,
        attempt=attempt,
        created="2026-11-21T03:45:00+00:00",
        inputs={"raw": "e3b0c44298fc1c14", "code": "1", "tracks": "v1"},
        ledger={"read": 3, "published": 1, "quarantined": {"malformed": 2}},
        directory=directory,
        files=[FileEntry(f"{directory}/part-0.parquet", 1, 400)],
        passed=passed,
        findings=[] if passed else ["one row too many"],
    )


def test_attempt_identifiers_name_their_moment_in_utc() -> None:
    seoul = timezone(timedelta(hours=9))
    moment = datetime(2026, 11, 21, 12, 45, 0, 123_999, tzinfo=seoul)
    attempt = new_attempt_id(moment)
    assert attempt.startswith("20261121T034500.123Z-")
    assert attempt_time(attempt) == datetime(2026, 11, 21, 3, 45, 0, 123_000, tzinfo=UTC)


def test_attempt_identifiers_sort_by_time_and_differ_within_one_moment() -> None:
    start = datetime(2026, 12, 31, 23, 59, 59, 998_000, tzinfo=UTC)
    attempts = [new_attempt_id(start + timedelta(milliseconds=step)) for step in range(5)]
    assert attempts == sorted(attempts)
    assert len({new_attempt_id(start) for _ in range(100)}) == 100


@pytest.mark.parametrize("text", ["", "latest", "20261399T034500.123Z-1a2b3c4d", FIRST + "x"])
def test_other_identifiers_have_no_time(text: str) -> None:
    assert attempt_time(text) is None


def test_an_attempt_has_its_own_prefix_for_rows_and_for_quarantine() -> None:
    assert refined_prefix("radio", FIRST) == f"refined/radio/attempt={FIRST}"
    assert quarantine_prefix("radio", FIRST) == f"quarantine/radio/attempt={FIRST}"


def test_a_verdict_comes_back_as_it_was_recorded(storage: FolderStorage) -> None:
    record(storage, verdict())
    assert newest(storage, "radio", "2014-06-16-05:00") == verdict()
    assert storage.exists(f"refined/radio/_manifest/2014-06-16-05:00/{FIRST}.json")


def test_the_newest_verdict_is_that_of_the_latest_attempt_even_if_it_failed(
    storage: FolderStorage,
) -> None:
    record(storage, verdict(SECOND, passed=False))
    record(storage, verdict(FIRST))
    found = newest(storage, "radio", "2014-06-16-05:00")
    assert found == verdict(SECOND, passed=False)


def test_there_is_no_newest_verdict_before_the_first(storage: FolderStorage) -> None:
    record(storage, verdict())
    assert newest(storage, "radio", "2014-06-16-06:00") is None
    assert newest(storage, "radio", "2014-06-16") is None
    assert newest(storage, "other", "2014-06-16-05:00") is None


@pytest.mark.parametrize("partition", ["", "all", "a/b", "..", "a|b", "한 글", "100%", "a", "a.b"])
def test_any_partition_key_keeps_its_verdicts_apart(storage: FolderStorage, partition: str) -> None:
    record(storage, verdict(FIRST, partition))
    record(storage, verdict(SECOND, partition + "x"))
    assert newest(storage, "radio", partition) == verdict(FIRST, partition)


def test_recording_the_same_again_is_no_error_and_a_different_verdict_is_refused(
    storage: FolderStorage,
) -> None:
    record(storage, verdict())
    record(storage, verdict())
    with pytest.raises(AlreadyThere, match=f"no verdict on attempt {FIRST}"):
        record(storage, replace(verdict(), passed=False))
    assert newest(storage, "radio", "2014-06-16-05:00") == verdict()


def test_all_verdicts_come_oldest_first(storage: FolderStorage) -> None:
    record(storage, verdict(SECOND, "2014-06-16-05:00"))
    record(storage, verdict(FIRST, "2014-06-16-06:00"))
    record(storage, verdict(FIRST, "2014-06-16-05:00"))
    found = [(each.attempt, each.partition) for each in all_verdicts(storage, "radio")]
    assert found == [
        (FIRST, "2014-06-16-05:00"),
        (FIRST, "2014-06-16-06:00"),
        (SECOND, "2014-06-16-05:00"),
    ]
    assert all_verdicts(storage, "other") == []


def test_newest_verdicts_are_those_of_the_attempts_asked_for(storage: FolderStorage) -> None:
    record(storage, verdict(FIRST, "2014-06-16-05:00"))
    record(storage, verdict(SECOND, "2014-06-16-05:00"))
    record(storage, verdict(FIRST, "2014-06-16-06:00"))
    assert newest_verdicts(storage, "radio", among={FIRST}) == [verdict(FIRST, "2014-06-16-06:00")]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the document"), ("{}", "table: Field required"), ('{"table": 1}', "table: Input")],
)
def test_a_damaged_verdict_is_named_with_what_is_wrong(
    storage: FolderStorage, text: str, message: str
) -> None:
    storage.write("refined/radio/_manifest/p/x.json", text.encode())
    with pytest.raises(StorageError, match=f"_manifest/p/x.json.*{message}"):
        newest(storage, "radio", "p")


def test_a_rewrite_sorts_after_its_attempt_and_before_any_later_one(storage: FolderStorage) -> None:
    rewritten = rewritten_attempt_id(FIRST)
    again = rewritten_attempt_id(rewritten)
    assert attempt_time(again) == attempt_time(rewritten) == attempt_time(FIRST)
    for attempt in (again, FIRST, rewritten):
        record(storage, verdict(attempt))
        found = newest(storage, "radio", "2014-06-16-05:00")
        assert found is not None
        assert found.attempt == again
    assert [each.attempt for each in newest_verdicts(storage, "radio", {FIRST, again})] == [again]
    record(storage, verdict(SECOND))
    assert newest(storage, "radio", "2014-06-16-05:00") == verdict(SECOND)
