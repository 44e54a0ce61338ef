"""Writes `docs/declaration.md` from the declaration's model, so that the two cannot drift apart.

python -m lake_assets.reference
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import dagster as dg
from pydantic.fields import FieldInfo

from lake_assets.automation import AutomationModel
from lake_assets.declaration import (
    AuditModel,
    ColumnModel,
    CsvModel,
    JoinModel,
    PartitionsModel,
    RawModel,
    ReferenceModel,
    RetentionModel,
    TableModel,
    TransformModel,
)
from lake_assets.placing import ComputeModel
from resources.catalog.query import duckdb_type
from spark.contract import Column, Contract
from spark.type_words import ALIASES, INSTEAD, SIMPLE_TYPES

FILE = Path(__file__).resolve().parents[1] / "docs" / "declaration.md"
#: Every part of a declaration: the word it stands under, and its model.
PARTS: tuple[tuple[str, type[dg.Model]], ...] = (
    ("attributes", TableModel),
    ("raw", RawModel),
    ("raw.columns, references.columns, transform.columns", ColumnModel),
    ("raw.csv", CsvModel),
    ("references", ReferenceModel),
    ("joins", JoinModel),
    ("transform", TransformModel),
    ("partitions", PartitionsModel),
    ("audit", AuditModel),
    ("automation", AutomationModel),
    ("retention", RetentionModel),
    ("compute", ComputeModel),
)
EXAMPLE = """\
type: lake_assets.LakeTable

attributes:
  table: plays # the published table, and the last part of its assets' names
  description: A song that a station played.
  owners: ["team:radio", "ada@example.org"]

  raw:
    source: plays # objects lie in <raw root>/plays/2026/11/01/05/…
    layout: yyyy/MM/dd/HH
    columns:
      - {name: play_id, type: string, nullable: false, comment: Identifies a play.}
      - {name: played_at, type: timestamp, comment: "When it began, UTC."}
      - {name: station, type: string}
      - {name: song_id, type: int}
      - {name: tags, type: "array<string>"} # whatever Spark, Hive and Parquet share, nested too

  references:
    - name: songs # the asset reference/songs
      table: SONGS # its name in the source database
      key: [song_id]
      columns:
        - {name: song_id, type: int, nullable: false}
        - {name: title, type: string}
        - {name: added_on, type: date}

  joins:
    - reference: songs
      match: {song_id: song_id}
      columns: [title] # without this: all but the key
      prefix: song_ # published as song_title
      unmatched: quarantine # a play of an unknown song is looked at, not published

  filter: station <> 'test' # SQL on raw columns; the others are counted as filtered
  deduplicate: [play_id]
  drop: [tags]
  rename: {station: station_name}
  cast: {station_name: string}

  partitions: {by: hour, start: 2026-11-01}

  audit: # beyond these, an attempt is not published
    max_quarantined_share: 0.05
    min_documents: 100

  retention: {days: 400} # older partitions are published no more

  compute: {prefer: [local, glue], max_usd: 2, max_minutes: 30} # or a name, or auto
"""
_MODELS = [model for _, model in PARTS]
_PLAIN = {
    str: "text",
    bool: "true or false",
    int: "number",
    float: "number",
    date: "day",
    datetime: "day or time",
}
_NESTED = ("decimal(10,2)", "array<int>", "map<string,int>", "struct<name:string,age:int>")


def document() -> str:
    """The whole of `docs/declaration.md`."""
    parts = [
        "# Declaring a table",
        "<!-- Written by `make docs` from lake_assets/declaration.py; edit the descriptions there. -->",
        "A table is one file, `lake_assets/defs/<table>/defs.yaml`. Dagster finds it, checks it and "
        "makes four assets of it: `raw/<table>`, `reference/<name>` for each reference that it "
        "declares, `refined/<table>` and `catalog/<table>`. What cannot work is refused when the "
        "definitions load, with file, line and remedy; `make ui` and `lake materialize` both say it.",
        "## An example",
        f"```yaml\n{EXAMPLE}```",
        "Documents go through a declaration in this order: types, `filter`, `deduplicate`, `joins`, "
        "`transform`, `drop`, `rename`, `cast`. Published are the raw columns, then what each join "
        "takes, then what the transform adds; the partition columns `dt` and `hour` come last.",
        "## Every word",
        *(section for place, model in PARTS for section in _section(place, model)),
        "## Types",
        "One spelling serves Spark, the database, the Hive or Glue catalog, Parquet and the UI. "
        "Timestamps are moments in UTC, kept to the microsecond.",
        _types(),
        "Also understood: " + ", ".join(f"`{a}` for `{b}`" for a, b in ALIASES.items()) + ".",
        "Refused, with a word on what to take instead: "
        + ", ".join(f"`{name}`" for name in INSTEAD)
        + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _section(place: str, model: type[dg.Model]) -> Iterator[str]:
    yield f"### `{place}`"
    yield inspect.cleandoc(model.__doc__ or "")
    rows = [_row(name, field) for name, field in model.model_fields.items()]
    yield "\n".join(["| word | takes | without it | meaning |", "| --- | --- | --- | --- |", *rows])


def _row(name: str, field: FieldInfo) -> str:
    cells = [f"`{name}`", _takes(field.annotation), _default(field), _meaning(field)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _meaning(field: FieldInfo) -> str:
    """The field's own description, or what the model that it holds says of itself."""
    if field.description:
        return field.description
    models = [each for each in _inner(field.annotation) if issubclass(each, dg.Model)]
    return inspect.cleandoc(models[0].__doc__ or "") if models else ""


def _inner(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for each in get_args(annotation):
        yield from _inner(each)


def _takes(annotation: object) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _takes(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_takes(each) for each in arguments if each is not NoneType)
    if origin is list and get_origin(arguments[0]) is Literal:
        return "list of " + _takes(arguments[0])
    if origin is list:
        return "list, " + _takes(arguments[0]) if arguments[0] in _MODELS else "list of text"
    if origin is dict:
        return "text to text"
    for place, model in PARTS:
        if annotation is model:
            return f"see `{place.split(',')[0]}`"
    return _PLAIN[annotation] if isinstance(annotation, type) else str(annotation)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    if default in (None, "", [], {}) and default is not False:
        return "nothing"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, ComputeModel):
        return f"`{', '.join(default.prefer)}`"
    if isinstance(default, datetime):
        return f"`{default:%Y-%m-%d}`"
    return "the defaults" if isinstance(default, dg.Model) else f"`{default}`"


def _types() -> str:
    names = [*SIMPLE_TYPES, *_NESTED]
    contract = Contract(tuple(Column(f"c{n}", name) for n, name in enumerate(names)))
    rows = [
        f"| `{name}` | `{field.dataType.__class__.__name__}` | `{hive}` | `{duckdb_type(name)}` |"
        for name, field, (_, hive, _) in zip(
            names, contract.spark_schema().fields, contract.hive_columns(), strict=True
        )
    ]
    head = ["| type | Spark | Hive, Glue | in `lake sql` |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
