"""Tables and pointers as the Glue Data Catalog keeps them, and back.

A table's entry and a partition's pointer are kept whole in parameters of ours, beside what query
engines read: columns, locations, formats. No call is made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, cast

from pydantic import TypeAdapter

from resources.attempts import FileEntry
from resources.catalog.base import Pointer, TableEntry
from spark.contract import Contract

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import (
        ColumnOutputTypeDef,
        ColumnTypeDef,
        PartitionInputTypeDef,
        PartitionTypeDef,
        StorageDescriptorTypeDef,
        TableInputTypeDef,
        TableTypeDef,
    )

MAX_COMMENT = 255
MAX_DESCRIPTION = 2048
#: A pointer of more characters is read from its record instead of from Glue.
MAX_INLINE = 8000

_MARK = "lake_assets."
ROOT = _MARK + "root"
ENTRY = _MARK + "entry"
#: Present on a table over raw objects.
RAW = _MARK + "raw"
#: Present where the declaration lets us replace what others made.
ADOPT = _MARK + "adopt"
#: Present while partitions may still have the columns from before a change of the table.
UNFINISHED = _MARK + "columns_unfinished"
_OWNERS = "owners"
_PARTITION = _MARK + "partition"
_RECORD = _MARK + "record"
_PREVIOUS = _MARK + "previous"
_POINTER = _MARK + "pointer"
_PLACED = (_PARTITION, _RECORD, _PREVIOUS, _POINTER, "numFiles", "numRows", "totalSize")

PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
_PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
#: What `GetTable` returns of a table and `UpdateTable` takes.
_TAKEN_BACK = (
    "Name",
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "TableType",
    "Parameters",
    "TargetTable",
)
_POINTERS = TypeAdapter(Pointer)

Columns: TypeAlias = "Sequence[ColumnTypeDef | ColumnOutputTypeDef]"


@dataclass(frozen=True)
class Version:
    """A pointer as it was published: the key of its record, and that of the one it replaced.

    `previous` is empty for the first.
    """

    record: str
    previous: str
    pointer: Pointer


def columns_of(contract: Contract) -> list[ColumnTypeDef]:
    """A contract's columns; comments of more than 255 characters end in an ellipsis."""
    columns: list[ColumnTypeDef] = []
    for name, kind, comment in contract.hive_columns():
        column: ColumnTypeDef = {"Name": name, "Type": kind}
        if comment:
            column["Comment"] = cut(comment, MAX_COMMENT)
        columns.append(column)
    return columns


def cut(text: str, length: int) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def parquet_descriptor(columns: Sequence[ColumnTypeDef], location: str) -> StorageDescriptorTypeDef:
    """Where and how Parquet files lie, as Athena, Spark and Trino read it."""
    return {
        "Columns": columns,
        "Location": location,
        "InputFormat": _PARQUET_INPUT,
        "OutputFormat": _PARQUET_OUTPUT,
        "SerdeInfo": {
            "SerializationLibrary": PARQUET_SERDE,
            "Parameters": {"serialization.format": "1"},
        },
    }


def new_table(name: str, entry: TableEntry, root: str, location: str) -> TableInputTypeDef:
    """A table that is not in Glue yet, at a location that holds nothing."""
    return {
        "Name": name,
        "Description": cut(entry.comment, MAX_DESCRIPTION),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": _table_parameters(entry, root),
        "PartitionKeys": [
            {"Name": key.lower(), "Type": "string"} for key in entry.partition_columns
        ],
        "StorageDescriptor": parquet_descriptor(columns_of(entry.contract), location),
    }


def changed_table(found: TableTypeDef, entry: TableEntry, root: str) -> TableInputTypeDef:
    """The table as it is, with the entry's columns, texts and marks; the rest stays."""
    table = taken_back(found)
    descriptor = found.get("StorageDescriptor", {})
    ours = parquet_descriptor(
        _keeping_parameters(columns_of(entry.contract), descriptor.get("Columns", [])),
        descriptor.get("Location", ""),
    )
    table["StorageDescriptor"] = cast("StorageDescriptorTypeDef", {**descriptor, **ours})
    table["Description"] = cut(entry.comment, MAX_DESCRIPTION)
    table["PartitionKeys"] = _keeping_parameters(
        [{"Name": key.lower(), "Type": "string"} for key in entry.partition_columns],
        found.get("PartitionKeys", []),
        with_comments=True,
    )
    table["TableType"] = "EXTERNAL_TABLE"
    others = {
        key: text
        for key, text in found.get("Parameters", {}).items()
        if key not in (_OWNERS, ADOPT)
    }
    table["Parameters"] = {**others, **_table_parameters(entry, root)}
    return table


