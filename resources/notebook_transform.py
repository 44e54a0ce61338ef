"""A function of a notebook as a module of its own, with the imports and names that it needs.

What could not run on a cluster is refused here, before anything runs. Nothing is executed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resources.cluster_python import PACKAGES, offences
from resources.errors import NotebookRefused
from resources.notebook_cells import Broken, read_cells
from resources.notebook_names import (
    Binding,
    Import,
    bindings,
    has_star_import,
    impure_part,
    needed_names,
)
from resources.typed_source import with_docstring, with_frame_types

_FRAME = Import("DataFrame", "pyspark.sql", "DataFrame")
_SESSIONS = frozenset({"lake", "sc", "spark", "sqlContext"})
_ONLY_ROWS = (
    "A transform sees its table's rows only: what comes of other tables is declared under `joins`, "
    "and a fixed value is written out as a constant"
)


@dataclass(frozen=True)
class NotebookTransform:
    """A module's text with one function for others; `taken` are the names it came with."""

    function: str
    text: str
    taken: tuple[str, ...]


def notebook_transform(path: Path, function: str, table: str) -> NotebookTransform:
    """Take a function out of a notebook; raises `NotebookRefused` that lists all that is wrong."""
    cells, broken = read_cells(path)
    bound = bindings(cells)
    main = _main(path, function, bound, broken)
    gathered = _Gathered(bound, has_star_import(cells))
    gathered.take_function(main)
    problems = [*_signature(main), *gathered.problems]
    if problems:
        raise _refused(path, function, problems)
    text = _module(path, table, main, gathered)
    found = [f"line {each.line}: {each.problem}; {each.remedy}" for each in offences("", text)]
    if found:
        lines = "\n".join(f"{n:4} {line}" for n, line in enumerate(text.split("\n"), start=1))
        raise _refused(path, function, [*found, f"As a module it would be:\n{lines}"])
    taken = [each for each in gathered.order() if each is not main]
    return NotebookTransform(function, text, tuple(each.name for each in taken))


@dataclass
class _Gathered:
    """What a function needs, followed from name to name."""

    bound: Mapping[str, list[Binding]]
    has_star_import: bool
    imports: dict[str, Import] = field(default_factory=dict)
    statements: dict[str, Binding] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def order(self) -> list[Binding]:
        """Constants and functions as they stand in the notebook."""
        return sorted(self.statements.values(), key=lambda each: (each.cell, each.node.lineno))

    def take_function(self, binding: Binding) -> None:
        self.statements[binding.name] = binding
        outer = [each for each in ast.walk(binding.node) if isinstance(each, ast.Global)]
        for name in (name for each in outer for name in each.names):
            self.problems.append(
                f"`{binding.name}` changes `{name}` of the notebook (`global`); "
                "a transform keeps nothing between calls"
            )
        for name in needed_names(binding.source):
            self._take(name, binding.name)

    def _take(self, name: str, user: str) -> None:
        if name in self.statements or name in self.imports:
            return
        found = self.bound.get(name, [])
        if not found:
            if not hasattr(builtins, name):
                self.problems.append(self._unknown(name, user))
            return
        sources = {each.imported.statement if each.imported else each.source for each in found}
        last = found[-1]
        if len(sources) > 1:
            cells = " and ".join(str(each) for each in sorted({each.cell for each in found}))
            self.problems.append(
                f"`{name}`, which `{user}` uses, is set more than once (cells {cells}); keep the one "
                "that is meant, or give them two names"
            )
        elif last.imported is not None:
            self._take_import(last.imported, last.cell, user)
        elif last.is_function:
            self.take_function(last)
        else:
            self._take_constant(last, user)

    def _take_import(self, imported: Import, cell: int, user: str) -> None:
        module = imported.module
        if module.split(".")[0] in PACKAGES or _is_standard(module):
            self.imports[imported.name] = imported
            return
        self.problems.append(
            f"`{user}` uses `{imported.name}`, which cell {cell} imports from {module}; a transform "
            "may import pyspark and the standard library only, since clusters have no more. Write "
            "that part with pyspark.sql.functions, or do it elsewhere"
        )

    def _take_constant(self, binding: Binding, user: str) -> None:
        name, value = binding.name, binding.value
        if value is None:
            self.problems.append(
                f"`{user}` uses `{name}` of cell {binding.cell}, which is neither a function, an "
                f"import nor a constant. {_ONLY_ROWS}"
            )
            return
        imports = {
            each: self.bound[each][-1].imported
            for each in needed_names(ast.unparse(value))
            if each in self.bound
        }
        known = {each: found for each, found in imports.items() if found is not None}
        impure = impure_part(value, known)
        if impure or name in _SESSIONS:
            self.problems.append(
                f"`{user}` uses `{name}` of cell {binding.cell}, which is made by "
                f"`{impure or name}` when the notebook runs. {_ONLY_ROWS}"
            )
            return
        self.statements[name] = binding
        for each in needed_names(binding.source):
            self._take(each, name)

    def _unknown(self, name: str, user: str) -> str:
        if name in _SESSIONS:
            return f"`{user}` uses `{name}`. {_ONLY_ROWS}"
        cure = (
            "a cell imports `*`; import by name, as in `from pyspark.sql import functions as F`"
            if self.has_star_import
            else "put what defines it into a cell of the notebook"
        )
        return f"`{user}` uses `{name}`, which no cell defines: {cure}"


