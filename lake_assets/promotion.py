"""A notebook's function becomes a declared table's transform: a module, a declaration, a test.

All is worked out and judged first; what is written then is written together or not at all.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lake_assets.declaration_text import with_transform
from lake_assets.declared import Declared, declaration_file, declared_table
from resources.compute.local import local_session
from resources.errors import DeclarationError, NotebookRefused
from resources.lake import Lake
from resources.notebook_transform import notebook_transform
from resources.transform_sample import Sample, outcome, take_sample
from resources.transform_test import transform_test
from spark.column import Column
from spark.errors import LakeError

_PACKAGE = '"""Transforms of single tables, as their declarations name them; one module each."""\n'


@dataclass(frozen=True)
class Promotion:
    """What would be written: new files with their texts, and the declaration's new text.

    `taken` are names that the function brought along from the notebook, `added` the columns that it
    adds, `sample` the rows that the test holds.
    """

    new: dict[Path, str]
    declaration: Path
    before: str
    after: str
    taken: tuple[str, ...]
    added: tuple[Column, ...]
    sample: Sample


def promotion(
    lake: Lake, project: Path, notebook: Path, function: str, table: str, key: str, rows: int
) -> Promotion:
    """Work out the files; nothing is written.

    Raises `NotebookRefused` for a function that is no transform, `DeclarationError` for a table
    that cannot take it, and `StorageError` where there are no rows to try it on.
    """
    declared = declared_table(table)
    module = f"spark.transforms.{table}"
    file, test = _files(project, table)
    found = notebook_transform(notebook, function, table)
    text = _tidied(found.text, file)
    path = declaration_file(table)
    before = path.read_text(encoding="utf-8")
    with_transform(before, f"{module}:{function}", [])  # refuses early, before Spark is started
    _refuse_existing([file, test])

    session = local_session(lake.settings)
    sample = take_sample(session, lake, declared.table, key or _newest(lake, declared), rows)
    made = outcome(session, text, function, sample)
    package = file.parent / "__init__.py"
    new = {
        file: text,
        test: _tidied(transform_test(module, function, table, sample, made), test),
    }
    return Promotion(
        new={**({} if package.exists() else {package: _PACKAGE}), **new},
        declaration=path,
        before=before,
        after=with_transform(before, f"{module}:{function}", made.added),
        taken=found.taken,
        added=made.added,
        sample=sample,
    )


def write(found: Promotion, table: str) -> None:
    """Write the files, and take all of them back where the declaration then cannot work."""
    _refuse_existing(list(found.new))
    written: list[Path] = []
    try:
        for path, text in found.new.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
        _replace(found.declaration, found.before, found.after)
        declared_table(table)
    except (LakeError, OSError) as error:
        if found.declaration.read_text(encoding="utf-8") == found.after:
            _replace(found.declaration, found.after, found.before)
        for path in written:
            path.unlink()
        raise DeclarationError(f"{error}\nNothing was changed.") from error


def _files(project: Path, table: str) -> tuple[Path, Path]:
    return (
        project / "spark" / "transforms" / f"{table}.py",
        project / "tests" / "spark" / "transforms" / f"test_{table}.py",
    )


def _newest(lake: Lake, declared: Declared) -> str:
    """The newest published partition, of which there were raw objects."""
    published = sorted(set(lake.pointers(declared.table)) & set(declared.keys()))
    if not published:
        raise DeclarationError(
            f"expected a published partition of {declared.table.name} to take rows from, found none; "
            "name one that has raw objects with --partition, as 2026-11-01-05"
        )
    return published[-1]


def _refuse_existing(paths: list[Path]) -> None:
    there = [str(path) for path in paths if path.exists()]
    if there:
        raise NotebookRefused(
            f"Expected new files only, found {' and '.join(there)} there already. Move or delete "
            "what is not needed any more. Nothing was changed."
        )


def _replace(path: Path, before: str, after: str) -> None:
    """Put a text in place of the one that was read, at once."""
    if path.read_text(encoding="utf-8") != before:
        raise DeclarationError(f"{path}: it was changed meanwhile; run the command again")
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(after, encoding="utf-8")
    beside.replace(path)


def _tidied(text: str, path: Path) -> str:
    """The text as `make format` would have it, where ruff is installed, as it is in a checkout."""
    if find_spec("ruff") is None:
        return text
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        ["check", "--fix-only", "--select=I", "--quiet"],
        ["format", "--quiet"],
    ):
        done = subprocess.run(
            [*ruff, *command, f"--stdin-filename={path}", "-"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        text = done.stdout if done.returncode == 0 else text
    return text
