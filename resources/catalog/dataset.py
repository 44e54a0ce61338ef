"""Published files as an Arrow dataset, for stores whose files DuckDB cannot open by itself.

Files are read through the store, a range at a time and only those columns, row groups and
partitions that a query needs. No footer is read beforehand: the schema is the contract's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from resources.attempts import FileEntry
from resources.catalog.base import Pointer, TableEntry
from resources.storage import Storage
from spark.type_parser import ColumnType, parse_type

_ARROW_TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def published_dataset(
    storage: Storage, entry: TableEntry, pointers: Sequence[Pointer]
) -> ds.Dataset:
    """The rows of exactly the pointers' files, contract columns and then partition columns.

    Columns are found by name, cast where a file's are narrower, and null where it has none.
    """
    columns = [(column.name, arrow_type(column.type)) for column in entry.contract.columns]
    columns += [(name, pa.string()) for name in entry.partition_columns]
    # Ranges of neighbouring columns are fetched as one.
    options = ds.ParquetFragmentScanOptions(pre_buffer=True)
    format_ = ds.ParquetFileFormat(default_fragment_scan_options=options)
    fragments = [
        _fragment(format_, storage, file, _guarantee(pointer.values))
        for pointer in pointers
        for file in pointer.files
    ]
    return ds.FileSystemDataset(fragments, pa.schema(columns), format_)


def arrow_type(type_: str) -> pa.DataType:
    """Arrow's type for a contract's. Raises `ContractError` for what is not one."""
    return _arrow(parse_type(type_))


def _fragment(
    format_: ds.ParquetFileFormat, storage: Storage, file: FileEntry, holds: ds.Expression
) -> ds.Fragment:
    """A file, opened when it is read; one that is not of this machine is read through the store."""
    path = storage.local_path(file.key)
    if path is None:
        # Arrow asks each file for its size at once; on S3 that would be a request.
        stream = storage.open_input(file.key, file.bytes)
        return format_.make_fragment(stream, partition_expression=holds)
    return format_.make_fragment(str(path), LocalFileSystem(), partition_expression=holds)


def _guarantee(values: Mapping[str, str]) -> ds.Expression:
    """What holds for every row of a file, so that it need not be opened to leave it out."""
    holds = [ds.field(name) == value for name, value in values.items()]
    return reduce(and_, holds) if holds else ds.scalar(True)  # noqa: FBT003 - a literal


def _arrow(kind: ColumnType) -> pa.DataType:
    if kind.name == "decimal":
        return pa.decimal128(kind.precision, kind.scale)
    if kind.name == "array":
        return pa.list_(_arrow(kind.fields[0][1]))
    if kind.name == "map":
        return pa.map_(_arrow(kind.fields[0][1]), _arrow(kind.fields[1][1]))
    if kind.name == "struct":
        return pa.struct([(name, _arrow(field)) for name, field in kind.fields])
    return _ARROW_TYPES[kind.name]
