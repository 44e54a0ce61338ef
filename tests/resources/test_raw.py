"""Raw objects of a partition: which there are, and how their documents are laid out."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import pytest

from resources.raw import RawPartition, list_raw, raw_objects, separator
from resources.storage import FolderStorage
from spark.plain import CONCATENATED, LINES
from tests.workshop import Workshop

HOUR, FOLDER = "2024-05-01-05", "2024/05/01/05"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def listed(workshop: Workshop, *keys: str) -> list[RawPartition]:
    return list_raw(workshop.lake.raw_storage, workshop.table, keys or [HOUR])


def layout(workshop: Workshop, declared: str = "auto") -> str:
    raw = replace(workshop.table.raw, layout=declared)
    table = replace(workshop.table, raw=raw)
    return separator(workshop.lake.raw_storage, table, listed(workshop))


def test_a_partition_has_the_objects_of_its_folder_in_order(workshop: Workshop) -> None:
    workshop.deliver(FOLDER, "b.json", "{}")
    workshop.deliver(FOLDER, "a.json", "{ }")
    workshop.deliver("2024/05/01/06", "c.json", "{}")

    (found,) = listed(workshop)

    assert [each.key for each in found.objects] == [
        f"plays/{FOLDER}/a.json",
        f"plays/{FOLDER}/b.json",
    ]
    assert found.bytes == 5
    assert found.oldest is not None
    assert found.newest is not None
    assert found.oldest <= found.newest


def test_objects_in_folders_below_belong_to_the_partition(workshop: Workshop) -> None:
    workshop.deliver(f"{FOLDER}/late", "a.json", "{}")

    (found,) = listed(workshop)

    assert [each.key for each in found.objects] == [f"plays/{FOLDER}/late/a.json"]


def test_a_partition_without_a_folder_is_empty(workshop: Workshop) -> None:
    (found,) = listed(workshop)

    assert found.objects == ()
    assert found.bytes == 0
    assert found.oldest is None
    assert found.newest is None


def test_partitions_come_in_the_order_they_were_asked_for(workshop: Workshop) -> None:
    keys = ["2024-05-01-09", "2024-05-01-01", "2024-05-01-05"]

    assert [each.key for each in listed(workshop, *keys)] == keys


@pytest.mark.parametrize(
    "name", ["_SUCCESS", ".a.json.crc", "_temporary/0/a.json", "late/_started", ".hidden/a.json"]
)
def test_names_that_readers_of_a_lake_skip_are_ignored_and_listed(
    workshop: Workshop, name: str
) -> None:
    workshop.deliver(FOLDER, "a.json", "{}")
    folder, _, last = f"{FOLDER}/{name}".rpartition("/")
    workshop.deliver(folder, last, "x")

    (found,) = listed(workshop)

    assert [each.key for each in found.objects] == [f"plays/{FOLDER}/a.json"]
    assert [each.key for each in found.ignored] == [f"plays/{FOLDER}/{name}"]


def test_a_source_below_a_folder_that_readers_skip_is_read_all_the_same(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, raw_root=tmp_path / "_in")
    workshop.deliver(FOLDER, "a.json", "{}")

    (found,) = listed(workshop)

    assert len(found.objects) == 1


def test_the_fingerprint_changes_when_an_object_comes_goes_or_is_replaced(
    workshop: Workshop,
) -> None:
    first = workshop.deliver(FOLDER, "a.json", "{}")
    seen = [listed(workshop)[0].fingerprint]

    second = workshop.deliver(FOLDER, "b.json", "{}")
    seen.append(listed(workshop)[0].fingerprint)
    first.write_text('{"play_id": "a"}')
    seen.append(listed(workshop)[0].fingerprint)
    same_size = first.with_name("c.json")
    same_size.write_text('{"play_id": "b"}')
    os.replace(same_size, first)  # noqa: PTH105
    seen.append(listed(workshop)[0].fingerprint)
    second.unlink()
    seen.append(listed(workshop)[0].fingerprint)

    assert len(set(seen)) == 5


def test_the_fingerprint_stays_when_nothing_has_changed(workshop: Workshop) -> None:
    workshop.deliver(FOLDER, "a.json", "{}")
    before = listed(workshop)[0].fingerprint
    workshop.deliver(FOLDER, "_SUCCESS", "")

    assert listed(workshop)[0].fingerprint == before


def test_objects_are_named_for_people_and_for_spark(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    workshop.deliver(FOLDER, "a [1]%20+ü.json", "{}")

    (found,) = raw_objects(workshop.lake.raw_storage, listed(workshop)[0])

    assert found.key == f"plays/{FOLDER}/a [1]%20+ü.json"
    assert found.uri == f"file://{tmp_path}/raw/plays/{FOLDER}/a \\[1\\]%20+ü.json"
    assert found.size == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b'{"a":1}{"a":2}', CONCATENATED, id="nothing between"),
        pytest.param(b'{"a":1}\n{"a":2}\n', LINES, id="one a line"),
        pytest.param(b'{"a":1}\r\n{"a":2}', LINES, id="one a line, carriage returns"),
        pytest.param(b'{"a":"}\\n{"}{"a":2}', CONCATENATED, id="separators in a string"),
        pytest.param(gzip.compress(b'{"a":1}\n{"a":2}\n'), LINES, id="gzip"),
        pytest.param(b"", CONCATENATED, id="empty"),
        pytest.param(b"\xff\xfe garbage", CONCATENATED, id="garbage"),
        pytest.param(b'garbage {"a":1}\n{"a":2}', LINES, id="garbage first"),
    ],
)
def test_the_layout_is_what_the_first_documents_show(
    workshop: Workshop, content: bytes, expected: str
) -> None:
    workshop.deliver(FOLDER, "a.json").write_bytes(content)

    assert layout(workshop) == expected


def test_objects_without_a_document_are_passed_over_for_the_layout(workshop: Workshop) -> None:
    workshop.deliver(FOLDER, "a.json", "")
    workshop.deliver(FOLDER, "b.json", '{"a":1}\n')

    assert layout(workshop) == LINES


def test_a_declared_layout_is_not_doubted(workshop: Workshop) -> None:
    workshop.deliver(FOLDER, "a.json", '{"a":1}\n{"a":2}\n')

    assert layout(workshop, "concatenated") == CONCATENATED
    assert layout(workshop, "lines") == LINES


def test_a_storage_elsewhere_is_listed_by_its_own_keys(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "lake", raw_root=tmp_path / "in")
    workshop.deliver(FOLDER, "a.json", "{}")

    assert isinstance(workshop.lake.raw_storage, FolderStorage)
    assert [each.key for each in listed(workshop)[0].objects] == [f"plays/{FOLDER}/a.json"]
    assert not (tmp_path / "lake" / "raw").exists()
