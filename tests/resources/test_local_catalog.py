from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resources.attempts import FileEntry, Verdict, new_attempt_id
from resources.catalog.base import (
    Pointer,
    TableEntry,
    check_files,
    pointer_to,
)
from resources.catalog.local import LocalCatalog
from resources.errors import AuditFailed, CatalogBusy, CatalogError
from resources.sqlite import SharedDatabase
from resources.storage import FolderStorage
from spark.contract import Column, Contract
from tests.pointers import FIVE, SIX, attempts, written_attempt

TABLE = TableEntry(
    name="radio",
    contract=Contract((Column("id", "int", nullable=False), Column("title", "string"))),
    partition_columns=("dt", "hour"),
    comment="What was played",
    owners=("team:radio",),
)


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def catalog(root: str) -> LocalCatalog:
    catalog = LocalCatalog(root)
    catalog.ensure_table(TABLE)
    return catalog


def attempt(root: str, name: str, partition: str = FIVE, files: int = 1) -> Pointer:
    """An attempt on the table, with its files in storage."""
    return written_attempt(FolderStorage(root), "radio", name, partition, files)


def test_a_new_lake_has_an_empty_catalog(root: str) -> None:
    catalog = LocalCatalog(root)
    assert catalog.tables() == []
    assert catalog.snapshot() == []


def test_a_table_comes_back_as_it_was_declared(root: str, catalog: LocalCatalog) -> None:
    assert catalog.tables() == [TABLE]
    assert LocalCatalog(f"file://{root}").tables() == [TABLE]
    assert catalog.pointers("radio") == {}
    assert catalog.history("radio", FIVE) == []


def test_a_published_pointer_comes_back_whole(root: str, catalog: LocalCatalog) -> None:
    pointer = attempt(root, "a", files=3)
    catalog.publish("radio", pointer)
    (found,) = catalog.pointers("radio").values()
    assert found.published_at
    assert replace(found, published_at="") == pointer


def test_partitions_are_published_apart(root: str, catalog: LocalCatalog) -> None:
    catalog.publish("radio", attempt(root, "b", SIX))
    catalog.publish("radio", attempt(root, "a", FIVE))
    assert {key: each.attempt for key, each in catalog.pointers("radio").items()} == {
        FIVE: "a",
        SIX: "b",
    }
    assert list(catalog.pointers("radio")) == [FIVE, SIX]


def test_an_empty_partition_can_be_published(root: str, catalog: LocalCatalog) -> None:
    catalog.publish("radio", attempt(root, "a", files=0))
    assert catalog.pointers("radio")[FIVE].rows == 0


def test_a_table_without_partition_columns_has_one_partition(root: str) -> None:
    catalog = LocalCatalog(root)
    catalog.ensure_table(replace(TABLE, partition_columns=()))
    catalog.publish("radio", replace(attempt(root, "a"), partition="all", values={}))
    assert list(catalog.pointers("radio")) == ["all"]


def test_publishing_the_same_attempt_twice_changes_nothing(
    root: str, catalog: LocalCatalog
) -> None:
    pointer = attempt(root, "a")
    catalog.publish("radio", pointer)
    before = catalog.history("radio", FIVE)
    catalog.publish("radio", pointer)
    assert catalog.history("radio", FIVE) == before


def test_none_of_many_is_published_beside_one_that_is_refused(
    root: str, catalog: LocalCatalog
) -> None:
    catalog.publish_all("radio", [attempt(root, "a", FIVE), attempt(root, "a", SIX)])
    broken = replace(attempt(root, "b", SIX), rows=11)
    with pytest.raises(CatalogError, match="11 rows and 1 bytes"):
        catalog.publish_all("radio", [attempt(root, "b", FIVE), broken])
    assert attempts(list(catalog.pointers("radio").values())) == ["a", "a"]


def test_a_declaration_that_adopts_changes_nothing_here(catalog: LocalCatalog) -> None:
    catalog.ensure_table(replace(TABLE, adopt=True))
    assert catalog.tables() == [TABLE]
    assert not catalog.tables()[0].adopt


@pytest.mark.parametrize("together", [True, False])
def test_files_of_many_pointers_are_compared_each_with_its_own(root: str, together: bool) -> None:
    storage = FolderStorage(root)
    pointers = [attempt(root, "a", FIVE, files=2), attempt(root, "a" if together else "b", SIX)]
    check_files(storage, "radio", pointers)
    storage.delete([pointers[0].files[1].key])
    with pytest.raises(CatalogError, match=r"05', attempt a as recorded.*part-1.parquet"):
        check_files(storage, "radio", pointers)


def test_other_contents_under_a_published_attempt_are_refused(
    root: str, catalog: LocalCatalog
) -> None:
    catalog.publish("radio", attempt(root, "a", files=1))
    with pytest.raises(CatalogError, match="other contents under the same attempt"):
        catalog.publish("radio", attempt(root, "a", files=2))


