"""`lake notebook`, and what a notebook gets from it."""

from __future__ import annotations

import importlib.util
import os
from datetime import timedelta
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


@pytest.mark.notebook
def test_results_are_saved_for_colleagues_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_ROOT", str(tmp_path))
    monkeypatch.setenv("LAKE_SCRATCH_DAYS", "3")
    lake = open_lake()
    assert lake.scratch().fetchall() == []
    address = lake.save(lake.connection.sql("SELECT 1 AS id"), "ones")
    [row] = lake.scratch().project("name, address, files, stays_until - saved").fetchall()
    assert row == ("ones", address, 1, timedelta(days=3))
    assert lake.tables().fetchall() == []
    pandas = pytest.importorskip("pandas", reason="pandas is of the extra `notebook`")
    again = lake.save(pandas.DataFrame({"id": [2]}), "ones", "csv")
    [file] = Path(again.removeprefix("file://")).glob("*.csv")
    assert file.read_text() == "id\n2\n"


@pytest.mark.notebook
def test_cells_show_what_went_wrong_as_a_sentence_and_the_kernel_lives_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shells = pytest.importorskip("IPython.core.interactiveshell", reason="of `notebook`")
    monkeypatch.setenv("LAKE_ROOT", str(tmp_path))
    shell = shells.InteractiveShell.instance()
    try:
        shell.run_cell("from lake_assets.notebook import open_lake; lake = open_lake()")
        for cell, said in [
            ("lake.table('plays')", "found 'plays'. There are: none yet; materialize one first."),
            ("%%sql\nSELECT 1 FRM plays", "LINE 1: SELECT 1 FRM plays"),
            ("%%sql presto\nSELECT 1", "'duckdb' or 'athena', found 'presto'"),
            ("lake.connection.sql('SELECT nothing')", '"nothing" was not found'),
        ]:
            capsys.readouterr()
            done = shell.run_cell(cell)
            shown = capsys.readouterr().out
            assert not done.success
            assert said in shown
            assert "Traceback" not in shown
        shell.run_cell("1 / 0")
        assert "Traceback" in capsys.readouterr().out
        assert shell.run_cell("lake.pandas('SELECT 1 AS id').id[0]").result == 1
    finally:
        shells.InteractiveShell.clear_instance()
