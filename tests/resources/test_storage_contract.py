"""What every store promises: each test runs against a folder and against S3 over HTTP."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.errors import AlreadyThere, ObjectMissing, StorageError
from resources.parquet import read_footer
from resources.storage import FolderStorage, S3Storage, Storage
from tests.resources.keys import AWKWARD_KEYS


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    found: Storage = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Storage:
    return FolderStorage(tmp_path / "lake")


@pytest.fixture
def s3(s3_lake: S3Storage) -> Storage:
    return s3_lake


def test_what_was_written_is_read_listed_and_described(storage: Storage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    storage.write("raw/a.json", b"{}")
    (first,) = storage.list("raw/")
    storage.write("raw/a.json", b"[]")
    (second,) = storage.list("raw/")
    assert storage.read("raw/a.json") == b"[]"
    assert storage.exists("raw/a.json")
    assert not storage.exists("raw/a")
    assert not storage.exists("raw")
    assert (first.key, first.size) == ("raw/a.json", 2)
    assert first.etag != second.etag
    assert first.etag.strip('"') == first.etag
    assert first.modified.utcoffset() == timedelta(0)
    assert first.modified > before


def test_a_listing_takes_as_many_pages_as_there_are(storage: Storage) -> None:
    keys = [f"raw/{number:04d}" for number in range(1005)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: storage.write(key, b""), keys))
    assert [info.key for info in storage.list("raw/")] == keys
    storage.delete([*keys, "raw/that-is-not-there"])
    assert list(storage.list("")) == []


def test_an_object_is_read_in_parts_from_any_position(storage: Storage) -> None:
    data = bytes(range(256)) * 1024
    storage.write("a", data)
    with storage.open_input("a") as file:
        assert file.read(3) == data[:3]
        assert file.tell() == 3
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert file.read(100) == data[-5:]
        assert file.read(1) == b""
        file.seek(1000)
        file.seek(24, io.SEEK_CUR)
        assert file.read(200_000) == data[1024:201_024]
        file.seek(0)
        assert file.read() == data
        file.seek(len(data) + 10)
        assert file.read(1) == b""


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1])
def test_an_object_of_any_size_is_read_to_its_end(storage: Storage, size: int) -> None:
    storage.write("a", b"x" * size)
    with storage.open_input("a") as file:
        assert file.read() == b"x" * size


def test_opening_what_is_not_there_says_so(storage: Storage) -> None:
    with pytest.raises(ObjectMissing, match="Expected an object 'a'"), storage.open_input("a") as f:
        f.read(1)


def test_a_footer_is_read_from_any_store(storage: Storage) -> None:
    table = pa.table({"id": list(range(100_000))})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=100, compression="none", use_dictionary=False)
    data = sink.getvalue().to_pybytes()
    storage.write("refined/a b.parquet", data)
    footer = read_footer(storage, "refined/a b.parquet")
    assert footer.stats.rows == 100_000
    assert footer.stats.bytes == len(data)
    storage.write("refined/broken.parquet", data[:-10])
    with pytest.raises(StorageError, match=r"Expected a whole Parquet file at .*broken"):
        read_footer(storage, "refined/broken.parquet")


def test_discarding_nothing_leaves_every_object(storage: Storage) -> None:
    storage.write("a", b"x")
    storage.discard(storage.unfinished(""))
    assert storage.exists("a")


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_keys_may_hold_any_character(storage: Storage, key: str) -> None:
    storage.write(key, b"x")
    assert [info.key for info in storage.list("raw/")] == [key]
    assert storage.read(key) == b"x"
    storage.delete([key])
    assert not storage.exists(key)


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../a", "raw/../../a", "raw//a", "raw/./a", ".", "..", "a\0b"]
)
def test_keys_that_no_path_can_say_are_refused(storage: Storage, key: str) -> None:
    with pytest.raises(StorageError, match="Expected a key relative to"):
        storage.write(key, b"x")
    with pytest.raises(StorageError, match="Expected a key relative to"):
        storage.uri(key)


def test_listing_refuses_a_prefix_that_leads_out_of_the_root(storage: Storage) -> None:
    with pytest.raises(StorageError, match="Expected a key relative to"):
        list(storage.list("../other/"))


def test_listing_goes_by_prefix_as_text_and_in_order_of_keys(storage: Storage) -> None:
    keys = ["a-b", "a/b", "a/c/d", "a0", "ab", "b"]
    for key in reversed(keys):
        storage.write(key, b"")
    assert [info.key for info in storage.list("")] == sorted(keys)
    assert [info.key for info in storage.list("a")] == ["a-b", "a/b", "a/c/d", "a0", "ab"]
    assert [info.key for info in storage.list("a/")] == ["a/b", "a/c/d"]
    assert [info.key for info in storage.list("a/c")] == ["a/c/d"]
    assert [info.key for info in storage.list("missing/")] == []
    assert [info.key for info in storage.list("b/")] == []


def test_listing_starts_after_a_key_whether_or_not_it_is_there(storage: Storage) -> None:
    keys = ["a-b", "a/b", "a/c/d", "a0", "ab", "b"]
    for key in keys:
        storage.write(key, b"")
    for after in [*keys, "", "a", "a/", "a/c", "a/c/", "a/c/e", "z"]:
        found = [info.key for info in storage.list("a", after)]
        assert found == [key for key in keys if key.startswith("a") and key > after], after


def test_reading_what_is_not_there_says_so(storage: Storage) -> None:
    storage.write("a", b"")
    with pytest.raises(ObjectMissing, match="Expected an object 'raw/a'"):
        storage.read("raw/a")
    with pytest.raises(ObjectMissing, match="Expected an object 'a/b'"):
        storage.read("a/b")


def test_a_key_written_if_absent_is_never_replaced(storage: Storage) -> None:
    storage.write("a", b"first", if_absent=True)
    with pytest.raises(AlreadyThere, match="'a'"):
        storage.write("a", b"second", if_absent=True)
    assert storage.read("a") == b"first"
    storage.write("a", b"third")
    assert storage.read("a") == b"third"
