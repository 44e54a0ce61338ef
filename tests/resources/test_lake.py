"""The steps of a table without Dagster and without Spark: refine, audit, publish, read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.attempts import all_verdicts, newest
from resources.catalog.counting import Counted
from resources.errors import AuditFailed, CatalogError, RawChanged, StorageError
from resources.lake import Refined
from resources.publishing import Publisher
from spark.errors import LedgerImbalance
from spark.ledger import Ledger
from spark.refining import RefineReport
from spark.snapshot import SnapshotReport
from spark.spec import RefineSpec
from tests.workshop import PLAYS, PyArrowCompute, Row, Workshop

FIVE, SIX, SEVEN = (f"2024-05-01-{hour}" for hour in ("05", "06", "07"))
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": 2, "seconds": 20, "title": "Two"}
GAMMA: Row = {"play_id": "gamma", "song_id": 9, "seconds": None, "title": None}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.have_songs()
    return made


def refine(workshop: Workshop, compute: PyArrowCompute, *keys: str) -> list[Refined]:
    return workshop.lake.refine(compute, workshop.table, keys)


def published(workshop: Workshop) -> list[tuple[object, object]]:
    rows = workshop.query("SELECT play_id, hour FROM plays ORDER BY ALL")
    return [(row["play_id"], row["hour"]) for row in rows]


# --- Refine and audit ---


def test_a_refine_leaves_an_attempt_and_a_verdict_and_publishes_nothing(workshop: Workshop) -> None:
    (done,) = refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)

    assert done.audit.passed
    verdict = newest(workshop.lake.storage, "plays", FIVE)
    assert verdict == done.verdict
    assert verdict.passed
    assert verdict.directory.endswith("/dt=2024-05-01/hour=05")
    assert verdict.inputs == workshop.lake.inputs(workshop.table, done.raw)
    assert workshop.lake.catalog.tables() == []


def test_every_partition_of_an_attempt_has_a_verdict_of_its_own(workshop: Workshop) -> None:
    done = refine(workshop, PyArrowCompute({FIVE: [ALPHA], SIX: [BETA, GAMMA]}), FIVE, SIX, SEVEN)

    assert [(each.raw.key, each.verdict.ledger["published"]) for each in done] == [
        (FIVE, 1),
        (SIX, 2),
        (SEVEN, 0),
    ]
    assert len({each.verdict.attempt for each in done}) == 1


def test_every_refine_is_an_attempt_of_its_own(workshop: Workshop) -> None:
    for _ in range(2):
        refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)

    attempts = [each.attempt for each in all_verdicts(workshop.lake.storage, "plays")]
    assert len(set(attempts)) == 2


def test_a_refine_before_the_reference_is_refused_with_what_to_do(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)

    with pytest.raises(StorageError, match=r"reference/songs has never been materialized.*first"):
        refine(workshop, PyArrowCompute(), FIVE)


@dataclass(frozen=True)
class Meanwhile(PyArrowCompute):
    """An engine during whose work something happens to the raw objects."""

    happens: Callable[[], object] = lambda: None

    def refine(self, spec: RefineSpec) -> RefineReport:
        self.happens()
        return super().refine(spec)


@pytest.mark.parametrize("happens", ["replaced", "deleted"])
def test_a_raw_object_that_changes_while_it_is_read_fails_the_attempt(
    workshop: Workshop, happens: str
) -> None:
    path = workshop.deliver("2024/05/01/05", "a.json", '{"play_id": "alpha"}')
    change = path.unlink if happens == "deleted" else lambda: path.write_text("{}")

    with pytest.raises(RawChanged, match=rf"a\.json \({happens}\)") as caught:
        refine(workshop, Meanwhile({FIVE: [ALPHA]}, happens=change), FIVE)

    assert caught.value.retryable
    assert newest(workshop.lake.storage, "plays", FIVE) is None


def test_a_raw_object_that_comes_meanwhile_is_for_the_next_attempt(workshop: Workshop) -> None:
    workshop.deliver("2024/05/01/05", "a.json", '{"play_id": "alpha"}')

    def late() -> None:
        workshop.deliver("2024/05/01/05", "b.json", '{"play_id": "beta"}')

    (done,) = refine(workshop, Meanwhile({FIVE: [ALPHA]}, happens=late), FIVE)

    assert len(done.raw.objects) == 1
    assert workshop.lake.raw(workshop.table, [FIVE])[0].fingerprint != done.raw.fingerprint


def test_an_engine_that_fails_leaves_no_verdict(workshop: Workshop) -> None:
    class Failing(PyArrowCompute):
        def refine(self, spec: RefineSpec) -> RefineReport:
            super().refine(spec)
            raise LedgerImbalance("of the test")

    with pytest.raises(LedgerImbalance):
        refine(workshop, Failing({FIVE: [ALPHA]}), FIVE)

    assert newest(workshop.lake.storage, "plays", FIVE) is None
    with pytest.raises(CatalogError, match="there is no attempt to publish; materialize refined/"):
        workshop.lake.publish(workshop.table, [FIVE])


# --- Publish ---


def test_publishing_shows_the_rows_with_their_partition(workshop: Workshop) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA], SIX: [BETA, GAMMA]}), FIVE, SIX)

    pointers = workshop.lake.publish(workshop.table, [FIVE, SIX]).pointers

    assert [each.rows for each in pointers] == [1, 2]
    assert published(workshop) == [("alpha", "05"), ("beta", "06"), ("gamma", "06")]
    assert workshop.lake.row_count("plays") == 3
    assert workshop.lake.published_rows("plays") == {
        ("2024-05-01", "05"): 1,
        ("2024-05-01", "06"): 2,
    }


def test_publishing_again_changes_nothing(workshop: Workshop) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)

    first = workshop.lake.publish(workshop.table, [FIVE])
    second = workshop.lake.publish(workshop.table, [FIVE])

    assert first == second
    assert len(workshop.lake.catalog.history("plays", FIVE)) == 1


def test_publishing_takes_the_newest_attempt(workshop: Workshop) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)
    refine(workshop, PyArrowCompute({FIVE: [BETA]}), FIVE)

    workshop.lake.publish(workshop.table, [FIVE])

    assert published(workshop) == [("beta", "05")]


def test_an_empty_partition_is_published_as_such(workshop: Workshop) -> None:
    refine(workshop, PyArrowCompute(), FIVE)

    (pointer,) = workshop.lake.publish(workshop.table, [FIVE]).pointers

    assert pointer.rows == 0
    assert pointer.files == []
    assert published(workshop) == []


def test_a_partition_that_became_empty_shows_nothing_any_more(workshop: Workshop) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)
    workshop.lake.publish(workshop.table, [FIVE])
    refine(workshop, PyArrowCompute(), FIVE)

    workshop.lake.publish(workshop.table, [FIVE])

    assert published(workshop) == []


def test_a_table_without_partitions_is_published_whole(tmp_path: Path) -> None:
    text = PLAYS.replace("{by: hour, start: 2024-05-01, end: 2024-05-02}", "{by: none}")
    workshop = Workshop(tmp_path, text)
    workshop.have_songs()
    refine(workshop, PyArrowCompute({"all": [ALPHA, BETA]}), "all")

    (pointer,) = workshop.lake.publish(workshop.table, ["all"]).pointers

    assert pointer.values == {}
    assert workshop.query("SELECT count(*) AS n FROM plays") == [{"n": 2}]


# --- Attempts that must not be published ---

UNEVEN = {FIVE: Ledger(documents=2, published=1)}


def test_an_attempt_that_failed_its_audit_is_not_published(workshop: Workshop) -> None:
    (done,) = refine(workshop, PyArrowCompute({FIVE: [ALPHA]}, UNEVEN), FIVE)

    assert not done.verdict.passed
    with pytest.raises(AuditFailed, match="2 documents were read, 1 are accounted for"):
        workshop.lake.publish(workshop.table, [FIVE])
    assert workshop.lake.catalog.tables() == []


def test_a_failed_attempt_leaves_what_was_published_before(workshop: Workshop) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)
    workshop.lake.publish(workshop.table, [FIVE])
    refine(workshop, PyArrowCompute({FIVE: [BETA]}, UNEVEN), FIVE)

    with pytest.raises(AuditFailed):
        workshop.lake.publish(workshop.table, [FIVE])

    assert published(workshop) == [("alpha", "05")]


def test_one_failed_partition_keeps_the_others_from_being_published_with_it(
    workshop: Workshop,
) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA], SIX: [BETA]}, UNEVEN), FIVE, SIX)

    with pytest.raises(AuditFailed, match=f"partition '{FIVE}'"):
        workshop.lake.publish(workshop.table, [FIVE, SIX])

    assert workshop.lake.catalog.tables() == []


def test_partitions_that_passed_can_be_published_without_the_one_that_failed(
    workshop: Workshop,
) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA], SIX: [BETA]}, UNEVEN), FIVE, SIX)

    workshop.lake.publish(workshop.table, [SIX])

    assert published(workshop) == [("beta", "06")]


@pytest.mark.parametrize("kind", ["bigint", "string"])
def test_a_file_of_another_type_is_not_published(workshop: Workshop, kind: str) -> None:
    row: Row = {"play_id": "alpha", "song_id": 1, "seconds": None, "title": None}
    refine(workshop, PyArrowCompute({FIVE: [row]}, types={"seconds": kind}), FIVE)

    with pytest.raises(AuditFailed, match=f"Column `seconds`: expected int, found {kind}"):
        workshop.lake.publish(workshop.table, [FIVE])


def test_a_null_in_a_required_column_is_not_published(workshop: Workshop) -> None:
    refine(workshop, PyArrowCompute({FIVE: [{"play_id": None}]}), FIVE)

    with pytest.raises(AuditFailed, match="`play_id` is required and null in 1 rows"):
        workshop.lake.publish(workshop.table, [FIVE])


def test_a_share_beyond_its_limit_is_not_published(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, PLAYS + "audit: {max_duplicate_share: 0.4}\n")
    workshop.have_songs()
    half = Ledger(documents=2, published=1, duplicates=1)
    refine(workshop, PyArrowCompute({FIVE: [ALPHA]}, {FIVE: half}), FIVE)

    with pytest.raises(AuditFailed, match=r"duplicates: 1 of 2 documents \(50.00%\)"):
        workshop.lake.publish(workshop.table, [FIVE])


@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_an_attempt_whose_files_changed_since_its_audit_is_not_published(
    workshop: Workshop, damage: str
) -> None:
    (done,) = refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)
    path = workshop.lake.storage.local_path(done.audit.files[0].key)
    assert path is not None
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(CatalogError, match=r"part-0\.parquet"):
        workshop.lake.publish(workshop.table, [FIVE])

    assert published(workshop) == []


# --- Read back ---


def test_rows_that_a_query_does_not_find_are_rolled_back(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)
    workshop.lake.publish(workshop.table, [FIVE])
    refine(workshop, PyArrowCompute({FIVE: [ALPHA, BETA]}), FIVE)
    monkeypatch.setattr(Publisher, "count_rows", lambda *_: Counted({}))

    with pytest.raises(CatalogError, match="2 rows were published, a query counts 0"):
        workshop.lake.publish(workshop.table, [FIVE])

    assert published(workshop) == [("alpha", "05")]


def test_a_partition_published_for_the_first_time_is_withdrawn_when_it_cannot_be_read_back(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)
    monkeypatch.setattr(Publisher, "count_rows", lambda *_: Counted({}))

    with pytest.raises(CatalogError, match="1 rows were published, a query counts 0"):
        workshop.lake.publish(workshop.table, [FIVE])

    assert published(workshop) == []


def test_publishing_again_what_cannot_be_read_back_does_not_roll_back_what_was_whole(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in (ALPHA, BETA):
        refine(workshop, PyArrowCompute({FIVE: [row]}), FIVE)
        workshop.lake.publish(workshop.table, [FIVE])
    monkeypatch.setattr(Publisher, "count_rows", lambda *_: Counted({}))

    with pytest.raises(CatalogError):
        workshop.lake.publish(workshop.table, [FIVE])

    assert published(workshop) == [("beta", "05")]


# --- What is current ---


def test_a_partition_is_current_until_its_objects_references_or_rules_change(
    workshop: Workshop,
) -> None:
    def is_current() -> bool:
        return not workshop.lake.changed(workshop.table, workshop.lake.raw(workshop.table, [FIVE]))

    def publish() -> None:
        refine(workshop, PyArrowCompute({FIVE: [ALPHA]}), FIVE)
        workshop.lake.publish(workshop.table, [FIVE])

    workshop.deliver("2024/05/01/05", "a.json", "{}")
    assert not is_current()
    publish()
    assert is_current()

    workshop.deliver("2024/05/01/05", "b.json", "{}")
    assert not is_current()
    publish()
    assert is_current()

    workshop.have_songs([{"song_id": 1, "title": "One"}])
    assert not is_current()
    publish()
    assert is_current()

    workshop.declare(PLAYS.replace("deduplicate:", "filter: seconds > 0\ndeduplicate:"))
    assert not is_current()


# --- References ---


def test_the_same_content_of_a_reference_is_the_same_version(workshop: Workshop) -> None:
    reference = workshop.table.joins[0].reference
    before = workshop.lake.reference(reference)
    compute = PyArrowCompute(songs=[{"song_id": 1, "title": "x"}, {"song_id": 2, "title": "y"}])

    again = workshop.lake.snapshot(compute, reference, {})

    assert not again.report.written
    assert workshop.lake.reference(reference) == before


def test_a_snapshot_that_wrote_nothing_it_reports_is_refused(workshop: Workshop) -> None:
    class Forgetful(PyArrowCompute):
        def snapshot(self, *_: object) -> SnapshotReport:
            return SnapshotReport("songs", "new", 1, written=True, directory="version=new-1")

    reference = workshop.table.joins[0].reference
    before = workshop.lake.reference(reference)

    with pytest.raises(StorageError, match="found none"):
        workshop.lake.snapshot(Forgetful(), reference, {})

    assert workshop.lake.reference(reference) == before


# --- Samples ---


def test_samples_are_rows_of_the_attempt_and_of_the_table(workshop: Workshop) -> None:
    done = refine(workshop, PyArrowCompute({SIX: [ALPHA, BETA], SEVEN: [GAMMA]}), FIVE, SIX, SEVEN)
    pointers = workshop.lake.publish(workshop.table, [FIVE, SIX, SEVEN]).pointers

    sample = workshop.lake.sample(done, 2)
    shown = workshop.lake.published_sample(pointers, 5)

    assert [row["play_id"] for row in sample] == ["alpha", "beta"]
    assert [(row["play_id"], row["hour"]) for row in shown] == [
        ("alpha", "06"),
        ("beta", "06"),
        ("gamma", "07"),
    ]


def test_a_sample_holds_no_more_rows_than_asked_for(workshop: Workshop) -> None:
    done = refine(workshop, PyArrowCompute({FIVE: [ALPHA], SIX: [BETA], SEVEN: [GAMMA]}), FIVE, SIX, SEVEN)  # fmt: skip
    pointers = workshop.lake.publish(workshop.table, [FIVE, SIX, SEVEN]).pointers

    assert len(workshop.lake.sample(done, 2)) == 2
    assert len(workshop.lake.published_sample(pointers, 2)) == 2
