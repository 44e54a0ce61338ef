from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from resources.errors import StorageError
from resources.merging import merged
from resources.storage import FolderStorage

EVERY_TYPE = """
select id, if(id % 7 = 0, null, cast(id as tinyint)) tiny, cast(id as smallint) small,
  cast(id as decimal(9, 2)) d9, cast(id as decimal(18, 3)) d18, cast(id as decimal(38, 4)) d38,
  timestamp'2024-05-01 00:00:00.123456' at, timestamp_ntz'1024-05-01 00:00:00.123456' wall,
  date'0999-01-01' day, cast('\\0' as binary) bytes, cast('nan' as float) f, -0.0D d,
  concat('라디오 ', id) text, true is_true,
  array(named_struct('Xx', 1, 'y', cast(null as string)), null) list,
  map('k', array(1.5D), 'z', null) map, named_struct('q', id, 'r', named_struct('s', 's')) deep
from range({rows})
"""


def test_merged_files_hold_the_same_rows_and_the_same_parquet_types(
    spark: SparkSession, tmp_path: Path
) -> None:
    frame = spark.sql(EVERY_TYPE.format(rows=700))
    frame.repartition(7, "id").write.option("compression", "zstd").parquet(f"{tmp_path}/in")
    storage = FolderStorage(tmp_path)
    keys = parquet_keys(storage, "in/")

    files = list(merged(storage, keys, 1 << 30))

    before = [pq.ParquetFile(storage.local_path(key)) for key in keys]
    (after,) = [pq.ParquetFile(io.BytesIO(each)) for each in files]
    # As text, in which NaN is itself and -0.0 is not 0.0.
    rows = [str(row) for each in before for row in each.read().to_pylist()]
    assert [str(row) for row in after.read().to_pylist()] == rows
    assert types(after) == types(before[0])
    assert after.metadata.metadata == before[0].metadata.metadata
    assert after.metadata.row_group(0).column(0).compression == "ZSTD"
    assert after.metadata.num_row_groups == 1
    storage.write("out/part-0.parquet", files[0])
    again = spark.read.parquet(f"{tmp_path}/out")
    assert again.schema == spark.read.parquet(f"{tmp_path}/in").schema
    assert sorted(map(str, again.collect())) == sorted(map(str, frame.collect()))


def test_files_end_at_the_size_wanted_and_keep_the_order(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    for number in range(8):
        write(
            storage,
            number,
            pa.table({"id": pa.array(range(number * 40_000, (number + 1) * 40_000))}),
        )

    files = list(merged(storage, parquet_keys(storage, ""), 1_000_000))

    rows = [pq.read_table(io.BytesIO(each))["id"].to_pylist() for each in files]
    assert [id_ for each in rows for id_ in each] == list(range(320_000))
    assert 2 <= len(files) <= 3


def test_nothing_is_made_of_nothing_and_of_files_without_rows(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    write(storage, 0, pa.table({"id": pa.array([], pa.int32())}))

    assert list(merged(storage, [], 1000)) == []
    assert list(merged(storage, ["0.parquet"], 1000)) == []


def test_files_of_other_columns_are_refused(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    write(storage, 0, pa.table({"id": pa.array([1], pa.int32())}))
    write(storage, 1, pa.table({"id": pa.array([1], pa.int64())}))

    with pytest.raises(StorageError, match=r"'1\.parquet'.* has id int64, .* id int32"):
        list(merged(storage, ["0.parquet", "1.parquet"], 1000))


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    storage.write("0.parquet", b"{}")

    with pytest.raises(StorageError, match=r"whole Parquet file at '0\.parquet'"):
        list(merged(storage, ["0.parquet"], 1000))


def write(storage: FolderStorage, number: int, table: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    storage.write(f"{number}.parquet", sink.getvalue())


def parquet_keys(storage: FolderStorage, prefix: str) -> list[str]:
    return [each.key for each in storage.list(prefix) if each.key.endswith(".parquet")]


def types(file: pq.ParquetFile) -> list[str]:
    """The schema as Parquet says it, without the name of its root."""
    return str(file.schema).splitlines()[2:]