def taken_back(found: TableTypeDef) -> TableInputTypeDef:
    """What was read of a table in the form in which it can be written."""
    kept = {name: value for name, value in found.items() if name in _TAKEN_BACK}
    return cast("TableInputTypeDef", kept)


def entry_of(found: TableTypeDef, root: str) -> TableEntry | None:
    """The entry of a table of this lake; None for the tables of others."""
    parameters = found.get("Parameters", {})
    if parameters.get(ROOT) != root or ENTRY not in parameters:
        return None
    said = json.loads(parameters[ENTRY])
    return TableEntry(
        name=said["name"],
        contract=Contract.from_json(said["contract"]),
        partition_columns=tuple(said["partition_columns"]),
        comment=said["comment"],
        owners=tuple(said["owners"]),
    )


def shape_of(columns: Columns) -> list[tuple[str, str]]:
    """Names and types, which is what readers go by."""
    return [(each["Name"], each.get("Type", "")) for each in columns]


def wording_of(columns: Columns) -> list[tuple[str, str, str]]:
    """Names, types and comments; Glue may leave an empty comment out."""
    return [(each["Name"], each.get("Type", ""), each.get("Comment", "")) for each in columns]


def is_unchanged(found: TableTypeDef, wanted: TableInputTypeDef) -> bool:
    """Whether writing a table would change nothing that we decide."""
    has = found.get("StorageDescriptor", {})
    ours = cast("StorageDescriptorTypeDef", wanted.get("StorageDescriptor", {}))
    return (
        found.get("Parameters", {}) == wanted.get("Parameters", {})
        and found.get("Description", "") == wanted.get("Description", "")
        and found.get("TableType") == wanted.get("TableType")
        and wording_of(has.get("Columns", [])) == wording_of(ours.get("Columns", []))
        and shape_of(found.get("PartitionKeys", [])) == shape_of(wanted.get("PartitionKeys", []))
        and has.get("SerdeInfo") == ours.get("SerdeInfo")
    )


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


def with_columns(
    found: PartitionTypeDef, columns: Sequence[ColumnTypeDef]
) -> PartitionInputTypeDef | None:
    """The partition with these columns, or None if it has them."""
    descriptor = found.get("StorageDescriptor", {})
    if wording_of(descriptor.get("Columns", [])) == wording_of(columns):
        return None
    kept = ("Values", "LastAccessTime", "Parameters", "LastAnalyzedTime")
    changed = {name: value for name, value in found.items() if name in kept}
    changed["StorageDescriptor"] = {**descriptor, "Columns": columns}
    return cast("PartitionInputTypeDef", changed)


def _table_parameters(entry: TableEntry, root: str) -> dict[str, str]:
    said = {
        "name": entry.name,
        "contract": entry.contract.to_json(),
        "partition_columns": entry.partition_columns,
        "comment": entry.comment,
        "owners": entry.owners,
    }
    return {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        **({_OWNERS: ", ".join(entry.owners)} if entry.owners else {}),
        ROOT: root,
        ENTRY: json.dumps(said, sort_keys=True),
        **({ADOPT: "true"} if entry.adopt else {}),
    }


def _keeping_parameters(
    ours: Sequence[ColumnTypeDef],
    found: Sequence[ColumnOutputTypeDef],
    *,
    with_comments: bool = False,
) -> list[ColumnTypeDef]:
    """Columns with the parameters that others gave them, and comments where we have none."""
    kept = {each["Name"]: each for each in found}
    merged: list[ColumnTypeDef] = []
    for column in ours:
        old = kept.get(column["Name"])
        merged.append(column if old is None else _merged(column, old, with_comments=with_comments))
    return merged


def _merged(
    column: ColumnTypeDef, old: ColumnOutputTypeDef, *, with_comments: bool
) -> ColumnTypeDef:
    merged = cast("ColumnTypeDef", dict(column))
    if "Parameters" in old:
        merged["Parameters"] = old["Parameters"]
    if with_comments and "Comment" in old:
        merged["Comment"] = old["Comment"]
    return merged


def _below(pointer: Pointer, file: FileEntry) -> str:
    return file.key.removeprefix(pointer.directory.rstrip("/") + "/")