def test_publishing_needs_the_files_in_storage_in_full_size(
    root: str, catalog: LocalCatalog
) -> None:
    catalog.publish("radio", attempt(root, "a"))
    pointer = attempt(root, "b", files=2)
    FolderStorage(root).write(pointer.files[0].key, b"longer than recorded")
    FolderStorage(root).delete([pointer.files[1].key])
    with pytest.raises(CatalogError, match=r"has 20 bytes, not 1; .*part-1.parquet' is missing"):
        catalog.publish("radio", pointer)
    assert catalog.pointers("radio")[FIVE].attempt == "a"


def test_a_data_file_that_is_not_on_record_stops_publishing(
    root: str, catalog: LocalCatalog
) -> None:
    pointer = attempt(root, "a")
    for name in ("_SUCCESS", ".part-0.parquet.crc"):
        FolderStorage(root).write(f"{pointer.directory}/{name}", b"")
    catalog.publish("radio", pointer)
    other = attempt(root, "b")
    FolderStorage(root).write(f"{other.directory}/part-9.parquet", b"b")
    with pytest.raises(CatalogError, match=r"part-9.parquet' is not on record"):
        catalog.publish("radio", other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": {"dt": "2014-06-16"}}, "partition values for 'dt', where the table has"),
        ({"rows": 11}, "11 rows and 1 bytes, where its files have 10 and 1"),
        ({"directory": "refined/radio/attempt=a/dt=2014"}, "files outside its directory"),
        ({"files": [FileEntry("x", 5, 1), FileEntry("x", 5, 0)]}, "a file named twice"),
    ],
)
def test_a_pointer_that_contradicts_itself_is_refused(
    root: str, catalog: LocalCatalog, change: dict[str, object], message: str
) -> None:
    pointer = replace(attempt(root, "a"), **change)  # type: ignore[arg-type]
    with pytest.raises(CatalogError, match=message):
        catalog.publish("radio", pointer)
    assert catalog.pointers("radio") == {}


def test_an_unknown_table_is_answered_with_those_there_are(
    root: str, catalog: LocalCatalog
) -> None:
    for ask in (
        lambda: catalog.pointers("Radio"),
        lambda: catalog.history("Radio", FIVE),
        lambda: catalog.rollback("Radio", [FIVE]),
        lambda: catalog.retained("Radio", 1),
        lambda: catalog.publish("Radio", attempt(root, "a")),
    ):
        with pytest.raises(CatalogError, match=r"found 'Radio'\. There are: 'radio'"):
            ask()


def test_a_rollback_goes_back_one_version_at_a_time(root: str, catalog: LocalCatalog) -> None:
    for name in "abc":
        catalog.publish("radio", attempt(root, name))
    assert attempts(catalog.rollback("radio", [FIVE])) == ["b"]
    assert catalog.pointers("radio")[FIVE].attempt == "b"
    assert attempts(catalog.rollback("radio", [FIVE])) == ["a"]
    assert attempts(catalog.history("radio", FIVE)) == ["c", "b", "a"]
    with pytest.raises(CatalogError, match=f"none for partition '{FIVE}'"):
        catalog.rollback("radio", [FIVE])
    assert catalog.pointers("radio")[FIVE].attempt == "a"


def test_what_was_rolled_back_is_not_what_a_later_rollback_goes_to(
    root: str, catalog: LocalCatalog
) -> None:
    catalog.publish("radio", attempt(root, "good"))
    catalog.publish("radio", attempt(root, "bad"))
    catalog.rollback("radio", [FIVE])
    catalog.publish("radio", attempt(root, "better"))
    assert attempts(catalog.history("radio", FIVE)) == ["better", "bad", "good"]
    assert attempts(catalog.rollback("radio", [FIVE])) == ["good"]


def test_what_was_rolled_back_can_be_published_again(root: str, catalog: LocalCatalog) -> None:
    catalog.publish("radio", attempt(root, "a"))
    catalog.publish("radio", attempt(root, "b"))
    catalog.rollback("radio", [FIVE])
    catalog.publish("radio", attempt(root, "b"))
    assert catalog.pointers("radio")[FIVE].attempt == "b"
    assert attempts(catalog.rollback("radio", [FIVE])) == ["a"]


def test_a_publisher_that_was_overtaken_leaves_the_newer_attempt(
    root: str, catalog: LocalCatalog
) -> None:
    older = new_attempt_id(datetime(2026, 11, 1, 5, tzinfo=UTC))
    newer = new_attempt_id(datetime(2026, 11, 1, 6, tzinfo=UTC))
    catalog.publish("radio", attempt(root, newer))
    catalog.publish("radio", attempt(root, older))
    assert catalog.pointers("radio")[FIVE].attempt == newer
    assert attempts(catalog.history("radio", FIVE)) == [newer]


