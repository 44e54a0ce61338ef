"""Every declared table as plain values, for what works on tables outside an asset.

The declarations are found the way the code location finds them (`lake_assets/definitions.py`), so
that both always agree on what there is.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml
from dagster.components.core.component_tree import ComponentTreeException

from lake_assets.component import LakeTable
from lake_assets.declaration import to_reference
from lake_assets.partitions import partitions_def
from resources.errors import DeclarationError
from resources.partitions import ALL
from resources.table import Table
from spark.errors import LakeError


@dataclass(frozen=True)
class Declared:
    """A declared table, and the partitions that Dagster knows of it."""

    table: Table
    partitions: dg.PartitionsDefinition[str] | None

    def keys(self) -> list[str]:
        """Every partition that has begun, oldest first."""
        return [ALL] if self.partitions is None else list(self.partitions.get_partition_keys())

    def between(self, first: str, last: str) -> list[str]:
        """The partitions from `first` to `last`; raises `DeclarationError` where there is none."""
        keys = self.keys()
        for key in (first, last):
            if key not in keys:
                raise DeclarationError(
                    f"expected a partition of table {self.table.name!r}, found {key!r}; "
                    + (f"there are {keys[0]} to {keys[-1]} (UTC)" if keys else "there is none yet")
                )
        if keys.index(first) > keys.index(last):
            raise DeclarationError(f"expected the earlier partition first: {last}...{first}")
        return keys[keys.index(first) : keys.index(last) + 1]


def declared_tables() -> dict[str, Declared]:
    """The tables of `lake_assets/defs` by name."""
    tree = dg.ComponentTree.for_project(Path(__file__).parent)
    with declaration_errors():
        tree.build_defs()  # judges every declaration, and says where it cannot work
        components = tree.get_all_components(of_type=LakeTable)
    references = {
        model.name: to_reference(model)
        for component in components
        for model in component.references
    }
    return {
        each.table: Declared(
            each.to_table(references), partitions_def(each.partitions, each.automation)
        )
        for each in sorted(components, key=lambda each: each.table)
    }


def declared_table(name: str) -> Declared:
    """One declared table; raises `DeclarationError` that lists those there are."""
    tables = declared_tables()
    if name not in tables:
        there = ", ".join(tables) or "none; put one into lake_assets/defs/<table>/defs.yaml"
        raise DeclarationError(f"expected a declared table, found {name!r}. There are: {there}.")
    return tables[name]


def declaration_file(name: str) -> Path:
    """The defs.yaml that declares a table; raises `DeclarationError` where none does."""
    for path in sorted((Path(__file__).parent / "defs").rglob("defs.yaml")):
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        attributes = found.get("attributes") if isinstance(found, dict) else None
        if isinstance(attributes, dict) and attributes.get("table") == name:
            return path
    raise DeclarationError(
        f"expected table {name!r} declared in a file defs/<table>/defs.yaml of its own, found none"
    )


@contextmanager
def declaration_errors() -> Iterator[None]:
    """Say what is wrong with a declaration without the way that Dagster came upon it.

    That some of what we use of Dagster is in beta is no news to whoever types a command.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            warnings.simplefilter("ignore", dg.PreviewWarning)
            yield
    except ComponentTreeException as error:
        causes: list[BaseException] = [error]
        while (cause := causes[-1].__cause__) is not None:
            causes.append(cause)
        own = [str(each) for each in causes if isinstance(each, LakeError)]
        raise DeclarationError(own[0] if own else _without_trace(str(causes[-1]))) from error
    except yaml.YAMLError as error:
        raise DeclarationError(f"expected YAML: {error}") from error


def _without_trace(text: str) -> str:
    """Dagster's message on a wrong value: its place, and what pydantic says last."""
    _, marker, said = text.rpartition(".ValidationError: ")
    return f"{text.splitlines()[0]}: {said.strip()}" if marker else text
