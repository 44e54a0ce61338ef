"""Compaction, expiry and clean-up, as commands and as jobs, on a lake filled without Spark."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from lake_assets.cli import app
from lake_assets.declared import Declared
from lake_assets.materialize import Wanted, changed
from lake_assets.partitions import partitions_def
from lake_assets.resources import lake_resources
from lake_assets.upkeep import cleanup_job, compact_job, expire_job
from tests.workshop import PLAYS, PyArrowCompute, Row, Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ROWS: list[Row] = [{"play_id": f"p{number}", "title": "One"} for number in range(6)]
KEEPING = PLAYS + "retention: {days: 30}\n"


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Two hours of six files each, long ago, of a table that is kept for a month."""
    made = Workshop(tmp_path / "lake", KEEPING)
    made.have_songs()
    compute = PyArrowCompute({FIVE: ROWS, SIX: ROWS}, rows_per_file=1)
    made.lake.refine(compute, made.table, [FIVE, SIX])
    made.lake.publish(made.table, [FIVE, SIX])
    declared = {
        "plays": Declared(made.table, partitions_def(made.model.partitions, made.model.automation))
    }
    monkeypatch.setattr("lake_assets.upkeep.declared_tables", lambda: declared)
    monkeypatch.setenv("LAKE_ROOT", str(made.root))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return made


def lake(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def files(workshop: Workshop) -> list[int]:
    return [len(each.files) for each in workshop.lake.catalog.pointers("plays").values()]


def run(workshop: Workshop, job: dg.JobDefinition, **config: object) -> dg.ExecuteInProcessResult:
    op = {"compact": "compact_tables", "expire": "expire_partitions", "cleanup": "clean_up"}
    return job.execute_in_process(
        run_config={
            "ops": {op[job.name]: {"config": config}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        resources=lake_resources(workshop.settings),
        instance=workshop.instance,
        raise_on_error=False,
    )


def figures(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """The metadata of a job's one output."""
    assert result.success
    (event,) = result.filter_events(lambda each: each.is_successful_output)
    return {name: each.value for name, each in event.step_output_data.metadata.items()}


# --- Compact ---


def test_compact_says_first_and_does_then(workshop: Workshop) -> None:
    dry = lake("compact", "plays", "--dry-run")
    assert files(workshop) == [6, 6]
    done = lake("compact", "plays")
    again = lake("compact", "plays")

    assert "files then" in dry.stdout
    assert "Nothing was changed" in dry.stdout
    assert files(workshop) == [1, 1]
    assert "plays: 12 files of 2 partitions became 2, " in done.stdout
    assert "Nothing to do" in again.stdout


def test_compact_of_a_table_that_is_not_there(workshop: Workshop) -> None:
    result = lake("compact", "played")
    assert (result.exit_code, "There are: 'plays'" in result.stderr) == (1, True)
    assert files(workshop) == [6, 6]


def test_the_job_compacts_every_table_and_leaves_its_figures(workshop: Workshop) -> None:
    dry = figures(run(workshop, compact_job, dry_run=True))
    assert files(workshop) == [6, 6]
    result = run(workshop, compact_job)

    assert files(workshop) == [1, 1]
    expected = {"partitions": 2, "files_before": 12, "files_after": 2}
    for found in (dry, figures(result)):
        assert expected.items() <= found.items()
        assert f"| plays | {FIVE} | 6 | 1 |" in str(found["compacted"])
    assert (dry["published"], figures(result)["published"]) == (0, 2)
    observed = result.filter_events(lambda each: each.is_asset_observation)
    assert [each.partition for each in observed] == [FIVE, SIX]


# --- Expire ---


def test_expire_says_first_and_does_then(workshop: Workshop) -> None:
    dry = lake("expire", "--dry-run")
    assert files(workshop) == [6, 6]
    declined = lake("expire")
    assert files(workshop) == [6, 6]
    done = lake("expire", "plays", "--yes")

    assert "Nothing was changed" in dry.stdout
    assert declined.exit_code == 1
    assert "2 partitions are published no more" in done.stdout
    assert files(workshop) == []
    assert "Nothing to do" in lake("expire").stdout


def test_an_expired_partition_is_rolled_back_by_the_command(workshop: Workshop) -> None:
    lake("expire", "--yes")
    result = lake("rollback", "plays", FIVE, "--yes")

    assert result.exit_code == 0, result.output
    assert "expired" in result.stdout
    assert files(workshop) == [6]


def test_expire_of_a_table_that_is_not_declared_or_keeps_everything(workshop: Workshop) -> None:
    unknown = lake("expire", "played")
    assert (unknown.exit_code, "There are: plays" in unknown.stderr) == (1, True)
    assert files(workshop) == [6, 6]


def test_the_job_expires_and_leaves_its_figures(workshop: Workshop) -> None:
    dry = figures(run(workshop, expire_job, dry_run=True))
    assert files(workshop) == [6, 6]
    result = run(workshop, expire_job, tables=["plays"])

    assert files(workshop) == []
    assert (dry["partitions"], dry["rows"]) == (2, 12)
    assert figures(result)["expired"] == dry["expired"]
    observed = result.filter_events(lambda each: each.is_asset_observation)
    assert [each.partition for each in observed] == [FIVE, SIX]


def test_what_expired_is_materialized_only_by_name(workshop: Workshop) -> None:
    workshop.deliver("2024/05/01/05", "a.json", {"play_id": "late"})
    declared = Declared(
        workshop.table, partitions_def(workshop.model.partitions, workshop.model.automation)
    )

    assert changed(workshop.lake, declared, Wanted()) == []
    assert changed(workshop.lake, declared, Wanted(FIVE, FIVE)) == [FIVE]
    kept = replace(declared, table=replace(workshop.table, retention_days=10**5))
    assert FIVE in changed(workshop.lake, kept, Wanted())
    assert datetime(2024, 5, 31, tzinfo=UTC) < datetime.now(UTC)


# --- Clean up ---


def test_the_job_cleans_up_what_a_compaction_left_and_leaves_its_figures(
    workshop: Workshop,
) -> None:
    run(workshop, compact_job)
    kept = figures(run(workshop, cleanup_job, older_than_days=0))
    dry = figures(run(workshop, cleanup_job, older_than_days=0, keep_previous=0, dry_run=True))
    done = figures(run(workshop, cleanup_job, older_than_days=0, keep_previous=0))

    assert (kept["objects"], kept["removed"]) == (0, "Nothing.")
    assert (dry["objects"], done["objects"]) == (12, 12)
    assert "hour=05 | 6 |" in str(done["removed"])
    assert files(workshop) == [1, 1]
    assert len(workshop.query("select * from plays")) == 12


def test_a_figure_that_cannot_be_fails_the_job_with_its_words(workshop: Workshop) -> None:
    result = run(workshop, cleanup_job, keep_previous=-1)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "found -1 versions" in str(failure.step_failure_data.user_failure_data)
