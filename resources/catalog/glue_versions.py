"""Pointers as the Glue Data Catalog keeps them: locations, and what is published in parameters.

No call is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pydantic import TypeAdapter

from resources.attempts import FileEntry
from resources.catalog.base import Pointer
from resources.catalog.glue_format import MARK, parquet_descriptor, taken_back

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import (
        ColumnTypeDef,
        PartitionInputTypeDef,
        StorageDescriptorTypeDef,
        TableInputTypeDef,
        TableTypeDef,
    )

#: A pointer of more characters is read from its record instead of from Glue.
MAX_INLINE = 8000
_PARTITION = MARK + "partition"
_RECORD = MARK + "record"
_PREVIOUS = MARK + "previous"
_POINTER = MARK + "pointer"
_PLACED = (_PARTITION, _RECORD, _PREVIOUS, _POINTER, "numFiles", "numRows", "totalSize")
_POINTERS = TypeAdapter(Pointer)


@dataclass(frozen=True)
class Version:
    """A pointer as it was published: the key of its record, and that of the one it replaced.

    `previous` is empty for the first.
    """

    record: str
    previous: str
    pointer: Pointer


def new_partition(
    version: Version, values: Sequence[str], columns: Sequence[ColumnTypeDef], location: str
) -> PartitionInputTypeDef:
    """A partition that points at a version's directory."""
    return {
        "Values": list(values),
        "StorageDescriptor": parquet_descriptor(columns, location),
        "Parameters": {"classification": "parquet", **placed(version)},
    }


def placed(version: Version) -> dict[str, str]:
    """The parameters that say which version a partition, or a table without any, points at.

    The figures have the names that Hive's statistics have, which planners read.
    """
    pointer = version.pointer
    names = [replace(file, key=_below(pointer, file)) for file in pointer.files]
    text = _POINTERS.dump_json(replace(pointer, files=names)).decode()
    inline = {_POINTER: text} if len(text) <= MAX_INLINE else {}
    return {
        _PARTITION: pointer.partition,
        _RECORD: version.record,
        **({_PREVIOUS: version.previous} if version.previous else {}),
        **inline,
        "numFiles": str(len(pointer.files)),
        "numRows": str(pointer.rows),
        "totalSize": str(pointer.bytes),
    }


def placed_table(found: TableTypeDef, version: Version | None, location: str) -> TableInputTypeDef:
    """A table without partitions that points at a version, or at a location that holds nothing."""
    table = taken_back(found)
    others = {key: text for key, text in found.get("Parameters", {}).items() if key not in _PLACED}
    table["Parameters"] = {**others, **(placed(version) if version else {})}
    descriptor = {**found.get("StorageDescriptor", {}), "Location": location}
    table["StorageDescriptor"] = cast("StorageDescriptorTypeDef", descriptor)
    return table


def version_in(
    parameters: Mapping[str, str], read: Callable[[str, str], Pointer]
) -> Version | None:
    """The version that parameters name; None where nothing of ours was published.

    `read` gets a pointer too long to be kept in Glue, by its record's key and its partition.
    """
    if not is_ours(parameters):
        return None
    record = parameters[_RECORD]
    if _POINTER not in parameters:
        pointer = read(record, parameters[_PARTITION])
    else:
        pointer = _POINTERS.validate_json(parameters[_POINTER])
        folder = pointer.directory.rstrip("/")
        files = [replace(file, key=f"{folder}/{file.key}") for file in pointer.files]
        pointer = replace(pointer, files=files)
    return Version(record, parameters.get(_PREVIOUS, ""), pointer)


def is_ours(parameters: Mapping[str, str]) -> bool:
    """Whether parameters of a partition, or of a table without any, name a version of ours."""
    return _RECORD in parameters and _PARTITION in parameters


def _below(pointer: Pointer, file: FileEntry) -> str:
    return file.key.removeprefix(pointer.directory.rstrip("/") + "/")
