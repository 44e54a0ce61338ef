"""The component `lake_assets.LakeTable`: a declaration in YAML becomes four assets."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import yaml

from lake_assets.assets.catalog import catalog_asset
from lake_assets.assets.raw import raw_asset
from lake_assets.assets.reference import reference_asset
from lake_assets.assets.refined import refined_asset
from lake_assets.declaration import TableModel, to_reference
from lake_assets.problem import Place, Problem
from lake_assets.problems import declared_twice, problems
from lake_assets.schedules import table_schedules
from lake_assets.sensors import table_sensors
from resources.errors import DeclarationError
from resources.table import Reference, Table
from spark.errors import ContractError


class LakeTable(dg.Component, TableModel):
    """A published table: raw objects joined to references, cleaned, audited and published."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets of this table, and of the references that it declares."""
        path = Path(context.path)
        file = path / "defs.yaml" if path.is_dir() else path
        every = context.component_tree.get_all_components(of_type=LakeTable)
        others = [each for each in every if each is not self]
        refuse(declared_twice(self, others), self, file)
        shared = shared_references(others)
        return table_definitions(
            self, self.to_table({**shared, **checked_references(self, shared, file)})
        )


def shared_references(models: Sequence[TableModel]) -> dict[str, Reference]:
    """References that other declarations may name; broken ones are reported where they are."""
    found: dict[str, Reference] = {}
    for each in (reference for model in models for reference in model.references):
        with contextlib.suppress(ContractError):
            found[each.name] = to_reference(each)
    return found


def checked_references(
    model: TableModel, shared: dict[str, Reference], file: Path | None
) -> dict[str, Reference]:
    """The declaration's own references; raises `DeclarationError` listing all that is wrong."""
    refuse(problems(model, shared, datetime.now(UTC)), model, file)
    return {each.name: to_reference(each) for each in model.references}


def refuse(found: Sequence[Problem], model: TableModel, file: Path | None) -> None:
    """Raise `DeclarationError` with the place and sentence of each problem, if there are any."""
    if found:
        lines = [f"{_where(file, each.place)}: {each.sentence}" for each in found]
        raise DeclarationError(
            f"the declaration of table {model.table!r} cannot work:\n  " + "\n  ".join(lines)
        )


def table_definitions(model: TableModel, table: Table) -> dg.Definitions:
    """The assets of a checked declaration."""
    own = [to_reference(each) for each in model.references]
    return dg.Definitions(
        assets=[
            raw_asset(table, model),
            *[reference_asset(table, each) for each in own],
            refined_asset(table, model),
            catalog_asset(table, model),
        ],
        sensors=table_sensors(table, own, model.automation, model.partitions.end),
        schedules=table_schedules(table, own, model.automation, model.partitions.end),
    )


def _where(file: Path | None, place: Place) -> str:
    if file is None or not file.is_file():
        return ".".join(str(part) for part in place) or "declaration"
    node = yaml.compose(file.read_text(encoding="utf-8"))
    line = node.start_mark.line + 1 if node else 1
    for part in ("attributes", *place):
        below = _below(node, part)
        if below is None:
            break
        line, node = below
    named = ".".join(str(part) for part in place)
    return f"{file}:{line}: {named}" if named else f"{file}:{line}"


def _below(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    """The line of one key or list item, and what it holds."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value = node.value[part]
        return value.start_mark.line + 1, value
    return None
