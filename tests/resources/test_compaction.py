from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resources.attempts import FileEntry, newest
from resources.browse import ledger_of, newest_by_partition, quarantined
from resources.catalog.base import Pointer, TableEntry
from resources.compaction import Candidate, candidate
from resources.errors import AuditFailed, CatalogError, StorageError
from spark.contract import Contract
from spark.ledger import Ledger
from tests.workshop import PLAYS, PyArrowCompute, Row, Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
MB = 1_000_000


def rows(count: int, first: int = 0) -> list[Row]:
    return [
        {"play_id": f"p{number}", "song_id": number % 3, "seconds": None, "title": "One"}
        for number in range(first, first + count)
    ]


#: Eleven files of one row each, and two documents in quarantine.
MANY = PyArrowCompute(
    {FIVE: rows(11), SIX: rows(3, 100)},
    {FIVE: Ledger(documents=13, published=11, quarantined={"incomplete": 2})},
    rows_per_file=1,
)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "lake")
    made.have_songs()
    made.lake.refine(MANY, made.table, [FIVE, SIX])
    put_quarantine(made)
    made.lake.publish(made.table, [FIVE, SIX])
    return made


def put_quarantine(workshop: Workshop) -> None:
    attempt = newest(workshop.lake.storage, "plays", FIVE)
    assert attempt is not None
    folder = attempt.directory.replace("refined/", "quarantine/", 1)
    workshop.lake.storage.write(f"{folder}/part-0.parquet", b"turned away")


def compact(workshop: Workshop) -> list[str]:
    compactor = workshop.lake.compactor
    done = list(compactor.compact(compactor.candidates("plays")))
    return [each.after.partition for each in done if each.is_published]


def test_many_files_become_one_with_the_same_rows(workshop: Workshop) -> None:
    before = workshop.lake.catalog.pointers("plays")
    seen = workshop.query("select * from plays order by play_id")

    assert compact(workshop) == [FIVE, SIX]

    after = workshop.lake.catalog.pointers("plays")
    assert [len(each.files) for each in after.values()] == [1, 1]
    assert workshop.query("select * from plays order by play_id") == seen
    for key in (FIVE, SIX):
        assert after[key].attempt > before[key].attempt
        assert (after[key].inputs, after[key].ledger) == (before[key].inputs, before[key].ledger)


def test_what_was_compacted_is_not_taken_for_changed(workshop: Workshop) -> None:
    raw = workshop.lake.raw(workshop.table, [FIVE, SIX])
    assert workshop.lake.changed(workshop.table, raw) == []

    compact(workshop)

    assert workshop.lake.changed(workshop.table, raw) == []


def test_a_second_compaction_and_a_publication_find_nothing_to_do(workshop: Workshop) -> None:
    compact(workshop)
    shown = workshop.lake.catalog.pointers("plays")

    assert compact(workshop) == []
    workshop.lake.publish(workshop.table, [FIVE, SIX])

    assert workshop.lake.catalog.pointers("plays") == shown


def test_the_ledger_and_the_quarantine_come_along(workshop: Workshop) -> None:
    compact(workshop)

    current = workshop.lake.catalog.pointers("plays")[FIVE]
    assert ledger_of(current).quarantined == {"incomplete": 2}
    folder = current.directory.replace("refined/", "quarantine/", 1)
    assert workshop.lake.storage.read(f"{folder}/part-0.parquet") == b"turned away"
    verdict = newest_by_partition(workshop.lake.storage, "plays")[FIVE]
    with pytest.raises(Exception, match="Parquet magic bytes"):
        quarantined(workshop.lake.storage, [verdict], 1)


def test_a_rollback_goes_back_to_the_files_before(workshop: Workshop) -> None:
    before = workshop.lake.catalog.pointers("plays")
    compact(workshop)

    restored = workshop.lake.catalog.rollback("plays", [FIVE])

    assert restored == [before[FIVE]]
    assert len(workshop.query("select * from plays")) == 14


def test_an_attempt_that_began_before_a_compaction_ended_is_the_newer_one(
    workshop: Workshop,
) -> None:
    compactor = workshop.lake.compactor
    chosen = compactor.candidates("plays")
    workshop.lake.refine(PyArrowCompute({FIVE: rows(2)}), workshop.table, [FIVE])
    rewritten = [compactor.rewrite(each) for each in chosen]

    done = compactor.publish(chosen, rewritten)
    assert [each.is_published for each in done] == [True, True]
    workshop.lake.publish(workshop.table, [FIVE])

    assert workshop.lake.catalog.pointers("plays")[FIVE].rows == 2


