"""The code cells of a Jupyter notebook, as far as they are Python."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from resources.errors import NotebookRefused

#: Cell magics below which Python stands.
_AROUND_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun")
#: A line for IPython or the shell, with the blanks before it.
_FOR_IPYTHON = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """One cell that parses; `number` counts code cells from 1, as they stand in the notebook."""

    number: int
    source: str
    tree: ast.Module


@dataclass(frozen=True)
class Broken:
    """A cell that is no Python, and what the parser has against it."""

    number: int
    source: str
    problem: str


def read_cells(path: Path) -> tuple[list[Cell], list[Broken]]:
    """The code cells that parse, and those that do not; raises `NotebookRefused` for no notebook.

    Lines for IPython (`%…`, `!…`) are left out, and cells in another language (`%%sql`).
    """
    cells: list[Cell] = []
    broken: list[Broken] = []
    for number, source in enumerate(_sources(path), start=1):
        first = source.lstrip().partition("\n")[0].split(" ")[0]
        if first.startswith("%%") and first not in _AROUND_PYTHON:
            continue
        found = _parsed(number, source)
        if isinstance(found, Cell):
            cells.append(found)
        else:
            broken.append(found)
    return cells, broken


def _parsed(number: int, source: str) -> Cell | Broken:
    problem = ""
    for text in (source, _FOR_IPYTHON.sub(r"\1pass", source)):
        try:
            return Cell(number, text, ast.parse(text))
        except SyntaxError as error:
            problem = f"line {error.lineno}: {error.msg}"
    return Broken(number, source, problem)


def _sources(path: Path) -> Iterator[str]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotebookRefused(f"Expected a notebook, found no file {str(path)!r}.") from error
    except (ValueError, OSError) as error:
        raise _no_notebook(path, str(error)) from error
    version = notebook.get("nbformat") if isinstance(notebook, dict) else None
    if version != 4 or not isinstance(notebook.get("cells"), list):
        raise _no_notebook(path, f"nbformat {version!r}")
    for cell in notebook["cells"]:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            # The format has text, or a list of its lines.
            yield "".join(source) if isinstance(source, Sequence) else ""


def _no_notebook(path: Path, found: str) -> NotebookRefused:
    return NotebookRefused(
        f"{path}: expected a Jupyter notebook of format 4, found {found}. Save it in JupyterLab, "
        "which writes that format."
    )
