from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from resources.attempts import (
    FileEntry,
    Verdict,
    newest,
    quarantine_prefix,
    record,
    refined_prefix,
)
from resources.catalog.base import TableEntry, pointer_to
from resources.catalog.local import LocalCatalog
from resources.cleanup import CleanupReport, Removal, cleanup
from resources.errors import CatalogError, SettingsError, StorageError
from resources.references import ReferenceVersion
from resources.storage import FolderStorage, unfinished_name
from spark.contract import Column, Contract

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WEEK = timedelta(days=7)
TABLE = TableEntry("radio", Contract((Column("id", "int"),)), ("dt",))
MONDAY, TUESDAY = "2014-06-16", "2014-06-17"


class Lake:
    """A lake whose objects are as old as their attempts say."""

    def __init__(self, root: Path) -> None:
        self.storage = FolderStorage(root)
        self.catalog = LocalCatalog(str(root))
        self.catalog.ensure_table(TABLE)

    def attempt(
        self,
        days_old: int,
        partition: str = MONDAY,
        *,
        passed: bool = True,
        reference: str = "v1",
    ) -> Verdict:
        """Write an attempt's rows (100 bytes), quarantine (10 bytes) and verdict."""
        name = attempt_id(days_old)
        directory = f"{refined_prefix('radio', name)}/dt={partition}"
        self.put(f"{directory}/part-0.parquet", 100, days_old)
        self.put(f"{quarantine_prefix('radio', name)}/dt={partition}/part-0.parquet", 10, days_old)
        verdict = Verdict(
            table="radio",
            partition=partition,
            attempt=name,
            created=(NOW - timedelta(days=days_old)).isoformat(),
            inputs={"raw": "f", "tracks": reference},
            ledger={},
            directory=directory,
            files=[FileEntry(f"{directory}/part-0.parquet", 1, 100)],
            passed=passed,
        )
        record(self.storage, verdict)
        return verdict

    def publish(self, verdict: Verdict) -> Verdict:
        self.catalog.publish("radio", pointer_to(verdict, {"dt": verdict.partition}))
        return verdict

    def reference(self, version: str, days_old: int) -> str:
        """Write a reference's version (1,000 bytes) and make it current."""
        attempt = attempt_id(days_old)
        directory = f"reference/tracks/version={version}-{attempt}"
        self.put(f"{directory}/part-0.parquet", 1000, days_old)
        manifest = ReferenceVersion(
            name="tracks",
            version=version,
            attempt=attempt,
            created=(NOW - timedelta(days=days_old)).isoformat(),
            directory=directory,
            rows=1,
            key=("id",),
            columns=[],
            files=(),
        )
        data = TypeAdapter(ReferenceVersion).dump_json(manifest)
        self.storage.write(f"reference/tracks/_manifest/{attempt}.json", data)
        return directory

    def put(self, key: str, size: int, days_old: int) -> None:
        self.storage.write(key, b"x" * size)
        seconds = (NOW - timedelta(days=days_old)).timestamp()
        os.utime(self.storage.local_path(key), (seconds, seconds))

    def cleanup(self, *, keep_previous: int = 1, dry_run: bool = False) -> CleanupReport:
        return cleanup(
            self.storage,
            self.catalog,
            keep_previous=keep_previous,
            older_than=WEEK,
            scratch_older_than=timedelta(days=14),
            dry_run=dry_run,
            now=NOW,
        )

    def has(self, verdict: Verdict) -> bool:
        """Whether an attempt's rows and quarantine are both there; they never differ."""
        quarantine = verdict.directory.replace("refined/", "quarantine/", 1)
        found = [bool([*self.storage.list(f"{each}/")]) for each in (verdict.directory, quarantine)]
        assert found[0] == found[1]
        return found[0]


def attempt_id(days_old: int) -> str:
    return f"{NOW - timedelta(days=days_old):%Y%m%dT%H%M%S}.000Z-0000{days_old:04d}"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_an_empty_lake_has_nothing_to_clean(tmp_path: Path) -> None:
    storage, catalog = FolderStorage(tmp_path), LocalCatalog(str(tmp_path))
    report = cleanup(
        storage,
        catalog,
        keep_previous=0,
        older_than=WEEK,
        scratch_older_than=timedelta(days=14),
        dry_run=False,
    )
    assert report == CleanupReport(is_dry_run=False, removals=())
    assert (report.objects, report.bytes) == (0, 0)


