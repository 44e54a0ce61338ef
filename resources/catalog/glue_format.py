"""Tables as the Glue Data Catalog keeps them, and back.

A table's entry is kept whole in a parameter of ours, beside what query engines read: columns,
locations, formats. Pointers are in `glue_versions.py`. No call is made here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from resources.catalog.base import TableEntry
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

MARK = "lake_assets."
ROOT = MARK + "root"
ENTRY = MARK + "entry"
#: Present on a table over raw objects.
RAW = MARK + "raw"
#: Present where the declaration lets us replace what others made.
ADOPT = MARK + "adopt"
#: Present while partitions may still have the columns from before a change of the table.
UNFINISHED = MARK + "columns_unfinished"
_OWNERS = "owners"
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

Columns: TypeAlias = "Sequence[ColumnTypeDef | ColumnOutputTypeDef]"


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
