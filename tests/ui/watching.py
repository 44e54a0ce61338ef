"""What Dagster says of runs, backfills, checks and sensors; pages are looked at once it is so."""

from __future__ import annotations

from collections.abc import Callable

from tests.ui.conftest import Ui
from tests.waiting import wait_for

_RUNS = "{ runsOrError(limit: 20) { ... on Runs { results { runId } } } }"
_RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_BACKFILLS = """{
  partitionBackfillsOrError(limit: 20) { ... on PartitionBackfills { results { id status } } }
}"""
_SENSOR = """query ($name: String!) {
  sensorOrError(sensorSelector: {
    repositoryLocationName: "lake_assets", repositoryName: "__repository__", sensorName: $name
  }) { ... on Sensor { sensorState { status ticks(limit: 1) { status } } } }
}"""
_AUTOMATIONS = """{
  repositoryOrError(repositorySelector: {
    repositoryLocationName: "lake_assets", repositoryName: "__repository__"
  }) { ... on Repository { sensors { name } schedules { name } } }
}"""
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


def run_made_by(ui: Ui, action: Callable[[], None]) -> str:
    """The id of the run that an action in the page leads to."""
    return _new(lambda: _runs(ui), action)


def backfill_made_by(ui: Ui, action: Callable[[], None]) -> str:
    """The id of the backfill that an action in the page leads to."""
    return _new(lambda: list(_backfills(ui)), action)


def wait_for_run(ui: Ui, run: str) -> str:
    """How a run ended, once it has."""
    wait_for(lambda: _run_status(ui, run) in _ENDED)
    return _run_status(ui, run)


def wait_for_backfill(ui: Ui, backfill: str) -> str:
    """How a backfill ended, once it has."""
    wait_for(lambda: _backfills(ui)[backfill] not in {"REQUESTED", "FAILING"})
    return _backfills(ui)[backfill]


def sensor(ui: Ui, name: str) -> tuple[str, list[str]]:
    """Whether a sensor is on, and how its last tick went."""
    state = ui.ask(_SENSOR, name=name)["sensorOrError"]["sensorState"]
    return state["status"], [each["status"] for each in state["ticks"]]


def automations(ui: Ui) -> list[str]:
    """The names of all sensors and schedules."""
    found = ui.ask(_AUTOMATIONS)["repositoryOrError"]
    return [each["name"] for kind in ("sensors", "schedules") for each in found[kind]]


def _new(found: Callable[[], list[str]], action: Callable[[], None]) -> str:
    before = set(found())
    action()
    wait_for(lambda: not before.issuperset(found()))
    (new,) = set(found()) - before
    return new


def _runs(ui: Ui) -> list[str]:
    return [each["runId"] for each in ui.ask(_RUNS)["runsOrError"]["results"]]


def _run_status(ui: Ui, run: str) -> str:
    status: str = ui.ask(_RUN, id=run)["runOrError"]["status"]
    return status


def _backfills(ui: Ui) -> dict[str, str]:
    results = ui.ask(_BACKFILLS)["partitionBackfillsOrError"]["results"]
    return {each["id"]: each["status"] for each in results}