def test_current_and_previous_versions_stay_and_older_ones_go(lake: Lake) -> None:
    versions = [lake.publish(lake.attempt(days_old)) for days_old in (40, 30, 20)]
    report = lake.cleanup(keep_previous=1)
    assert [lake.has(each) for each in versions] == [False, True, True]
    assert report.removals == (
        Removal(f"quarantine/radio/attempt={attempt_id(40)}/dt={MONDAY}", 1, 10),
        Removal(f"refined/radio/attempt={attempt_id(40)}/dt={MONDAY}", 1, 100),
    )
    assert (report.objects, report.bytes) == (2, 110)
    lake.catalog.rollback("radio", [MONDAY])
    with pytest.raises(CatalogError, match="is missing"):
        lake.catalog.rollback("radio", [MONDAY])


def test_with_no_previous_version_kept_only_what_is_current_stays(lake: Lake) -> None:
    versions = [lake.publish(lake.attempt(days_old)) for days_old in (40, 30)]
    lake.cleanup(keep_previous=0)
    assert [lake.has(each) for each in versions] == [False, True]


def test_a_dry_run_lists_the_same_and_removes_nothing(lake: Lake) -> None:
    versions = [lake.publish(lake.attempt(days_old)) for days_old in (40, 30, 20)]
    lake.put(f"refined/radio/{unfinished_name()}", 7, days_old=8)
    before = list(lake.storage.list(""))
    dry = lake.cleanup(dry_run=True)
    assert list(lake.storage.list("")) == before
    assert all(lake.has(each) for each in versions)
    assert dry.is_dry_run
    assert dry.bytes == 117
    assert lake.cleanup().removals == dry.removals
    assert lake.cleanup().removals == ()


def test_what_was_rolled_back_goes_and_what_is_current_again_stays(lake: Lake) -> None:
    good, bad = [lake.publish(lake.attempt(days_old)) for days_old in (40, 30)]
    lake.catalog.rollback("radio", [MONDAY])
    lake.cleanup(keep_previous=5)
    assert lake.has(good)
    assert not lake.has(bad)


def test_partitions_of_one_attempt_are_judged_apart(lake: Lake) -> None:
    monday, tuesday = [lake.publish(lake.attempt(40, each)) for each in (MONDAY, TUESDAY)]
    lake.publish(lake.attempt(30, MONDAY))
    lake.cleanup(keep_previous=0)
    assert not lake.has(monday)
    assert lake.has(tuesday)


def test_an_orphaned_attempt_goes_with_everything_that_it_left(lake: Lake) -> None:
    orphan = f"refined/radio/attempt={attempt_id(8)}"
    lake.put(f"{orphan}/_temporary/0/task/part-0.parquet", 5, days_old=8)
    lake.put(f"refined/never_published/attempt={attempt_id(8)}/part-0.parquet", 6, days_old=8)
    lake.put("refined/radio/attempt=by-hand/part-0.parquet", 7, days_old=8)
    assert lake.cleanup().bytes == 18
    assert list(lake.storage.list("refined/")) == []
    assert not lake.storage.local_path(orphan).exists()


def test_a_running_attempt_is_young_by_its_start_or_by_its_last_write(lake: Lake) -> None:
    lake.put(f"refined/radio/attempt={attempt_id(6)}/part-0.parquet", 1, days_old=30)
    lake.put(f"refined/radio/attempt={attempt_id(30)}/part-0.parquet", 1, days_old=30)
    lake.put(f"quarantine/radio/attempt={attempt_id(30)}/part-0.parquet", 1, days_old=6)
    assert lake.cleanup().removals == ()


def test_a_failed_attempt_goes_and_its_verdict_stays(lake: Lake) -> None:
    failed = lake.attempt(20, passed=False)
    lake.cleanup()
    assert not lake.has(failed)
    assert newest(lake.storage, "radio", MONDAY) == failed


def test_the_latest_attempt_that_passed_stays_while_it_awaits_publication(lake: Lake) -> None:
    superseded, awaiting = lake.attempt(30), lake.attempt(20)
    other_table = TableEntry("other", TABLE.contract, ("dt",))
    lake.catalog.ensure_table(other_table)
    lake.cleanup()
    assert not lake.has(superseded)
    assert lake.has(awaiting)
    lake.publish(awaiting)


