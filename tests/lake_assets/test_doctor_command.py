"""`lake doctor`: a table, a sentence for each failure, and an exit code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lake_assets.cli import app
from tests.lake_assets.conftest import MakeProject
from tests.workshop import PLAYS

CANARY = "c4nary-in-the-m1ne"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake's folder, and no other setting."""
    for name in [name for name in os.environ if name.startswith("LAKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKE_ROOT", str(tmp_path / "lake"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "lake"


def lake_doctor() -> Result:
    return CliRunner().invoke(app, ["doctor"])


def declare(project: MakeProject, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let the command find this declaration in place of the project's."""
    made = project({"plays": text})
    monkeypatch.setattr("lake_assets.declared.__file__", str(made.folder / "declared.py"))


def results(done: Result) -> dict[str, list[str]]:
    """The results of each place, as the table shows them."""
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        for state in ("not tried", "ok", "failed", "warning"):
            if f"  {state}  " in line:
                found.setdefault(line.split("  ")[0].strip(), []).append(state)
                break
    return found


def test_a_lake_in_a_folder_is_well(
    folder: Path, project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(project, monkeypatch, PLAYS)
    (folder / "database").mkdir(parents=True)
    (folder / "raw" / "plays").mkdir(parents=True)
    (folder / "raw" / "plays" / "a.json").write_text("{}")

    done = lake_doctor()

    assert done.exit_code == 0, done.output
    assert results(done) == {
        "declarations": ["ok"],
        "settings": ["ok"],
        "java": ["ok"],
        "spark": ["not tried"],
        "root": ["ok"] * 5,
        "raw root": ["ok"] * 2,
        "catalog": ["ok"] * 2,
        "database": ["ok", "not tried"],
    }
    assert done.stdout.splitlines()[-1] == "13 ok, 2 not tried"


def test_a_declaration_that_cannot_load_hides_nothing_else(
    folder: Path, project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(project, monkeypatch, PLAYS.replace("type: int}\nref", "type: intt}\nref"))

    done = lake_doctor()

    assert done.exit_code == 1
    assert "declarations: load them: failed" in done.stdout
    assert "there is no type `intt`" in done.stdout
    assert results(done)["root"] == ["ok"] * 5
    assert results(done)["raw root"] == ["ok", "not tried"]


def test_a_setting_that_cannot_work_is_said_and_no_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_DATABASE", f"mysql://me:{CANARY}@127.0.0.1/music")
    monkeypatch.setenv("LAKE_DATABASE_PASSWORD", f"{CANARY}2")

    done = lake_doctor()

    assert done.exit_code == 1
    assert "expected an address without a password" in done.stdout
    assert results(done)["java"] == ["ok"]
    assert CANARY not in done.output


def test_a_server_that_is_not_there_fails_without_a_jvm(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_DATABASE", "mysql://me@127.0.0.1:1/music")
    monkeypatch.setenv("LAKE_DATABASE_PASSWORD", CANARY)

    done = lake_doctor()

    assert done.exit_code == 1
    assert "firewall or security group to this machine on port 1" in done.stdout
    assert CANARY not in done.output