def test_several_partitions_go_back_together_or_not_at_all(
    root: str, catalog: LocalCatalog
) -> None:
    for partition in (FIVE, SIX):
        catalog.publish("radio", attempt(root, "a", partition))
    catalog.publish("radio", attempt(root, "b", FIVE))
    with pytest.raises(CatalogError, match=f"partition '{SIX}', 'never'. Nothing was rolled"):
        catalog.rollback("radio", [FIVE, SIX, "never"])
    assert catalog.pointers("radio")[FIVE].attempt == "b"
    catalog.publish("radio", attempt(root, "b", SIX))
    assert attempts(catalog.rollback("radio", [FIVE, SIX, FIVE])) == ["a", "a"]
    assert catalog.rollback("radio", []) == []


def test_a_rollback_to_files_that_are_gone_is_refused(root: str, catalog: LocalCatalog) -> None:
    old = attempt(root, "a")
    catalog.publish("radio", old)
    catalog.publish("radio", attempt(root, "b"))
    FolderStorage(root).delete([old.files[0].key])
    with pytest.raises(CatalogError, match="is missing"):
        catalog.rollback("radio", [FIVE])
    assert catalog.pointers("radio")[FIVE].attempt == "b"


def test_retained_are_the_current_pointers_and_those_one_could_go_back_to(
    root: str, catalog: LocalCatalog
) -> None:
    for name in "abcd":
        catalog.publish("radio", attempt(root, name, FIVE))
    catalog.publish("radio", attempt(root, "x", SIX))
    catalog.rollback("radio", [FIVE])
    assert attempts(catalog.retained("radio", 0)) == ["c", "x"]
    assert attempts(catalog.retained("radio", 1)) == ["c", "b", "x"]
    assert attempts(catalog.retained("radio", 9)) == ["c", "b", "a", "x"]


def columns(*changes: Column) -> TableEntry:
    return replace(TABLE, contract=Contract(changes))


ID, TITLE = TABLE.contract.columns


@pytest.mark.parametrize(
    "entry",
    [
        TABLE,
        replace(TABLE, comment="Else", owners=()),
        columns(ID, TITLE, Column("artist", "array<string>")),
        columns(Column("id", "bigint", nullable=False), TITLE),
        columns(Column("id", "int", nullable=True, comment="now optional"), TITLE),
    ],
    ids=["the same", "comment and owners", "added at the end", "widened", "nulls allowed"],
)
def test_a_published_table_takes_changes_that_readers_survive(
    root: str, catalog: LocalCatalog, entry: TableEntry
) -> None:
    catalog.publish("radio", attempt(root, "a"))
    catalog.ensure_table(entry)
    assert catalog.tables() == [entry]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (columns(ID), "column 'title' would be gone"),
        (columns(TITLE, ID), "take one for another"),
        (columns(Column("new", "int"), ID, TITLE), "take one for another"),
        (columns(ID, Column("title", "int")), "'title' would turn from string to int"),
        (columns(Column("id", "smallint"), TITLE), "'id' would turn from int to smallint"),
        (columns(ID, replace(TITLE, nullable=False)), "'title' would promise no nulls"),
        (
            columns(ID, TITLE, Column("new", "int", nullable=False)),
            "new column 'new' would promise no nulls, and published rows lack it",
        ),
        (replace(TABLE, partition_columns=("dt",)), "'dt', 'hour' would become 'dt'"),
    ],
)
def test_a_published_table_refuses_changes_that_would_hurt_readers(
    root: str, catalog: LocalCatalog, entry: TableEntry, message: str
) -> None:
    catalog.publish("radio", attempt(root, "a"))
    with pytest.raises(CatalogError, match=message):
        catalog.ensure_table(entry)
    assert catalog.tables() == [TABLE]


