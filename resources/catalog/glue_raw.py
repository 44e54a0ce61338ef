"""A Glue table over raw JSON objects, so that they can be queried where they lie.

Its partitions are projected from the layout of the prefix: none is registered, new hours show by
themselves. Readers of JSON take a line for a document: of documents without anything between them
they see the first of each line, which the table's description says. What was published of the
same objects is complete, and belongs to `glue.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from resources.catalog.glue_api import GlueApi
from resources.catalog.glue_format import (
    MAX_COMMENT,
    MAX_DESCRIPTION,
    RAW,
    ROOT,
    columns_of,
    cut,
    is_unchanged,
    taken_back,
)
from resources.errors import CatalogError
from resources.partitions import Partitioning
from resources.table import RawTable

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import ColumnTypeDef, TableInputTypeDef

#: The column of the partitions; its values are the layout's own text, such as `2014/06/16/05`.
DATEHOUR = "datehour"
_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_SERDE = "org.openx.data.jsonserde.JsonSerDe"
_TOKENS = re.compile("yyyy|MM|dd|HH")
_STRFTIME = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}
#: Types whose JSON spelling the serde does not read: they are shown as they are written.
_AS_WRITTEN = re.compile(r"\b(timestamp|date|binary)\b(?!:)")
_PROJECTED = ("projection.", "storage.location.template")
_FIRST_OF_A_LINE = (
    "Objects may hold documents without line breaks: of each line only the first shows here."
)


def raw_table_input(
    name: str, raw: RawTable, partitions: Partitioning, location: str, root: str, comment: str = ""
) -> TableInputTypeDef:
    """The Glue table over raw objects below `location`, an `s3://` prefix; `root` is the lake's.

    Raises `CatalogError` for formats other than JSON, and where a column is named `datehour`.
    """
    _check(name, raw, partitions)
    below = location.rstrip("/") + "/"
    said = comment if raw.layout == "lines" else f"{comment} {_FIRST_OF_A_LINE}".strip()
    keys: list[ColumnTypeDef] = []
    if partitions.by != "none":
        keys = [{"Name": DATEHOUR, "Type": "string", "Comment": f"UTC, as {partitions.layout}"}]
    return {
        "Name": name,
        "Description": cut(said, MAX_DESCRIPTION),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "json",
            ROOT: root,
            RAW: "true",
            **_projection(partitions, below),
        },
        "PartitionKeys": keys,
        "StorageDescriptor": {
            "Columns": _columns(raw),
            "Location": below,
            "InputFormat": _INPUT,
            "OutputFormat": _OUTPUT,
            "SerdeInfo": {
                "SerializationLibrary": _SERDE,
                "Parameters": {"serialization.format": "1", "ignore.malformed.json": "true"},
            },
        },
    }


def ensure_raw_table(api: GlueApi, table: TableInputTypeDef) -> None:
    """Create or update the table; the same again writes nothing.

    Raises `CatalogError` where others made a table of that name: there is no adopting of it.
    """
    found = api.table(table["Name"])
    if found is None:
        if api.create_table(table):
            return
        found = api.table(table["Name"])
    if found is None or is_unchanged(found, table):
        return
    marks = (ROOT, RAW)
    has, ours = found.get("Parameters", {}), table.get("Parameters", {})
    if [has.get(mark) for mark in marks] != [ours.get(mark) for mark in marks]:
        raise CatalogError(
            f"Expected no table {api.database}.{table['Name']}, or the one over this lake's raw "
            f"objects; found one made by {found.get('CreatedBy') or 'others'}. It is left as it "
            "is: choose another name or prefix, or drop it."
        )
    kept = {name: text for name, text in has.items() if not name.startswith(_PROJECTED)}
    changed = taken_back(found)
    changed.update(table)
    changed["Parameters"] = {**kept, **ours}
    if not is_unchanged(found, changed):
        api.update_table(changed, found.get("VersionId"), archive=True)


def _check(name: str, raw: RawTable, partitions: Partitioning) -> None:
    if raw.format != "json":
        raise CatalogError(
            f"Expected raw JSON for the table {name!r} over raw objects; found {raw.format}. "
            "Only JSON can be queried before it is refined."
        )
    if partitions.by != "none" and DATEHOUR in {column.lower() for column in raw.contract.names}:
        raise CatalogError(
            f"Expected no raw column {DATEHOUR!r} for the table {name!r}: its partitions are called "
            "so. Leave the table over raw objects away, or take the column from another key."
        )


def _columns(raw: RawTable) -> list[ColumnTypeDef]:
    columns = columns_of(raw.contract)
    for column in columns:
        kind = column.get("Type", "")
        column["Type"] = _AS_WRITTEN.sub("string", kind)
        if column["Type"] != kind:
            comment = f"{column.get('Comment', '')} ({kind}, as written)".strip()
            column["Comment"] = cut(comment, MAX_COMMENT)
    return columns


def _projection(partitions: Partitioning, below: str) -> dict[str, str]:
    """Partition projection, by Athena's documentation, "Set up partition projection"."""
    if partitions.by == "none":
        return {}
    layout = _layout(partitions)
    tokens = list(_TOKENS.finditer(layout))
    start, end = tokens[0].start(), tokens[-1].end()
    middle = layout[start:end]
    return {
        "projection.enabled": "true",
        f"projection.{DATEHOUR}.type": "date",
        f"projection.{DATEHOUR}.format": _java_format(middle),
        f"projection.{DATEHOUR}.range": f"{_spelled(middle, partitions)},NOW",
        f"projection.{DATEHOUR}.interval": "1",
        f"projection.{DATEHOUR}.interval.unit": "HOURS" if partitions.by == "hour" else "DAYS",
        "storage.location.template": f"{below}{layout[:start]}${{{DATEHOUR}}}{layout[end:]}/",
    }


def _layout(partitions: Partitioning) -> str:
    """The layout down to what a partition spans: a day's objects may lie in folders of hours."""
    layout = partitions.layout.strip("/")
    if partitions.by == "day" and "HH" in layout:
        return layout[: layout.index("HH")].rpartition("/")[0]
    return layout


def _spelled(middle: str, partitions: Partitioning) -> str:
    return _TOKENS.sub(lambda found: partitions.start.strftime(_STRFTIME[found[0]]), middle)


def _java_format(middle: str) -> str:
    """Letters between the tokens are quoted: Java would take them for fields of a date."""
    parts: list[str] = []
    position = 0
    for token in _TOKENS.finditer(middle):
        parts += [_quoted(middle[position : token.start()]), token[0]]
        position = token.end()
    return "".join(parts)


def _quoted(text: str) -> str:
    return re.sub(r"[A-Za-z][A-Za-z=]*", lambda found: f"'{found[0]}'", text)