def _main(
    path: Path, function: str, bound: Mapping[str, list[Binding]], broken: Iterable[Broken]
) -> Binding:
    found = [each for each in bound.get(function, []) if each.is_function]
    if not found:
        for each in broken:
            if f"def {function}" in each.source:
                raise _refused(
                    path, function, [f"cell {each.number} is no Python: {each.problem}; mend it"]
                )
        names = [name for name, all_ in bound.items() if any(each.is_function for each in all_)]
        raise NotebookRefused(
            f"{path}: expected a function {function!r} at the top level of a cell, found "
            f"{', '.join(names) or 'no functions'}."
        )
    if len({each.source for each in found}) > 1 or len(found) < len(bound[function]):
        cells = " and ".join(str(each.cell) for each in bound[function])
        raise _refused(
            path,
            function,
            [f"it is set more than once (cells {cells}); keep the one that is meant"],
        )
    return found[-1]


def _signature(main: Binding) -> Iterator[str]:
    node = main.node
    if not isinstance(node, ast.FunctionDef):
        return
    given = node.args
    required = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    required += sum(each is None for each in given.kw_defaults)
    takes_one = required == 1 and bool(given.posonlyargs or given.args)
    if not takes_one:
        yield (
            f"it takes {required} arguments; expected one, the DataFrame of the table's rows, and a "
            "DataFrame in return. What comes of other tables is declared under `joins`"
        )
    if any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in ast.walk(node)):
        yield "it yields; expected a DataFrame in return"


def _is_standard(module: str) -> bool:
    return not offences("", f"import {module}\n")


def _module(path: Path, table: str, main: Binding, gathered: _Gathered) -> str:
    source = with_docstring(main.source, f"Rows of {table} as {path.name} made them.")
    typed = with_frame_types(source)
    imports = dict(gathered.imports)
    if typed != source:
        imports.setdefault(_FRAME.name, _FRAME)
    parts = [typed if each is main else each.source for each in gathered.order()]
    return (
        f'"""The transform of table {table}; it was made in {path.name}."""\n\n'
        "from __future__ import annotations\n\n"
        + "".join(f"{each}\n" for each in sorted({each.statement for each in imports.values()}))
        + "\n\n"
        + "\n\n\n".join(parts)
        + "\n"
    )


def _refused(path: Path, function: str, problems: Iterable[str]) -> NotebookRefused:
    listed = "\n  ".join(problems)
    return NotebookRefused(
        f"{path}: function {function!r} cannot become a table's transform as it is:\n  {listed}\n"
        "Nothing was changed."
    )