def test_a_table_never_published_may_change_in_any_way(catalog: LocalCatalog) -> None:
    entry = replace(columns(TITLE), partition_columns=())
    catalog.ensure_table(entry)
    assert catalog.tables() == [entry]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (replace(TABLE, name="RADIO"), "found 'RADIO' beside 'radio'"),
        (replace(TABLE, name="x", partition_columns=("ID",)), "found 'ID' beside 'id'"),
        (replace(TABLE, name=""), "with a name and columns"),
        (replace(TABLE, name="x", contract=Contract(())), "with a name and columns"),
    ],
)
def test_a_table_that_nobody_could_query_is_refused(
    catalog: LocalCatalog, entry: TableEntry, message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        catalog.ensure_table(entry)


def verdict(*, passed: bool) -> Verdict:
    return Verdict(
        table="radio",
        partition=FIVE,
        attempt="a",
        created="2026-11-21T03:45:00+00:00",
        inputs={"raw": "f1"},
        ledger={"read": 5},
        directory="refined/radio/attempt=a/dt=2014-06-16/hour=05",
        files=[FileEntry("k0", 2, 20), FileEntry("k1", 3, 30)],
        passed=passed,
        findings=[] if passed else ["too few rows", "a null id"],
    )


def test_a_verdict_becomes_a_pointer_only_if_it_passed() -> None:
    pointer = pointer_to(verdict(passed=True), {"dt": "2014-06-16", "hour": "05"})
    assert (pointer.rows, pointer.bytes, pointer.attempt) == (5, 50, "a")
    with pytest.raises(AuditFailed, match="attempt a did not: too few rows; a null id"):
        pointer_to(verdict(passed=False), {})


def test_a_publisher_waits_while_the_catalog_is_held(root: str, catalog: LocalCatalog) -> None:
    pointer = attempt(root, "a")
    publisher = threading.Thread(target=catalog.publish, args=("radio", pointer))
    with catalog.holding():
        publisher.start()
        publisher.join(timeout=0.3)
        assert publisher.is_alive()
        assert catalog.pointers("radio") == {}
    publisher.join(timeout=30)
    assert catalog.pointers("radio")[FIVE].attempt == "a"


def test_a_catalog_held_for_too_long_is_an_error_that_a_retry_can_clear(tmp_path: Path) -> None:
    database = SharedDatabase(tmp_path / "x.sqlite", "CREATE TABLE t (a);", 1, busy_seconds=0.1)
    other = replace(database, busy_seconds=0.1)
    with (
        database.writing(),
        pytest.raises(CatalogBusy, match=r"x.sqlite to be free within 0 seconds") as caught,
        other.writing(),
    ):
        pass
    assert caught.value.retryable


def test_a_catalog_of_another_format_is_refused(root: str, catalog: LocalCatalog) -> None:
    connection = sqlite3.connect(Path(root, "catalog.sqlite"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CatalogError, match=r"format 1 in .*; found format 99"):
        catalog.tables()


def test_a_damaged_catalog_is_named(root: str) -> None:
    FolderStorage(root).write("catalog.sqlite", b"not a database at all" * 100)
    with pytest.raises(CatalogError, match=r"usable catalog in .*file is not a database"):
        LocalCatalog(root).tables()


def _publish_many(root: str, worker: str, rounds: int) -> None:
    catalog = LocalCatalog(root)
    catalog.ensure_table(TABLE)
    for number in range(rounds):
        for partition in (FIVE, SIX):
            catalog.publish("radio", attempt(root, f"{worker}-{number}", partition, files=3))


def test_two_processes_publish_at_once_and_readers_see_whole_pointers(root: str) -> None:
    rounds = 15
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_publish_many, args=(root, name, rounds)) for name in "ab"]
    for worker in workers:
        worker.start()
    catalog = LocalCatalog(root)
    seen: set[str] = set()
    while any(worker.is_alive() for worker in workers):
        for _, pointers in catalog.snapshot():
            for pointer in pointers:
                assert len(pointer.files) == 3
                assert all(f"attempt={pointer.attempt}/" in file.key for file in pointer.files)
                seen.add(pointer.attempt)
    assert [worker.exitcode for worker in workers] == [0, 0]
    published = attempts(catalog.history("radio", FIVE))
    assert sorted(published) == sorted(f"{name}-{n}" for name in "ab" for n in range(rounds))
    assert seen <= set(published)
    assert catalog.pointers("radio")[FIVE].attempt == published[0]
    back = [catalog.rollback("radio", [FIVE])[0].attempt for _ in published[1:]]
    assert back == published[1:]


def _publish_forever(root: str, start: int) -> None:
    catalog = LocalCatalog(root)
    catalog.ensure_table(TABLE)
    for number in range(start, start + 100_000):
        catalog.publish("radio", attempt(root, f"{number:07d}", files=2))


@pytest.mark.slow
def test_a_publisher_killed_at_any_moment_leaves_the_last_good_pointer(root: str) -> None:
    catalog = LocalCatalog(root)
    catalog.ensure_table(TABLE)
    for kill in range(6):
        wanted = len(catalog.history("radio", FIVE)) + 3 * kill
        worker = multiprocessing.get_context("spawn").Process(
            target=_publish_forever, args=(root, kill * 100_000)
        )
        worker.start()
        while len(catalog.history("radio", FIVE)) <= wanted:
            assert worker.is_alive()
        worker.kill()
        worker.join()
        history = attempts(catalog.history("radio", FIVE))
        current = catalog.pointers("radio")[FIVE]
        assert len(history) > wanted
        assert history == sorted(set(history), reverse=True)
        assert current.attempt == history[0]
        check_files(FolderStorage(root), "radio", [current])
    with contextlib.closing(sqlite3.connect(Path(root, "catalog.sqlite"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
