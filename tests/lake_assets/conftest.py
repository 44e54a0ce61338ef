"""A project with declarations of its own, loaded as Dagster loads any."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from lake_assets.resources import lake_resources
from resources.settings import load_settings
from tests.servers.fixtures import mariadb
from tests.workshop import Workshop

__all__ = ["mariadb"]

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Project:
    """A Dagster project in a folder of its own."""

    folder: Path
    module: str

    def file(self, table: str) -> Path:
        """The declaration of a table."""
        return self.folder / self.module / "defs" / table / "defs.yaml"

    def line(self, table: str, text: str) -> str:
        """`file:line` of the first line of a declaration that holds a text."""
        lines = self.file(table).read_text(encoding="utf-8").splitlines()
        return f"{self.file(table)}:{next(n for n, line in enumerate(lines, 1) if text in line)}:"

    def load(self) -> dg.Definitions:
        """The definitions that Dagster finds."""
        settings = load_settings({"LAKE_ROOT": str(self.folder / "lake")})
        return dg.Definitions.merge(
            dg.load_from_defs_folder(path_within_project=self.folder),
            dg.Definitions(resources=lake_resources(settings)),
        )


MakeProject = Callable[[Mapping[str, str]], Project]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProject:
    """Makes a project out of declarations: what stands under `attributes`, by folder."""

    def make(declarations: Mapping[str, str]) -> Project:
        made = Project(tmp_path, f"declared_{next(_NUMBERS)}")
        for folder, text in declarations.items():
            file = made.file(folder)
            file.parent.mkdir(parents=True)
            attributes = textwrap.indent(text.strip(), "  ")
            file.write_text(f"type: lake_assets.LakeTable\n\nattributes:\n{attributes}\n")
        (tmp_path / made.module / "__init__.py").touch()
        (tmp_path / "pyproject.toml").write_text(
            '[tool.dg]\ndirectory_type = "project"\n\n'
            f'[tool.dg.project]\nroot_module = "{made.module}"\n'
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        return made

    return make


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A lake with the declared table `plays` and nothing in it."""
    return Workshop(tmp_path / "lake")
