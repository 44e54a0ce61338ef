"""`lake promote`: a notebook's function becomes a module, a declaration and a test that holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession
from typer.testing import CliRunner, Result

import spark as shipped
from lake_assets.cli import app
from tests.lake_assets.conftest import MakeProject, Project
from tests.workshop import PLAYS, Row, Workshop

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FIVE = "2024-05-01-05"
MORE_TYPES = (
    "      - {name: seconds, type: int}\n".replace("      ", "    ")
    + "    - {name: played_at, type: timestamp}\n"
    + "    - {name: price, type: 'decimal(6,2)'}\n"
    + "    - {name: tags, type: 'array<struct<name:string,at:timestamp>>'}\n"
)
DECLARED = PLAYS.replace("    - {name: seconds, type: int}\n", MORE_TYPES) + (
    "drop: [price]\n# Beyond these it is not published.\naudit: {max_quarantined_share: 0.5}\n"
)
IMPORTS = "from pyspark.sql import functions as F"
TIDY = """
def tidy(df):
    late = F.hour('played_at') >= START
    return df.withColumn('minutes', F.col('seconds') / 60).withColumn('is_late', late)
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of what is shipped and of the fixture of tests, that new files go to."""
    made = tmp_path / "checkout"
    shutil.copytree(ROOT / "spark", made / "spark", ignore=shutil.ignore_patterns("__pycache__"))
    (made / "tests").mkdir()
    for name in ("conftest.py", "packages.py"):
        shutil.copy(ROOT / "tests" / name, made / "tests")
    (made / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = --import-mode=importlib\n"
    )
    monkeypatch.setattr("lake_assets.cli_promote._PROJECT", made)
    monkeypatch.setattr(shipped, "__path__", [str(made / "spark"), *shipped.__path__])
    yield made
    for name in [each for each in sys.modules if each.startswith("spark.transforms")]:
        del sys.modules[name]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A lake with an hour of raw plays, one of them torn."""
    made = Workshop(tmp_path / "lake", DECLARED)
    made.have_songs()
    plays: list[Row] = [
        {
            "play_id": f"play {n}",
            "song_id": n % 3,
            "seconds": 60 * n,
            "played_at": f"2024-05-01T{n + 10}:30:00.5Z",
            "price": "1.50",
            "tags": [{"name": "é", "at": "2024-05-01T05:00:00Z"}],
        }
        for n in range(9)
    ]
    made.deliver("2024/05/01/05", "a.json", *plays, '{"torn')
    return made


@pytest.fixture
def declared(
    workshop: Workshop, project: MakeProject, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """The declaration that the command finds."""
    made = project({"plays": DECLARED})
    monkeypatch.setattr("lake_assets.declared.__file__", str(made.folder / made.module / "_.py"))
    monkeypatch.setenv("LAKE_ROOT", str(workshop.root))
    monkeypatch.setenv("COLUMNS", "300")
    return made


def promote(folder: Path, function: str, *options: str) -> Result:
    path = folder / "plays.ipynb"
    cells = [IMPORTS, "START = 15", function]
    found = [{"cell_type": "code", "source": each} for each in cells]
    path.write_text(json.dumps({"nbformat": 4, "cells": found}))
    arguments = ["promote", str(path), "tidy", "--table=plays", f"--partition={FIVE}", *options]
    return CliRunner().invoke(app, arguments)


def run_pytest(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/spark/transforms"],
        cwd=checkout, env={**os.environ, "TZ": "Asia/Seoul"}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip


def below(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*.py")}


def test_a_dry_run_shows_the_files_and_writes_none(
    spark: SparkSession, tmp_path: Path, declared: Project, checkout: Path
) -> None:
    before, text = below(checkout), declared.file("plays").read_text()
    done = promote(tmp_path, TIDY)
    assert done.exit_code == 0, done.stderr
    assert "--- spark/transforms/plays.py" in done.stdout
    assert "+    function: spark.transforms.plays:tidy" in done.stdout
    assert "tidy adds minutes double, is_late boolean to plays; START came with it." in done.stdout
    assert "Nothing was changed: add --write." in done.stdout
    assert (below(checkout), declared.file("plays").read_text()) == (before, text)


def test_what_is_written_is_materialized_and_its_test_holds_it(
    spark: SparkSession, tmp_path: Path, declared: Project, checkout: Path, workshop: Workshop
) -> None:
    done = promote(tmp_path, TIDY, "--write")
    assert done.exit_code == 0, done.stderr
    text = declared.file("plays").read_text()
    assert "\n  drop: [price]\n  # Beyond these it is not published.\n  audit:" in text
    attributes = yaml.safe_load(text)["attributes"]
    assert attributes["transform"] == {
        "function": "spark.transforms.plays:tidy",
        "columns": [{"name": "minutes", "type": "double"}, {"name": "is_late", "type": "boolean"}],
    }

    workshop.declare(yaml.safe_dump(attributes))
    assert workshop.materialize(["refined/plays", "catalog/plays"], partition=FIVE).success
    found = workshop.query("SELECT count(*) AS n, sum(minutes) AS m FROM plays WHERE is_late")
    assert found == [{"n": 4, "m": 5 + 6 + 7 + 8}]

    passed = run_pytest(checkout)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "2 passed" in passed.stdout
    module = checkout / "spark" / "transforms" / "plays.py"
    module.write_text(module.read_text().replace("/ 60", "/ 61"))
    failed = run_pytest(checkout)
    assert failed.returncode == 1, failed.stdout
    assert "1 failed, 1 passed" in failed.stdout

    kept = module.read_text()
    again = promote(tmp_path, TIDY, "--write")
    assert again.exit_code == 1
    assert "without `transform`, found {'function': 'spark.transforms.plays:tidy'" in again.stderr
    declared.file("plays").write_text(text.replace("transform:", "transform: null\n  #"))
    assert module.read_text() == kept


def test_files_that_are_there_and_a_declaration_that_fails_change_nothing(
    spark: SparkSession, tmp_path: Path, declared: Project, checkout: Path
) -> None:
    text = declared.file("plays").read_text()
    test = checkout / "tests" / "spark" / "transforms" / "test_plays.py"
    test.parent.mkdir(parents=True)
    test.write_text("ours")
    done = promote(tmp_path, TIDY, "--write")
    assert done.exit_code == 1
    assert "test_plays.py there already" in done.stderr
    test.unlink()

    before = below(checkout)
    done = promote(tmp_path, TIDY.replace("is_late", "dt"), "--write")
    assert done.exit_code == 1
    assert "`dt` has the name of a partition column" in done.stderr
    assert (below(checkout), declared.file("plays").read_text()) == (before, text)
