"""What the project's own files promise each other; each failure lists the offenders and the fix."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = [ROOT / "requirements.lock", *sorted((ROOT / "scripts" / "locks").glob("*.lock"))]
SOURCES = ("lake_assets", "resources", "spark", "examples", "benchmarks", "scripts", "tests")


def sources() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def pinned(lock: Path) -> dict[str, list[str]]:
    """Versions by package; a package may have several, for different Pythons."""
    versions: dict[str, list[str]] = {}
    text = lock.read_text(encoding="utf-8")
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_line_of_a_lock_is_pinned_and_hashed(lock: Path) -> None:
    entries = re.split(r"^(?=\S)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)

    loose = [
        entry.splitlines()[0]
        for entry in entries
        if entry and not entry.startswith("#") and not ("==" in entry and "--hash=sha256:" in entry)
    ]

    assert not loose, f"{lock.name} holds lines without version or hash, run `make lock`: {loose}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_index_host_or_path(lock: Path) -> None:
    suspicious = re.compile(r"://|--(extra-)?index-url|--find-links|--trusted-host|(^|[\s=])/\w")

    found = [
        line for line in lock.read_text(encoding="utf-8").splitlines() if suspicious.search(line)
    ]

    assert not found, f"{lock.name} is not for every machine, run `make lock`: {found}"


def test_the_lock_holds_what_the_project_declares() -> None:
    declared = PYPROJECT["project"]["dependencies"]
    declared += PYPROJECT["project"]["optional-dependencies"]["dev"]
    versions = pinned(ROOT / "requirements.lock")

    unmet = [
        text
        for text in declared
        if not any(
            Requirement(text).specifier.contains(version)
            for version in versions.get(canonicalize_name(Requirement(text).name), [])
        )
    ]

    assert not unmet, f"requirements.lock does not satisfy {unmet}, run `make lock`"


def test_no_test_folder_is_a_package() -> None:
    found = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("__init__.py")]

    assert not found, f"tests/spark would shadow the package spark, remove {found}"


def test_nothing_imports_the_private_parts_of_dagster() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in sources()
        for module in imported_modules(path)
        if re.match(r"dagster\w*\.(\w+\.)*_", module)
    ]

    assert not found, f"they change without notice, use the public names: {found}"


def test_dagster_finds_the_same_definitions_by_every_way() -> None:
    module = PYPROJECT["tool"]["dagster"]["module_name"]
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))

    name = PYPROJECT["tool"]["dagster"]["code_location_name"]
    dg_project = PYPROJECT["tool"]["dg"]["project"]
    loaded = {"module_name": module, "location_name": name}
    assert workspace["load_from"] == [{"python_module": loaded}]
    assert dg_project["code_location_target_module"] == module
    assert dg_project["code_location_name"] == name


def test_make_lists_its_commands() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    commands = re.findall(r"^  make ([\w-]+)", listed, re.MULTILINE)
    wanted = ["setup", "demo", "ui", "test", "check", "spark-versions", "bench", "docs", "clean"]
    missing = [name for name in wanted if name not in commands]

    assert not missing, f"these have no `## ` comment in the Makefile: {missing}"
