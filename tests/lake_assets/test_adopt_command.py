"""`lake adopt`: a dry run unless told to publish, and what the UI shows afterwards."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from lake_assets.cli import app
from tests.hive_table import below, write_hive_table
from tests.lake_assets.conftest import MakeProject
from tests.workshop import PLAYS, Row, Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}


@pytest.fixture
def theirs(
    workshop: Workshop, project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A table of others, beside the lake and the declaration that the command finds."""
    made = project({"plays": PLAYS})
    monkeypatch.setattr("lake_assets.declared.__file__", str(made.folder / "declared.py"))
    monkeypatch.setenv("LAKE_ROOT", str(workshop.root))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("COLUMNS", "300")
    return write_hive_table(tmp_path / "old", {FIVE: [ALPHA, ALPHA], SIX: [ALPHA]})


def lake_adopt(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["adopt", "plays", *map(str, arguments)])


def test_a_dry_run_says_what_would_be_published(workshop: Workshop, theirs: Path) -> None:
    done = lake_adopt(theirs)
    assert done.exit_code == 0, done.output
    [line] = [line for line in done.stdout.splitlines() if FIVE in line]
    assert line.split()[:3] == [FIVE, "1", "2"]
    assert "would publish 3 rows in 2 partitions" in done.stdout
    assert not workshop.lake.pointers(workshop.table)


def test_publishing_shows_in_queries_and_in_the_ui(workshop: Workshop, theirs: Path) -> None:
    done = lake_adopt(theirs, "--publish")
    assert done.exit_code == 0, done.output
    assert "published 3 rows in 2 partitions" in done.stdout
    assert workshop.query("SELECT count(*) AS n FROM plays") == [{"n": 3}]
    with dg.DagsterInstance.get() as instance:
        found = instance.get_materialized_partitions(dg.AssetKey(["catalog", "plays"]))
    assert found == {FIVE, SIX}
    tables = CliRunner().invoke(app, ["tables"]).stdout
    assert f"file://{theirs}/dt=2024-05-01" in tables
    assert "refined/plays" not in tables
    again = lake_adopt(theirs, "--publish")
    assert "2 partitions are adopted from there already" in again.stdout
    assert "published 0 rows in 0 partitions" in again.stdout


@pytest.mark.parametrize("options", [[], ["--publish"]])
def test_what_cannot_be_adopted_ends_in_words(
    workshop: Workshop, theirs: Path, options: list[str]
) -> None:
    (theirs / below(SIX) / "notes.txt").write_text("not parquet")
    done = lake_adopt(theirs, *options)
    assert done.exit_code == 1
    assert "notes.txt" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert not workshop.lake.pointers(workshop.table)