def test_reference_versions_that_something_needs_stay(lake: Lake) -> None:
    lake.publish(lake.attempt(45, reference="used"))
    lake.publish(lake.attempt(44, reference="used"))
    used, unused = lake.reference("used", 50), lake.reference("unused", 40)
    lately, current = lake.reference("current till lately", 30), lake.reference("current", 2)
    lake.put("reference/tracks/version=crashed-x/part-0.parquet", 1, days_old=20)
    lake.put("reference/tracks/version=running-x/part-0.parquet", 1, days_old=1)
    report = lake.cleanup()
    assert [each.directory for each in report.removals] == [
        "reference/tracks/version=crashed-x",
        unused,
    ]
    assert all([*lake.storage.list(f"{each}/")] for each in (used, lately, current))
    assert len([*lake.storage.list("reference/tracks/_manifest/")]) == 4


def test_raw_objects_and_code_are_never_touched(lake: Lake) -> None:
    for key in ("raw/radio/a.json", "raw/attempt=1/a.json", "code/abc/job.zip", "else/attempt=1/a"):
        lake.put(key, 1, days_old=99)
    lake.put(f"raw/{unfinished_name()}", 1, days_old=99)
    assert lake.cleanup(keep_previous=0).removals == ()


def test_half_written_files_go_once_they_are_old(lake: Lake) -> None:
    old, young = unfinished_name(), unfinished_name()
    lake.put(f"refined/radio/_manifest/{MONDAY}/{old}", 3, days_old=8)
    lake.put(f"refined/radio/_manifest/{MONDAY}/{young}", 3, days_old=6)
    lake.put(unfinished_name(), 4, days_old=8)
    assert lake.cleanup().bytes == 7
    assert [info.key.rpartition("/")[2] for info in lake.storage.unfinished("")] == [young]


def test_what_a_killed_doctor_wrote_goes_once_it_is_old(lake: Lake) -> None:
    lake.put("_doctor/old", 22, days_old=8)
    lake.put("_doctor/young", 22, days_old=6)

    report = lake.cleanup()

    assert report.removals == (Removal("_doctor", 1, 22),)
    assert [info.key for info in lake.storage.list("_doctor/")] == ["_doctor/young"]


def test_nothing_is_removed_when_a_manifest_cannot_be_read(lake: Lake) -> None:
    lake.attempt(40, passed=False)
    lake.reference("old", 40)
    lake.reference("new", 30)
    lake.storage.write("reference/tracks/_manifest/damaged.json", b"{}")
    before = list(lake.storage.list(""))
    with pytest.raises(StorageError, match=r"damaged\.json"):
        lake.cleanup()
    assert list(lake.storage.list("")) == before


def test_negative_figures_are_refused(lake: Lake) -> None:
    with pytest.raises(SettingsError, match="found -1 versions"):
        lake.cleanup(keep_previous=-1)


def test_an_attempt_published_during_a_clean_up_is_whole_or_refused(lake: Lake) -> None:
    verdicts = [lake.attempt(100 + number, f"2014-01-{number:02d}") for number in range(1, 29)]
    for verdict in verdicts:
        lake.publish(lake.attempt(500, verdict.partition))
    refused: list[Verdict] = []

    def publish_old_attempts() -> None:
        for verdict in verdicts:
            try:
                lake.publish(verdict)
            except CatalogError:
                refused.append(verdict)

    publisher = threading.Thread(target=publish_old_attempts)
    publisher.start()
    lake.cleanup(keep_previous=0)
    publisher.join()
    current = lake.catalog.pointers("radio")
    for verdict in verdicts:
        is_published = current[verdict.partition].attempt == verdict.attempt
        assert is_published != (verdict in refused)
        assert lake.storage.exists(current[verdict.partition].files[0].key)


def test_what_analysts_saved_goes_by_an_age_of_its_own(lake: Lake) -> None:
    lake.put("_scratch/danji/save=old/part-0.parquet", 5, days_old=15)
    lake.put("_scratch/danji/save=old/_SUCCESS", 0, days_old=15)
    lake.put("_scratch/danji/save=torn/_temporary/0/part-0.parquet", 3, days_old=20)
    lake.put("_scratch/danji/save=new/part-0.parquet", 7, days_old=13)
    lake.put("_scratch/danji/save=going-on/part-0.parquet", 7, days_old=15)
    lake.put("_scratch/danji/save=going-on/part-1.parquet", 7, days_old=0)
    dry = lake.cleanup(dry_run=True)
    assert len(list(lake.storage.list("_scratch/"))) == 6
    report = lake.cleanup()
    assert report.removals == dry.removals
    assert report.bytes == 8
    left = {info.key.split("/")[2] for info in lake.storage.list("_scratch/")}
    assert left == {"save=new", "save=going-on"}
