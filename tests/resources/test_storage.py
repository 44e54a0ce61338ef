from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from resources.errors import AlreadyThere, SettingsError, StorageError
from resources.storage import (
    FolderStorage,
    ObjectInfo,
    S3Storage,
    fingerprint,
    open_storage,
    unfinished_name,
)
from tests.resources.keys import AWKWARD_KEYS


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "lake")


def test_what_was_written_is_read_listed_and_described(storage: FolderStorage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    storage.write("raw/a.json", b"{}")
    (info,) = storage.list("raw/")
    status = Path(storage.root, "raw/a.json").stat()
    assert storage.read("raw/a.json") == b"{}"
    assert storage.exists("raw/a.json")
    assert (info.key, info.size) == ("raw/a.json", 2)
    assert info.etag == f"{status.st_mtime_ns:x}-2-{status.st_ino:x}"
    assert info.modified.utcoffset() == timedelta(0)
    assert info.modified > before


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_a_key_is_a_path_of_the_folder(storage: FolderStorage, key: str) -> None:
    assert storage.local_path(key) == Path(storage.root, key)


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../a", "raw/../../a", "raw//a"])
def test_nothing_outside_of_the_folder_is_read(storage: FolderStorage, key: str) -> None:
    with pytest.raises(StorageError, match="Expected a key relative to"):
        storage.read(key)


def test_an_empty_store_lists_nothing_and_makes_no_folder(storage: FolderStorage) -> None:
    assert list(storage.list("")) == []
    assert not Path(storage.root).exists()


def test_files_of_interrupted_writes_are_not_objects(storage: FolderStorage) -> None:
    storage.write("raw/a.json", b"{}")
    leftover = f"raw/{unfinished_name()}"
    Path(storage.root, leftover).write_bytes(b"half")
    assert [info.key for info in storage.list("raw/")] == ["raw/a.json"]
    assert [info.key for info in storage.unfinished("raw/")] == [leftover]


def test_a_failed_write_leaves_the_old_object_and_no_temporary_file(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    storage.write("a", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(StorageError, match=r"Could not write .a.*No space left"):
            storage.write("a", b"new")
    assert storage.read("a") == b"old"
    assert list(storage.unfinished("")) == []


def test_a_folder_in_the_place_of_an_object_is_a_storage_error(storage: FolderStorage) -> None:
    storage.write("a/b", b"")
    assert not storage.exists("a")
    with pytest.raises(StorageError, match="Could not write 'a'"):
        storage.write("a", b"")
    with pytest.raises(StorageError, match="Could not read 'a'"):
        storage.read("a")


def _claim(root: str, name: str) -> str | None:
    try:
        FolderStorage(root).write("claim", name.encode(), if_absent=True)
    except AlreadyThere:
        return None
    return name


def test_of_many_processes_one_writes_a_key_if_absent(storage: FolderStorage) -> None:
    names = [f"process {number}" for number in range(6)]
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        claims = pool.starmap(_claim, [(storage.root, name) for name in names])
    (winner,) = [claim for claim in claims if claim is not None]
    assert storage.read("claim") == winner.encode()


def test_deleting_removes_empty_folders_but_not_the_root(storage: FolderStorage) -> None:
    storage.write("a/b/c", b"")
    storage.write("a/d", b"")
    storage.delete(["a/b/c", "a/b/missing", "a/d/below-a-file"])
    assert [info.key for info in storage.list("")] == ["a/d"]
    assert not Path(storage.root, "a/b").exists()
    storage.delete(["a/d"])
    assert Path(storage.root).is_dir()
    assert list(Path(storage.root).iterdir()) == []


def test_links_are_followed_and_loops_end(storage: FolderStorage, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.json").write_bytes(b"{}")
    (elsewhere / "loop").symlink_to(elsewhere)
    Path(storage.root, "raw").mkdir(parents=True)
    Path(storage.root, "raw/linked").symlink_to(elsewhere)
    Path(storage.root, "raw/broken").symlink_to(elsewhere / "gone")
    assert [info.key for info in storage.list("raw/")] == ["raw/linked/a.json"]


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("/data/lake", "/data/lake"),
        ("/data/sub/../lake/", "/data/lake"),
        ("/data/a%20b", "/data/a%20b"),
        ("file:///data/lake/", "/data/lake"),
        ("file:/data/lake", "/data/lake"),
        ("file://localhost/data/lake", "/data/lake"),
        ("file:///data/a%20b%25", "/data/a b%"),
    ],
)
def test_a_root_is_a_folder_or_a_file_url(setting: str, path: str) -> None:
    assert open_storage(setting).root == path


def test_a_relative_root_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_storage("lake").root == str(tmp_path / "lake")


@pytest.mark.parametrize(
    ("setting", "root"),
    [
        ("s3://bucket/lake/", "s3://bucket/lake"),
        ("s3a://bucket/a b%20/c", "s3://bucket/a b%20/c"),
        ("s3://my.bucket-1", "s3://my.bucket-1"),
    ],
)
def test_a_root_is_a_bucket_or_a_prefix_of_one(setting: str, root: str) -> None:
    storage = open_storage(setting)
    assert isinstance(storage, S3Storage)
    assert storage.root == root


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("", "found nothing"),
        ("s3://", "Expected an address like s3://bucket/lake"),
        ("s3://Bucket/lake", "Expected an address like s3://bucket/lake"),
        ("s3://bucket//lake", "no empty part"),
        ("s3://bucket/../lake", "no '..'"),
        ("gs://bucket/lake", "found 'gs://bucket/lake'"),
        ("file://host/lake", "found 'file://host/lake'"),
        ("file:lake", "found 'file:lake'"),
        ("file:///data/a#b", "write '\\?' as %3F and '#' as %23"),
    ],
)
def test_any_other_root_is_refused_in_words(setting: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        open_storage(setting)


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="is a file"):
        open_storage(str(tmp_path / "file"))


