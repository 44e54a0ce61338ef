"""Footers of Parquet files: what the file itself says of its columns, rows and nulls.

Here live reading a footer with pyarrow and naming its types as the contract does. The comparison
with a contract lives in `spark/contract.py`; the notes that a writer leaves for its own kind
(Spark's row metadata) are not consulted, because other engines do not read them.
"""

from __future__ import annotations

import io
from collections import deque
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from resources.errors import StorageError
from resources.objects import Storage
from spark.contract import ParquetField

_SIMPLE = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
}


@dataclass(frozen=True)
class FooterStats:
    """Figures of one file.

    `nulls` has an entry for each top-level column: None where the column is nested, or where the
    writer left no count in some row group (Spark leaves none for values over some 4 KB).
    """

    rows: int
    nulls: dict[str, int | None]
    bytes: int


@dataclass(frozen=True)
class Footer:
    """What one file's footer holds."""

    fields: list[ParquetField]
    stats: FooterStats


def read_footer(storage: Storage, key: str) -> Footer:
    """Read the footer, and no data, of a file.

    Raises `ObjectMissing` when there is no file, `StorageError` when it is not Parquet.
    """
    try:
        with storage.open_input(key) as stream, pq.ParquetFile(stream) as file:
            return _footer(file, stream.seek(0, io.SEEK_END))
    except (OSError, pa.ArrowException) as error:
        raise StorageError(
            f"Expected a whole Parquet file at {key!r} in {storage.root}, found: {error}"
        ) from error


def _footer(file: pq.ParquetFile, size_bytes: int) -> Footer:
    metadata = file.metadata
    leaf_count = metadata.num_columns
    leaves = deque(file.schema.column(leaf).physical_type for leaf in range(leaf_count))
    fields: list[ParquetField] = []
    nulls: dict[str, int | None] = {}
    for field in file.schema_arrow:
        leaf = leaf_count - len(leaves)
        fields.append(ParquetField(field.name, _type_name(field.type, leaves)))
        nulls[field.name] = None if pa.types.is_nested(field.type) else _nulls(metadata, leaf)
    return Footer(fields, FooterStats(int(metadata.num_rows), nulls, size_bytes))


def _nulls(metadata: pq.FileMetaData, leaf: int) -> int | None:
    total = 0
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(leaf).statistics
        if statistics is None or not statistics.has_null_count:
            return None
        total += int(statistics.null_count)
    return total


def _type_name(kind: pa.DataType, leaves: deque[str]) -> str:
    """Name a type as the contract does, taking its leaves' physical types off the front."""
    if pa.types.is_struct(kind):
        members = [f"{member.name}:{_type_name(member.type, leaves)}" for member in kind]
        return "struct<" + ",".join(members) + ">"
    if pa.types.is_map(kind):
        key, value = _type_name(kind.key_type, leaves), _type_name(kind.item_type, leaves)
        return f"map<{key},{value}>"
    if pa.types.is_nested(kind):
        return f"array<{_type_name(kind.value_type, leaves)}>"
    return _leaf_name(kind, leaves.popleft())


def _leaf_name(kind: pa.DataType, physical: str) -> str:
    if pa.types.is_dictionary(kind):
        return _leaf_name(kind.value_type, physical)
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return _timestamp_name(kind, physical)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "string"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "binary"
    return _SIMPLE.get(kind, str(kind))


def _timestamp_name(kind: pa.TimestampType, physical: str) -> str:
    """INT96 carries no flag and is an instant by custom; of the others only UTC-adjusted ones are.

    Nanoseconds in INT64 are named for what they are: Spark refuses to read them.
    """
    if physical == "INT96":
        return "timestamp"
    if kind.unit == "ns":
        return "timestamp(nanoseconds)"
    return "timestamp" if kind.tz else "timestamp_ntz"
