"""Manifests of references: which version is current, which is whole, what a crash leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resources.errors import AlreadyThere, StorageError
from resources.references import (
    ReferenceVersion,
    current_version,
    find_version,
    known_versions,
    record_version,
    reference_prefix,
)
from resources.storage import FolderStorage
from spark.contract import Column, Contract
from spark.snapshot import SnapshotReport, SnapshotSpec

SPEC = SnapshotSpec(
    name="tracks",
    table="TRACKS",
    key=("track_id",),
    contract=Contract((Column("track_id", "int", nullable=False, comment="number"),)),
    output="file:///unused/reference/tracks",
    attempt="20260101T000000.000Z-00000001",
    jdbc={"url": "jdbc:derby:unused", "password": "secret"},
)
NOON = "2026-01-01T12:00:00+00:00"


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "lake")


def written(storage: FolderStorage, version: str, attempt: str) -> SnapshotReport:
    directory = f"version={version}-{attempt}"
    storage.write(f"reference/tracks/{directory}/part-0.parquet", b"PAR1")
    storage.write(f"reference/tracks/{directory}/_SUCCESS", b"")
    return SnapshotReport("tracks", version, 7, written=True, directory=directory)


def unchanged(version: str) -> SnapshotReport:
    return SnapshotReport("tracks", version, 7, written=False, directory="")


def attempt(number: int) -> SnapshotSpec:
    return replace(SPEC, attempt=f"20260101T000000.000Z-0000000{number}")


def record(storage: FolderStorage, number: int, version: str) -> ReferenceVersion:
    spec = attempt(number)
    return record_version(storage, spec, written(storage, version, spec.attempt), NOON)


def manifests(storage: FolderStorage) -> list[str]:
    return [info.key for info in storage.list("reference/tracks/_manifest/")]


def test_before_the_first_snapshot_there_is_no_version(storage: FolderStorage) -> None:
    assert current_version(storage, "tracks") is None
    assert find_version(storage, "tracks", "aa") is None


def test_a_recorded_version_is_current_with_its_files_and_no_secret(
    storage: FolderStorage,
) -> None:
    recorded = record(storage, 1, "aa")

    assert current_version(storage, "tracks") == recorded
    assert find_version(storage, "tracks", "aa") == recorded
    assert recorded.directory == f"{reference_prefix('tracks')}/version=aa-{SPEC.attempt}"
    assert [each.key for each in recorded.files] == [f"{recorded.directory}/part-0.parquet"]
    assert (recorded.rows, recorded.key, recorded.created) == (7, ("track_id",), NOON)
    assert recorded.columns == [
        {"name": "track_id", "type": "int", "nullable": False, "comment": "number"}
    ]
    assert b"secret" not in storage.read(manifests(storage)[0])


def test_a_directory_without_a_manifest_is_no_version(storage: FolderStorage) -> None:
    written(storage, "aa", SPEC.attempt)

    assert current_version(storage, "tracks") is None
    assert find_version(storage, "tracks", "aa") is None


def test_the_newest_manifest_is_current(storage: FolderStorage) -> None:
    record(storage, 2, "bb")
    record(storage, 1, "aa")

    current = current_version(storage, "tracks")

    assert current is not None
    assert current.version == "bb"


def test_the_same_content_writes_no_manifest(storage: FolderStorage) -> None:
    recorded = record(storage, 1, "aa")

    assert record_version(storage, attempt(2), unchanged("aa"), NOON) == recorded
    assert len(manifests(storage)) == 1


def test_content_that_was_current_earlier_becomes_so_again(storage: FolderStorage) -> None:
    first = record(storage, 1, "aa")
    record(storage, 2, "bb")

    again = record_version(storage, attempt(3), unchanged("aa"), NOON)

    assert again == current_version(storage, "tracks")
    assert (again.version, again.directory, again.files) == ("aa", first.directory, first.files)


def test_another_key_over_the_same_content_is_recorded(storage: FolderStorage) -> None:
    record(storage, 1, "aa")
    spec = replace(attempt(2), key=("name",))

    again = record_version(storage, spec, unchanged("aa"), NOON)

    assert again.key == ("name",)
    assert current_version(storage, "tracks") == again


def test_a_version_whose_files_are_gone_is_not_found_and_not_current(
    storage: FolderStorage,
) -> None:
    record(storage, 1, "aa")
    newest = record(storage, 2, "bb")
    storage.delete([newest.files[0].key])

    assert find_version(storage, "tracks", "bb") is None
    with pytest.raises(StorageError, match=r"version bb.*Materialize reference/tracks again"):
        current_version(storage, "tracks")


def test_known_are_the_versions_whose_files_are_all_there(storage: FolderStorage) -> None:
    record(storage, 1, "aa")
    lost = record(storage, 2, "bb")
    record(storage, 3, "cc")
    storage.delete([lost.files[0].key])

    assert known_versions(storage, "tracks") == {"aa", "cc"}
    assert known_versions(storage, "songs") == frozenset()


def test_a_file_of_another_size_is_not_the_versions_file(storage: FolderStorage) -> None:
    recorded = record(storage, 1, "aa")
    storage.write(recorded.files[0].key, b"PA")

    assert find_version(storage, "tracks", "aa") is None


def test_a_lost_version_can_be_written_again(storage: FolderStorage) -> None:
    lost = record(storage, 1, "aa")
    storage.delete([lost.files[0].key])

    again = record(storage, 2, "aa")

    assert current_version(storage, "tracks") == again
    assert again.directory != lost.directory


def test_a_snapshot_that_wrote_elsewhere_is_not_recorded(storage: FolderStorage) -> None:
    report = SnapshotReport("tracks", "aa", 7, written=True, directory="version=aa-x")

    with pytest.raises(StorageError, match="found none"):
        record_version(storage, SPEC, report, NOON)


def test_an_unchanged_version_that_vanished_meanwhile_is_an_error(storage: FolderStorage) -> None:
    with pytest.raises(StorageError, match="Take the snapshot again"):
        record_version(storage, SPEC, unchanged("aa"), NOON)


def test_an_attempt_is_recorded_once(storage: FolderStorage) -> None:
    record(storage, 1, "aa")

    with pytest.raises(AlreadyThere):
        record(storage, 1, "bb")


def test_a_manifest_that_is_none_is_named(storage: FolderStorage) -> None:
    storage.write("reference/tracks/_manifest/x.json", b"{")

    with pytest.raises(StorageError, match=r"_manifest/x\.json"):
        current_version(storage, "tracks")


def test_references_whose_names_begin_alike_are_apart(storage: FolderStorage) -> None:
    record(storage, 1, "aa")

    assert current_version(storage, "track") is None
