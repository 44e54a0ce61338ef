"""The component `lake_assets.LakeTable`: a declaration in YAML becomes four assets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import yaml

from lake_assets.assets.catalog import catalog_asset
from lake_assets.assets.raw import raw_asset
from lake_assets.assets.reference import reference_asset
from lake_assets.assets.refined import refined_asset
from lake_assets.declaration import TableModel, to_reference
from lake_assets.problems import Place, problems
from resources.errors import DeclarationError
from resources.table import Reference, Table


class LakeTable(dg.Component, TableModel):
    """A published table: raw objects joined to references, cleaned, audited and published."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets of this table, and of the references that it declares."""
        shared = self._shared_references(context)
        file = Path(context.path)
        file = file / "defs.yaml" if file.is_dir() else file
        references = {**shared, **checked_references(self, shared, file)}
        return table_definitions(self, self.to_table(references))

    def _shared_references(self, context: dg.ComponentLoadContext) -> dict[str, Reference]:
        """References of other declarations, looked up only when a join names one."""
        own = {each.name for each in self.references}
        if all(join.reference in own for join in self.joins):
            return {}
        others = context.component_tree.get_all_components(of_type=LakeTable)
        return {
            each.name: to_reference(each)
            for other in others
            if other.table != self.table
            for each in other.references
        }


def checked_references(
    model: TableModel, shared: dict[str, Reference], file: Path | None
) -> dict[str, Reference]:
    """The declaration's own references; raises `DeclarationError` listing all that is wrong."""
    found = problems(model, shared, datetime.now(UTC))
    if found:
        lines = [f"{_where(file, each.place)}: {each.sentence}" for each in found]
        raise DeclarationError(
            f"the declaration of table {model.table!r} cannot work:\n  " + "\n  ".join(lines)
        )
    return {each.name: to_reference(each) for each in model.references}


def table_definitions(model: TableModel, table: Table) -> dg.Definitions:
    """The assets of a checked declaration."""
    own = {each.name for each in model.references}
    partitions = model.partitions
    references = {join.reference.name: join.reference for join in table.joins}
    declared = {**references, **{each.name: to_reference(each) for each in model.references}}
    return dg.Definitions(
        assets=[
            raw_asset(table, partitions),
            *[reference_asset(table, each) for name, each in declared.items() if name in own],
            refined_asset(table, partitions),
            catalog_asset(table, partitions),
        ]
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