def test_what_was_published_meanwhile_stays(workshop: Workshop) -> None:
    compactor = workshop.lake.compactor
    chosen = compactor.candidates("plays")
    rewritten = [compactor.rewrite(each) for each in chosen]
    workshop.lake.refine(PyArrowCompute({FIVE: rows(2)}), workshop.table, [FIVE])
    workshop.lake.publish(workshop.table, [FIVE])

    done = compactor.publish(chosen, rewritten)

    assert [each.is_published for each in done] == [False, True]
    assert workshop.lake.catalog.pointers("plays")[FIVE].rows == 2


def test_a_rollback_meanwhile_stays(workshop: Workshop) -> None:
    workshop.lake.refine(PyArrowCompute({FIVE: rows(9)}, rows_per_file=1), workshop.table, [FIVE])
    workshop.lake.publish(workshop.table, [FIVE])
    compactor = workshop.lake.compactor
    chosen = compactor.candidates("plays")
    rewritten = [compactor.rewrite(each) for each in chosen]
    workshop.lake.catalog.rollback("plays", [FIVE])

    compactor.publish(chosen, rewritten)

    assert workshop.lake.catalog.pointers("plays")[FIVE].rows == 11


def test_rows_that_are_not_as_recorded_are_not_published(workshop: Workshop) -> None:
    compactor = workshop.lake.compactor
    chosen = compactor.candidates("plays")[0]
    lacking = replace(chosen, small=chosen.small[1:])

    with pytest.raises(AuditFailed, match=r"10 rows in 1 files, the ledger says 11 were published"):
        compactor.rewrite(lacking)

    found = newest(workshop.lake.storage, "plays", FIVE)
    assert found is not None
    assert found.attempt == chosen.pointer.attempt


def test_files_that_are_gone_are_said(workshop: Workshop) -> None:
    compactor = workshop.lake.compactor
    chosen = compactor.candidates("plays")[0]
    workshop.lake.storage.delete([chosen.small[3].key])

    with pytest.raises(StorageError, match=r"part-10\.parquet|part-2\.parquet|part-"):
        compactor.rewrite(chosen)


def test_columns_that_the_table_got_since_are_not_missed(workshop: Workshop) -> None:
    workshop.declare(
        PLAYS.replace(
            "    - {name: seconds, type: int}",
            "    - {name: seconds, type: bigint}",
        )
    )
    workshop.lake.catalog.ensure_table(
        TableEntry("plays", workshop.table.published, ("dt", "hour"))
    )

    assert compact(workshop) == [FIVE, SIX]
    assert len(workshop.query("select seconds from plays")) == 14


def test_a_table_that_is_not_there_is_refused(workshop: Workshop) -> None:
    with pytest.raises(CatalogError, match=r"found 'played'\. There are: 'plays'"):
        workshop.lake.compactor.candidates("played")


@pytest.mark.parametrize(
    ("megabytes", "expected"),
    [
        ([], None),
        ([1], None),
        ([100, 100], None),
        ([1, 1], (2, 0, 1)),
        ([60, 60], (2, 0, 1)),
        ([63, 64, 64], None),
        ([1, 1, 100, 100], None),
        ([1, 1, 1, 1, 1, 100], (5, 1, 2)),
        ([60] * 10, (10, 0, 5)),
    ],
    ids=str,
)
def test_a_partition_pays_when_its_files_become_half_as_many(
    megabytes: list[int], expected: tuple[int, int, int] | None
) -> None:
    files = [FileEntry(f"d/{n}", 1, size * MB) for n, size in enumerate(megabytes)]
    size = sum(each.bytes for each in files)
    pointer = Pointer("p", {}, "a", "d", files, len(files), size, {}, {})

    found = candidate(TableEntry("plays", Contract(())), pointer, 128 * MB)

    assert summary(found) == expected


def test_what_was_adopted_is_left_where_it_lies() -> None:
    files = [FileEntry(f"s3://theirs/plays/{n}.parquet", 1, 1) for n in range(9)]
    pointer = Pointer("p", {}, "a", "s3://theirs/plays", files, 9, 9, {}, {})

    assert candidate(TableEntry("plays", Contract(())), pointer, 128 * MB) is None


def summary(found: Candidate | None) -> tuple[int, int, int] | None:
    return None if found is None else (len(found.small), len(found.large), found.files_after)
