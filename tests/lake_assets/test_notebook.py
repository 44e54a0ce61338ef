"""`lake notebook`, and what a notebook gets from it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lake_assets.cli import app
from lake_assets.notebook import open_lake
from tests.lake_assets.conftest import MakeProject
from tests.workshop import PLAYS, PyArrowCompute, Workshop

FIVE = "2024-05-01-05"


class Started(Exception):
    """In place of the process that the command would become."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What the command would become, where JupyterLab is installed."""
    arguments: list[str] = []

    def become(_: str, argv: list[str]) -> None:
        arguments.extend(argv)
        raise Started

    monkeypatch.setattr(os, "execv", become)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return arguments


def test_it_listens_on_this_machine_and_takes_relative_folders_along(
    started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKE_ROOT", "lake")
    monkeypatch.setenv("LAKE_RAW_ROOT", "s3://bucket/raw")
    done = CliRunner().invoke(app, ["notebook", str(tmp_path), "--port", "8999", "--no-browser"])
    assert isinstance(done.exception, Started)
    assert started[1:] == [
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=8999",
        f"--ServerApp.root_dir={tmp_path}",
        "--ServerApp.open_browser=False",
    ]
    assert os.environ["LAKE_ROOT"] == str(tmp_path / "lake")
    assert os.environ["LAKE_RAW_ROOT"] == "s3://bucket/raw"


def test_without_jupyterlab_it_says_how_to_get_it(
    started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    done = CliRunner().invoke(app, ["notebook"])
    assert (done.exit_code, started) == (1, [])
    assert "`make notebook` installs it" in done.stderr


def test_a_notebook_asks_for_tables_and_raw_documents_by_their_names(
    workshop: Workshop, project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project({"plays": PLAYS})
    monkeypatch.setattr("lake_assets.declared.__file__", str(made.folder / "declared.py"))
    monkeypatch.setenv("LAKE_ROOT", str(workshop.root))
    workshop.have_songs()
    compute = PyArrowCompute({FIVE: [{"play_id": "a"}]})
    workshop.lake.refine(compute, workshop.table, [FIVE])
    workshop.lake.publish(workshop.table, [FIVE])
    workshop.deliver("2024/05/01/05", "a.json", {"play_id": "a"}, "torn")

    lake = open_lake()

    assert lake.tables().project('"table", rows').fetchall() == [("plays", 1)]
    assert lake.table("plays").project("play_id").fetchall() == [("a",)]
    assert lake.raw("plays", FIVE).count("*").fetchall() == [(2,)]
    assert lake.ledger("plays").published == 1
