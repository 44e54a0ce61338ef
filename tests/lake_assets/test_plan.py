"""What would be run and where: the dry run of a materialization, as values and on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from examples.activity import Options, write_activity
from lake_assets.cli import app
from lake_assets.declared import Declared
from lake_assets.materialize import Wanted
from lake_assets.partitions import partitions_def
from lake_assets.plan import PlannedRun, planned_runs
from tests.workshop import PLAYS, Workshop


def plan(workshop: Workshop, wanted: Wanted | None = None) -> list[PlannedRun]:
    declared = Declared(
        workshop.table, partitions_def(workshop.model.partitions, workshop.model.automation)
    )
    return planned_runs(workshop.lake, declared, wanted or Wanted())


def test_a_run_is_planned_for_each_stretch_of_partitions(workshop: Workshop) -> None:
    for hour in ("04", "05", "07"):
        workshop.deliver(f"2024/05/01/{hour}", "a.json", {"play_id": hour})

    runs = plan(workshop)

    assert [each.partitions for each in runs] == ["2024-05-01-04...2024-05-01-05", "2024-05-01-07"]
    assert [(each.objects, each.bytes) for each in runs] == [(2, 2 * 17), (1, 17)]
    assert [each.decision.reason for each in runs if each.decision] == ["local: declared"] * 2


def test_planning_changes_nothing(workshop: Workshop) -> None:
    workshop.deliver("2024/05/01/05", "a.json", {"play_id": "a"})
    plan(workshop)  # the catalog is made when it is first looked at
    before = {path: path.stat().st_mtime_ns for path in workshop.root.rglob("*")}

    plan(workshop)

    assert {path: path.stat().st_mtime_ns for path in workshop.root.rglob("*")} == before


def test_a_run_that_would_be_refused_says_why(workshop: Workshop) -> None:
    workshop.declare(PLAYS + "compute: glue\n")
    workshop.deliver("2024/05/01/05", "a.json", {"play_id": "a"})

    [run] = plan(workshop)

    assert run.decision is None
    assert "found 'glue'; there are: local" in run.refusal


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with two hours of the project's own table, and nothing else."""
    root = tmp_path / "lake"
    start = datetime(2026, 11, 1, tzinfo=UTC)
    write_activity(root, Options(start=start, hours=2, events_per_hour=20, objects_per_hour=1))
    monkeypatch.setenv("LAKE_ROOT", str(root))
    monkeypatch.setenv("COLUMNS", "160")
    return root


def test_the_command_shows_each_run_and_the_whole(
    events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = CliRunner().invoke(app, ["plan", "activity"])

    assert found.exit_code == 0, found.output
    [line] = [line for line in found.stdout.splitlines() if "...2026-11-01-01 " in line]
    assert line.split()[1:3] == ["2", "2"]
    assert "local: declared (from benchmarks)" in found.stdout
    assert "In all 1 run(s)" in found.stdout

    monkeypatch.setenv("LAKE_MAX_MINUTES", "0.01")
    late = CliRunner().invoke(app, ["plan", "activity", "--partition", "2026-11-01-00"])

    assert "local: declared, though expected to take more than 0.01 minutes" in late.stdout


def test_the_command_says_when_there_is_nothing_to_do(events: Path) -> None:
    for path in events.rglob("*.gz"):
        path.unlink()

    assert "Nothing to do" in CliRunner().invoke(app, ["plan", "activity"]).stdout
