"""What the top level of a notebook's cells binds names to, and which names some code needs."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from resources.notebook_cells import Cell

#: Calls whose value is the same in every process, so that a constant may be made by them.
_PURE = frozenset(
    "bytes dict float frozenset int list range set sorted str tuple "
    "datetime.date datetime.datetime datetime.time datetime.timedelta datetime.timezone "
    "decimal.Decimal fractions.Fraction re.compile".split()
)
_PURE_MODULE = "pyspark.sql.types."
_PURE_ROOTS = ("datetime.", "decimal.", "fractions.", "math.", "re.", "string.", _PURE_MODULE)


@dataclass(frozen=True)
class Import:
    """One imported name: `import module as name`, or `from module import member as name`."""

    name: str
    module: str
    member: str = ""

    @property
    def target(self) -> str:
        """What the name stands for, with its module."""
        if self.member:
            return f"{self.module}.{self.member}"
        return self.module if self.name != self.module.split(".")[0] else self.name

    @property
    def statement(self) -> str:
        """The import of this name alone."""
        if self.member:
            alias = "" if self.name == self.member else f" as {self.name}"
            return f"from {self.module} import {self.member}{alias}"
        alias = "" if self.name == self.module.split(".")[0] else f" as {self.name}"
        return f"import {self.module}{alias}"


@dataclass(frozen=True)
class Binding:
    """What a cell binds a name to: `node` is its statement, `source` that statement's text."""

    name: str
    cell: int
    node: ast.stmt
    source: str
    imported: Import | None = None

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, ast.FunctionDef)

    @property
    def value(self) -> ast.expr | None:
        """What a plain assignment to this one name assigns."""
        if isinstance(self.node, ast.Assign) and len(self.node.targets) == 1:
            return self.node.value if isinstance(self.node.targets[0], ast.Name) else None
        return self.node.value if isinstance(self.node, ast.AnnAssign) else None


def bindings(cells: Iterable[Cell]) -> dict[str, list[Binding]]:
    """Every binding of every name, in the order of the cells."""
    found: dict[str, list[Binding]] = {}
    for cell in cells:
        for node in cell.tree.body:
            for name, imported in _bound(node):
                binding = Binding(name, cell.number, node, _text(cell, node), imported)
                found.setdefault(name, []).append(binding)
    return found


def has_star_import(cells: Iterable[Cell]) -> bool:
    """Whether a cell imports names without saying which."""
    nodes = (node for cell in cells for node in ast.walk(cell.tree))
    return any(
        isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)
        for node in nodes
    )


def needed_names(source: str) -> list[str]:
    """Names that a piece of code takes from around it, builtins included, in order."""
    return sorted(set(_needed(symtable.symtable(source, "notebook", "exec"))))


def impure_part(value: ast.expr, imports: Mapping[str, Import]) -> str:
    """The first part of a constant that may differ between processes; empty for none."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            called = _dotted(node.func, imports)
            if called not in _PURE and not called.startswith(_PURE_MODULE):
                return ast.unparse(node.func)
        if isinstance(node, ast.Name) and node.id in imports:
            target = f"{imports[node.id].target}."
            if not target.startswith(_PURE_ROOTS):
                return node.id
    return ""


def _dotted(function: ast.expr, imports: Mapping[str, Import]) -> str:
    if isinstance(function, ast.Name):
        imported = imports.get(function.id)
        return imported.target if imported else function.id
    if isinstance(function, ast.Attribute):
        return f"{_dotted(function.value, imports)}.{function.attr}"
    return "?"


def _bound(node: ast.stmt) -> Iterator[tuple[str, Import | None]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            yield name, Import(name, alias.name)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            name = alias.asname or alias.name
            yield name, Import(name, module, alias.name)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, None
    else:
        yield from ((name, None) for name in _stored(node))


def _stored(node: ast.stmt) -> list[str]:
    """Names that any other statement binds at the top level, those in its blocks included."""
    table = symtable.symtable(ast.unparse(node), "notebook", "exec")
    return sorted(
        each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()
    )


def _needed(table: symtable.SymbolTable) -> Iterator[str]:
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        is_bound_here = symbol.is_assigned() or symbol.is_imported()
        if symbol.is_referenced() and (not is_bound_here if is_module else symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _needed(child)


def _text(cell: Cell, node: ast.stmt) -> str:
    """The statement, with the decorators above it."""
    decorators = getattr(node, "decorator_list", [])
    if not decorators:
        return ast.get_source_segment(cell.source, node) or ""
    lines = cell.source.split("\n")
    return "\n".join(lines[decorators[0].lineno - 1 : node.end_lineno])