def _objects() -> Iterator[ObjectInfo]:
    modified = datetime(2014, 6, 16, tzinfo=UTC)
    yield ObjectInfo("b", 2, "etag b", modified)
    yield ObjectInfo("a 한\udcff", 1, "etag a", modified)


def test_a_fingerprint_is_the_same_in_any_order_and_at_any_time() -> None:
    later = [
        ObjectInfo(each.key, each.size, each.etag, datetime(2030, 1, 1, tzinfo=UTC))
        for each in _objects()
    ]
    assert fingerprint(_objects()) == fingerprint(reversed(later))
    assert len(fingerprint(_objects())) == 16
    assert fingerprint([]) == "e3b0c44298fc1c14"


@pytest.mark.parametrize(
    "changed",
    [("c", 2, "etag b"), ("b", 3, "etag b"), ("b", 2, "etag c")],
    ids=["key", "size", "etag"],
)
def test_a_fingerprint_changes_with_key_size_and_etag(changed: tuple[str, int, str]) -> None:
    first, second = _objects()
    assert fingerprint([ObjectInfo(*changed, first.modified), second]) != fingerprint(_objects())


def test_spark_reads_exactly_the_object_of_an_awkward_key(
    storage: FolderStorage, spark: SparkSession
) -> None:
    for key in AWKWARD_KEYS:
        storage.write(key, key.encode())
    storage.write("raw/a.json", b"what a glob of [a] would find")
    for key in AWKWARD_KEYS:
        rows = spark.read.text(storage.uri(key))
        assert (rows.count(), rows.filter(rows.value == key).count()) == (1, 1)


def test_spark_writes_where_the_store_lists_and_reads_it_back(
    storage: FolderStorage, spark: SparkSession
) -> None:
    prefix = "refined/[t] #%20 {a,b}*?/attempt=1"
    spark.range(3).write.parquet(storage.target_uri(prefix))
    written = [info.key for info in storage.list(f"{prefix}/") if info.key.endswith(".parquet")]
    assert written
    assert spark.read.parquet(storage.uri(prefix)).count() == 3
    assert sum(spark.read.parquet(storage.uri(key)).count() for key in written) == 3
