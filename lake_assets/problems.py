"""What keeps a declaration from working although each of its values is well formed.

Every problem names the place in the YAML file and says what to do, and all of them are found
before any definition is made. What can only be known from data is left to the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from lake_assets.automation_problems import automation_problems
from lake_assets.declaration import (
    ColumnModel,
    JoinModel,
    TableModel,
    contract_of,
    to_partitioning,
    to_reference,
)
from lake_assets.placing import compute_problems
from lake_assets.problem import Place, Problem
from resources.table import Reference, Table
from spark.contract import Contract, canonical_type, contract_problems, spark_type
from spark.csv_records import CsvOptions
from spark.errors import ContractError, LakeError, ReferenceRefused
from spark.fitting import fit
from spark.frames import PREFIX
from spark.refine import named_transform

_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,127}")


def declared_twice(model: TableModel, others: Sequence[TableModel]) -> list[Problem]:
    """Names of the declaration that another one declares as well."""
    tables = {other.table for other in others}
    references = {each.name: other.table for other in others for each in other.references}
    found = [
        Problem(
            ("references", position, "name"),
            f"reference `{each.name}` is declared for table `{references[each.name]}` too; declare "
            "it once, and name it in the joins of both",
        )
        for position, each in enumerate(model.references)
        if each.name in references
    ]
    if model.table in tables:
        sentence = f"table `{model.table}` is declared in another file too; keep one, or rename it"
        found.append(Problem(("table",), sentence))
    return found


def problems(model: TableModel, shared: Mapping[str, Reference], now: datetime) -> list[Problem]:
    """Everything wrong with a declaration; `shared` are the references of other declarations."""
    found = [*_names(model), *_columns(model), *_partitions(model, now), *_retention(model)]
    found += [
        Problem(("automation", *each.place), each.sentence)
        for each in automation_problems(model.automation, model.partitions.by)
    ]
    found += [
        Problem(("compute", *each.place), each.sentence) for each in compute_problems(model.compute)
    ]
    if found:
        return found  # the rest builds on columns that are sound
    references = {**shared, **{each.name: to_reference(each) for each in model.references}}
    found = [*_references(model), *_joins(model, references), *_rules(model)]
    if found:
        return found
    return [*_published(model, references)]


def _names(model: TableModel) -> Iterator[Problem]:
    named: list[tuple[Place, str]] = [(("table",), model.table)]
    named += [(("references", i, "name"), each.name) for i, each in enumerate(model.references)]
    for place, name in named:
        if not _TABLE_NAME.fullmatch(name):
            yield Problem(
                place,
                f"expected a name of lower-case letters, digits and `_` that begins with a letter, "
                f"found {name!r}",
            )
    if not model.raw.source.strip("/") or ".." in model.raw.source.split("/"):
        yield Problem(("raw", "source"), f"expected a folder, found {model.raw.source!r}")
    try:
        CsvOptions(**model.raw.csv.model_dump())
    except LakeError as error:
        yield Problem(("raw", "csv"), str(error))


def _columns(model: TableModel) -> Iterator[Problem]:
    lists: list[tuple[Place, Sequence[ColumnModel]]] = [(("raw", "columns"), model.raw.columns)]
    lists += [
        (("references", i, "columns"), each.columns) for i, each in enumerate(model.references)
    ]
    for place, columns in lists:
        sound = True
        for position, column in enumerate(columns):
            try:
                column.to_column()
            except ContractError as error:
                sound = False
                yield Problem((*place, position, "type"), str(error))
            if column.name.startswith(PREFIX):
                yield Problem(
                    (*place, position, "name"),
                    f"names that begin with {PREFIX} are the project's own; rename `{column.name}`",
                )
        if sound:
            yield from (
                Problem(place, each) for each in contract_problems(contract_of(list(columns)))
            )


def _partitions(model: TableModel, now: datetime) -> Iterator[Problem]:
    partitions = model.partitions
    for sentence in to_partitioning(partitions, model.raw.layout).problems(now):
        place: Place = ("raw", "layout") if "layout" in sentence else ("partitions", "start")
        yield Problem(place, sentence)
    if partitions.end is not None and partitions.end <= partitions.start:
        yield Problem(
            ("partitions", "end"),
            f"expected an end after the start {partitions.start:%Y-%m-%d %H:%M}, found "
            f"{partitions.end:%Y-%m-%d %H:%M}",
        )


def _retention(model: TableModel) -> Iterator[Problem]:
    if model.retention is not None and model.partitions.by == "none":
        yield Problem(
            ("retention",),
            "expected a table with partitions of an hour or a day, found one without any, of which "
            "nothing can expire; remove `retention`",
        )


def _references(model: TableModel) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, each in enumerate(model.references):
        place: Place = ("references", position)
        names = [column.name for column in each.columns]
        if each.name in seen:
            yield Problem((*place, "name"), f"reference `{each.name}` is declared twice; keep one")
        seen.add(each.name)
        if not each.key:
            yield Problem((*place, "key"), "expected at least one key column")
        for name in each.key:
            if name not in names:
                yield Problem((*place, "key"), _unknown(name, names, f"reference `{each.name}`"))
        try:
            contract_of(each.columns).jdbc_custom_schema()
        except ContractError as error:
            yield Problem((*place, "columns"), str(error))


def _joins(model: TableModel, references: Mapping[str, Reference]) -> Iterator[Problem]:
    raw = contract_of(model.raw.columns)
    for position, join in enumerate(model.joins):
        place: Place = ("joins", position)
        reference = references.get(join.reference)
        if reference is None:
            yield Problem(
                (*place, "reference"),
                _unknown(join.reference, sorted(references), "references of all declarations"),
            )
            continue
        yield from _match(place, join, raw, reference)
        for name in join.columns or []:
            if name not in reference.contract.names:
                where = f"reference `{reference.name}`"
                yield Problem((*place, "columns"), _unknown(name, reference.contract.names, where))


def _match(place: Place, join: JoinModel, raw: Contract, reference: Reference) -> Iterator[Problem]:
    at = (*place, "match")
    if set(join.match.values()) != set(reference.key):
        yield Problem(
            at,
            f"expected the whole key of reference `{reference.name}` ({', '.join(reference.key)}), "
            f"found {', '.join(join.match.values()) or 'nothing'}; any other match could multiply rows",
        )
        return
    for left, right in join.match.items():
        if left not in raw.names:
            yield Problem(at, _unknown(left, raw.names, "raw columns"))
            continue
        types = raw.column(left).type, reference.contract.column(right).type
        if types[0] != types[1]:
            yield Problem(
                at,
                f"`{left}` is {types[0]} and `{right}` is {types[1]}: a join between types matches "
                "what is not equal ('01' and 1) and drops what cannot be cast; declare the raw "
                "column with the reference's type",
            )
        if types[0].startswith(("map", "array", "struct")):
            yield Problem(at, f"`{left}` is {types[0]}, which cannot be joined on")


def _rules(model: TableModel) -> Iterator[Problem]:
    raw = [column.name for column in model.raw.columns]
    types = {column.name: canonical_type(column.type) for column in model.raw.columns}
    for name in model.deduplicate:
        if name not in raw:
            yield Problem(("deduplicate",), _unknown(name, raw, "raw columns"))
        elif types[name].startswith("map"):
            yield Problem(("deduplicate",), f"`{name}` is {types[name]}, which cannot be compared")
    for name, type_text in model.cast.items():
        try:
            canonical_type(type_text)
        except ContractError as error:
            yield Problem(("cast", name), str(error))
    if model.transform is not None:
        try:
            named_transform(model.transform.function)
        except LakeError as error:
            yield Problem(("transform", "function"), str(error))
        yield from _added_columns(model.transform.columns)


def _added_columns(columns: Sequence[ColumnModel]) -> Iterator[Problem]:
    for position, column in enumerate(columns):
        try:
            column.to_column()
        except ContractError as error:
            yield Problem(("transform", "columns", position, "type"), str(error))


def _published(model: TableModel, references: Mapping[str, Reference]) -> Iterator[Problem]:
    table = model.to_table(dict(references))
    yield from _taken_twice(table)
    for name in model.drop:
        if name not in table.joined.names:
            yield Problem(("drop",), _unknown(name, table.joined.names, "columns"))
    kept = [name for name in table.joined.names if name not in model.drop]
    for name in model.rename:
        if name not in kept:
            yield Problem(("rename", name), _unknown(name, kept, "columns that are kept"))
    renamed = [model.rename.get(name, name) for name in kept]
    for name in model.cast:
        if name not in renamed:
            yield Problem(("cast", name), _unknown(name, renamed, "columns, renames applied"))
        else:
            yield from _cast(table, name, model.cast[name], model.rename)
    is_known = set(model.drop) <= set(table.joined.names) and set(model.rename) <= set(kept)
    if is_known and set(model.cast) <= set(renamed):
        yield from (Problem((), each) for each in contract_problems(table.published))
    for name in renamed:
        if name.lower() in table.partitions.columns:
            sentence = f"column `{name}` has the name of a partition column; rename or drop it"
            yield Problem((), sentence)


def _cast(table: Table, name: str, type_text: str, renames: Mapping[str, str]) -> Iterator[Problem]:
    """A cast of which no value could come out, known without any data."""
    old = next((before for before, after in renames.items() if after == name), name)
    have = table.joined.column(old).type
    try:
        fit(name, spark_type(have), canonical_type(type_text))
    except ReferenceRefused:
        yield Problem(("cast", name), f"`{name}` is {have}, which cannot become {type_text}")


def _taken_twice(table: Table) -> Iterator[Problem]:
    taken = {name.lower() for name in table.raw.contract.names}
    for position, join in enumerate(table.joins):
        for alias in join.columns.values():
            if alias.lower() in taken:
                yield Problem(
                    ("joins", position),
                    f"column `{alias}` of reference `{join.reference.name}` is there already; give "
                    "the join a `prefix`, or list under `columns` what is to be taken",
                )
            taken.add(alias.lower())


def _unknown(name: str, known: Sequence[str], what: str) -> str:
    return f"there is no `{name}` among the {what}: {', '.join(known) or 'none'}"
