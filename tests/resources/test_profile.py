"""Profiles of published columns, over files of every type."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.attempts import FileEntry
from resources.catalog.base import Pointer, TableEntry
from resources.errors import CatalogError
from resources.profile import ColumnProfile, profile, profile_extent, profile_line
from resources.storage import FolderStorage
from spark.contract import Column, Contract

ENTRY = TableEntry(
    "group",
    Contract(
        (
            Column("Select", "string"),
            Column("n", "int"),
            Column("at", "timestamp"),
            Column("tags", "array<string>"),
        )
    ),
    ("dt",),
)
SCHEMA = pa.schema(
    [
        ("Select", pa.string()),
        ("n", pa.int32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("tags", pa.list_(pa.string())),
    ]
)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def pointer(storage: FolderStorage, dt: str, *files: list[dict[str, object]]) -> Pointer:
    """A partition with one file for each list of rows."""
    entries = []
    for number, rows in enumerate(files):
        key = f"refined/group/attempt=1/dt={dt}/part-{number}.parquet"
        path = storage.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)
        entries.append(FileEntry(key, len(rows), path.stat().st_size))
    return Pointer(
        partition=dt,
        values={"dt": dt},
        attempt="1",
        directory=f"refined/group/attempt=1/dt={dt}",
        files=entries,
        rows=sum(each.rows for each in entries),
        bytes=sum(each.bytes for each in entries),
        ledger={},
        inputs={},
    )


def test_nulls_distinct_values_range_and_the_most_frequent_are_counted(
    storage: FolderStorage,
) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    first = pointer(storage, "1", [{"Select": "b", "n": n, "tags": ["x"]} for n in (3, 1, 1, 1, 3)])
    second = pointer(storage, "2", [{"n": -2, "at": noon}, {"Select": "a", "n": None}])
    found = profile(storage, ENTRY, [first, second])
    assert (found.rows_read, found.rows) == (7, 7)
    assert found.columns == (
        ColumnProfile("Select", "string", 1, 2, "a", "b", (("b", 5),)),
        ColumnProfile("n", "int", 1, 3, -2, 3, ((1, 3), (3, 2))),
        ColumnProfile("at", "timestamp", 6, 1, noon, noon, ()),
        ColumnProfile("tags", "array<string>", 2),
    )
    assert profile_line(found.columns[1], 7) == (
        "n",
        "int",
        "14.3%",
        "3",
        "-2",
        "3",
        "1 (3), 3 (2)",
    )
    assert profile_line(found.columns[2], 7)[4] == "2024-05-01 12:00:00"


def test_only_some_files_are_read_of_a_large_table(storage: FolderStorage) -> None:
    files: list[list[dict[str, object]]] = [[{"n": number}] for number in range(10)]
    large = pointer(storage, "1", *files)
    found = profile(storage, ENTRY, [large], most_bytes=large.bytes // 5)
    assert (found.rows_read, found.rows) == (2, 10)
    assert (found.columns[1].least, found.columns[1].greatest) == (0, 5)
    assert profile_extent(found) == "Of 2 rows of 10, from files evenly chosen."


class Remote(FolderStorage):
    """A store whose files are not of this machine."""

    def local_path(self, key: str) -> None:  # type: ignore[override] # noqa: ARG002 - of the protocol
        """Nowhere here."""
        return

    def open_input(self, key: str, size_bytes: int | None = None) -> BinaryIO:  # noqa: ARG002 - of the protocol
        """The object, fetched whole."""
        return io.BytesIO(self.read(key))


def test_of_a_store_far_away_few_files_are_read(storage: FolderStorage, tmp_path: Path) -> None:
    files: list[list[dict[str, object]]] = [[{"n": number}] for number in range(70)]
    many = pointer(storage, "1", *files)
    assert profile(storage, ENTRY, [many]).rows_read == 70
    assert profile(Remote(tmp_path), ENTRY, [many]).rows_read == 35


def test_a_table_without_rows_has_an_empty_profile(storage: FolderStorage) -> None:
    for pointers in ([], [pointer(storage, "1", [])]):
        found = profile(storage, ENTRY, pointers)
        assert found.rows == 0
        assert found.columns[1] == ColumnProfile("n", "int", 0, 0, None, None, ())


def test_a_file_that_is_gone_is_said_in_words(storage: FolderStorage) -> None:
    lost = pointer(storage, "1", [{"n": 1}])
    storage.delete([lost.files[0].key])
    with pytest.raises(CatalogError, match="table 'group' that DuckDB can read"):
        profile(storage, ENTRY, [lost])
