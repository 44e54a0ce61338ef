"""Who owns what is left running, as Dagster knows it, and the ways to have it ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from lake_assets import cli_compute, orphans
from lake_assets.cli import app
from lake_assets.orphans import alive_in, orphans_job, orphans_sensor
from lake_assets.resources import lake_resources
from resources.compute.engine import Usage
from resources.compute.orphans import Running
from resources.settings import load_settings

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)


class Listed:
    """A service with one run of Glue for a Dagster run that nobody knows."""

    engine = "glue"

    def __init__(self) -> None:
        self.ended: list[str] = []

    def running(self) -> Iterator[Running]:
        started = NOW - timedelta(hours=3)
        usage = Usage(7200.0, dpu_hours=20.0)
        if not self.ended:
            yield Running(
                "glue", "job run", "lake/jr_1", "lake", "RUNNING", started, "lost", usage=usage
            )

    def end(self, found: Running) -> None:
        self.ended.append(found.id)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as made:
        yield made


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Listed:
    """The only service that there is, for every way to ask."""
    listed = Listed()
    for module in (orphans, cli_compute):
        monkeypatch.setattr(module, "services_of", lambda _: [listed])
    monkeypatch.setenv("LAKE_ROOT", str(tmp_path / "lake"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("COLUMNS", "200")
    return listed


@dg.op
def nothing() -> None:
    """Do it."""


@dg.job
def a_job() -> None:
    """Anything that makes a run."""
    nothing()


def test_a_run_that_nobody_knows_is_neither_alive_nor_dead(instance: dg.DagsterInstance) -> None:
    assert alive_in(instance, NOW)("0" * 8) is None


def test_a_run_goes_on_until_it_could_not_be_retried_any_more(
    instance: dg.DagsterInstance,
) -> None:
    run = a_job.execute_in_process(instance=instance).run_id

    assert alive_in(instance, NOW)(run) is True
    assert alive_in(instance, LATER)(run) is False


def test_a_retry_keeps_what_the_run_before_it_started(instance: dg.DagsterInstance) -> None:
    run = a_job.execute_in_process(instance=instance).run_id
    instance.create_run_for_job(
        a_job,
        status=dg.DagsterRunStatus.STARTED,
        root_run_id=run,
        parent_run_id=run,
        tags={"dagster/root_run_id": run},
    )

    assert alive_in(instance, LATER)(run) is True


def test_the_command_lists_orphans_and_ends_them_only_when_told_to(service: Listed) -> None:
    listed = CliRunner().invoke(app, ["orphans"])

    assert listed.exit_code == 0, listed.output
    for words in ("lake/jr_1", "its run is not known here", "8.80", "add --end"):
        assert words in listed.stdout
    assert service.ended == []

    assert "told to end" in CliRunner().invoke(app, ["orphans", "--end"]).stdout
    assert service.ended == ["lake/jr_1"]
    assert "Nothing runs" in CliRunner().invoke(app, ["orphans", "--end"]).stdout


def test_the_command_has_nothing_to_ask_where_only_this_machine_is_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAKE_ROOT", str(tmp_path / "lake"))

    assert "No engine but this machine" in CliRunner().invoke(app, ["orphans"]).stdout


def test_the_sensor_asks_for_a_run_that_ends_them_once(
    service: Listed, instance: dg.DagsterInstance
) -> None:
    lake = lake_resources(load_settings())["lake"]

    def tick() -> tuple[list[str | None], str | None]:
        context = dg.build_sensor_context(instance=instance, resources={"lake": lake})
        done = orphans_sensor.evaluate_tick(context)
        return [each.run_key for each in done.run_requests or []], done.skip_message

    assert tick() == (["lake/jr_1"], None)
    assert orphans_sensor.default_status is dg.DefaultSensorStatus.STOPPED

    done = orphans_job.execute_in_process(instance=instance, resources={"lake": lake})

    assert done.success
    assert service.ended == ["lake/jr_1"]
    assert tick() == ([], "Nothing runs that nobody waits for.")
