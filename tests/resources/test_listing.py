"""Listing many folders at once: the same objects as one by one, with few calls."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.awsrequest import AWSRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources import listing
from resources.attempts import Verdict, newest_of, record
from resources.listing import list_folders
from resources.objects import ObjectInfo
from resources.raw import list_raw
from resources.storage import FolderStorage, S3Storage
from tests.workshop import Workshop

PAGE = 10
DAY = [f"2024-05-01-{hour:02d}" for hour in range(24)]


class Pages(FolderStorage):
    """A folder that counts its listings; who lists by pages takes one page of each."""

    listings = 0

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        self.listings += 1
        return super().list(prefix, after)


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_PAGE", PAGE)


def fill(storage: FolderStorage, folders: int, objects: int) -> list[str]:
    names = [f"plays/{number:03d}/" for number in range(folders)]
    for name in names:
        folder = Path(storage.root, name)
        folder.mkdir(parents=True)
        for number in range(objects):
            (folder / f"{number:03d}.json").touch()
    return names


@pytest.mark.parametrize(
    ("folders", "objects", "asked", "most"),
    [
        (100, 1, slice(None), 11),  # all that is there: by pages
        (100, 1, slice(40, 60), 3),
        (100, 1, slice(0, None, 50), 2),  # far apart: one each
        (100, 30, slice(0, None, 50), 8),  # three pages and the end of each
        (3, 0, slice(None), 1),
    ],
)
def test_calls_grow_with_what_is_asked_for(
    short_pages: None, tmp_path: Path, folders: int, objects: int, asked: slice, most: int
) -> None:
    storage = Pages(tmp_path)
    names = fill(storage, folders, objects)[asked]

    found = list_folders(storage, names)

    assert {name: len(infos) for name, infos in found.items()} == dict.fromkeys(names, objects)
    assert storage.listings <= most


NAMES = st.sampled_from(["a", "a-b", "a.b", "a0", "ab", "b", "é", "z z"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(st.tuples(NAMES, st.integers(0, 30)), max_size=60),
    asked=st.sets(NAMES, max_size=5),
)
def test_each_folder_has_what_listing_it_alone_gives(
    short_pages: None,
    tmp_path_factory: pytest.TempPathFactory,
    keys: set[tuple[str, int]],
    asked: set[str],
) -> None:
    storage = Pages(tmp_path_factory.mktemp("lake"))
    for name, number in keys:
        path = Path(storage.root, "raw", name, str(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folders = [f"raw/{name}/" for name in asked]

    assert list_folders(storage, folders) == {each: list(storage.list(each)) for each in folders}


def test_an_object_of_a_folders_own_name_is_in_it(s3_lake: S3Storage) -> None:
    for key in ("raw/a/", "raw/a/b.json", "raw/b/"):
        s3_lake.write(key, b"")

    found = list_folders(s3_lake, ["raw/a/", "raw/b/"])

    assert {name: [info.key for info in infos] for name, infos in found.items()} == {
        "raw/a/": ["raw/a/", "raw/a/b.json"],
        "raw/b/": ["raw/b/"],
    }


def listings_of(storage: S3Storage) -> list[AWSRequest]:
    """The listings that are sent from here on."""
    sent: list[AWSRequest] = []

    def note(request: AWSRequest, **_: object) -> None:
        sent.append(request)

    storage.client.meta.events.register("before-sign.s3.ListObjectsV2", note)
    return sent


def test_a_day_of_verdicts_is_one_listing_on_s3(s3_lake: S3Storage) -> None:
    def judge(key: str) -> None:
        for attempt in ("20261121T034500.123Z-ffffffff", "20261121T034500.124Z-00000000"):
            record(s3_lake, Verdict("plays", key, attempt, "", {}, {}, "", [], passed=True))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(judge, [*DAY, "2024-05-02-00"]))
    sent = listings_of(s3_lake)

    found = newest_of(s3_lake, "plays", [*DAY, "2024-05-03-00"])

    assert len(sent) == 1
    assert sorted(found) == DAY
    assert {each.attempt for each in found.values()} == {"20261121T034500.124Z-00000000"}


def test_a_day_of_raw_objects_is_one_listing_on_s3(s3_lake: S3Storage, tmp_path: Path) -> None:
    table = Workshop(tmp_path).table
    s3_lake.write("plays/2024/05/01/07/a.json", b"{}")
    sent = listings_of(s3_lake)

    found = list_raw(s3_lake, table, DAY)

    assert len(sent) == 1
    assert [each.key for each in found if each.objects] == ["2024-05-01-07"]
