"""Results that analysts save: complete ones only, below the scratch prefix, for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from resources.errors import StorageError
from resources.explore_save import save_frame, save_relation
from resources.scratch import saved_results
from resources.storage import FolderStorage


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def test_each_save_has_a_directory_of_its_own_below_scratch(storage: FolderStorage) -> None:
    relation = duckdb.default_connection().sql("SELECT 1 AS id, '한빛' AS name")
    addresses = [save_relation(storage, relation, "danji") for _ in range(2)]
    assert len(set(addresses)) == 2
    assert all(f"{storage.root}/_scratch/danji/save=" in each for each in addresses)
    storage.write("_scratch/danji/save=torn/part-0.parquet", b"half")
    below = addresses[0].removeprefix(f"file://{storage.root}/")
    storage.write(f"{below}/_temporary/0/part-1.parquet", b"left by a task that was tried twice")
    found = saved_results(storage)
    assert [(each.name, each.files) for each in found] == [("danji", 1), ("danji", 1)]
    assert found[0].saved <= datetime.now(UTC)
    path = Path(addresses[0].removeprefix("file://"))
    assert pq.read_table(path).to_pylist() == [{"id": 1, "name": "한빛"}]


def test_a_relation_is_saved_as_csv_in_any_encoding(storage: FolderStorage) -> None:
    relation = duckdb.default_connection().sql("SELECT '더샾' AS name")
    address = save_relation(storage, relation, "danji", "csv", "CP949")
    [file] = Path(address.removeprefix("file://")).glob("*.csv")
    assert file.read_bytes() == "name\n더샾\n".encode("cp949")
    lacking = duckdb.default_connection().sql("SELECT '🏢' AS name")
    with pytest.raises(StorageError, match=r"letters that it lacks.*🏢"):
        save_relation(storage, lacking, "danji", "csv", "CP949")
    with pytest.raises(StorageError, match="Expected parquet or csv for a relation, found 'orc'"):
        save_relation(storage, relation, "danji", "orc")
    assert len(saved_results(storage)) == 1


def test_a_frame_is_refused_rather_than_written_with_question_marks(
    spark: SparkSession, storage: FolderStorage
) -> None:
    good = spark.createDataFrame([("더샾",)], "name string").coalesce(1)
    address = save_frame(storage, good, "danji", "csv", encoding="CP949")
    [file] = Path(address.removeprefix("file://")).glob("*.csv")
    assert file.read_bytes() == "name\n더샾\n".encode("cp949")
    bad = spark.createDataFrame([("🏢",)], "name string")
    with pytest.raises(StorageError, match="CP949 has, found letters that it lacks in 'name'"):
        save_frame(storage, bad, "danji", "csv", encoding="CP949")
    assert len(saved_results(storage)) == 1


def test_columns_that_appear_twice_and_odd_names_are_refused(
    spark: SparkSession, storage: FolderStorage
) -> None:
    twice = spark.sql("SELECT 1 AS id, 2 AS ID")
    with pytest.raises(StorageError, match=r"'id' 2 times. After a join"):
        save_frame(storage, twice, "danji")
    with pytest.raises(StorageError, match=r"found '\.\./activity'"):
        save_frame(storage, spark.range(1), "../activity")
    with pytest.raises(StorageError, match="found 'xlsx'"):
        save_frame(storage, spark.range(1), "danji", "xlsx")
    assert list(storage.list("")) == []
