"""What a person does in Dagster's UI, done in a real browser. `make test-ui`

The tests go on from one another, as a person does: they run in this order, on one lake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.ui.conftest import Ui
from tests.ui.watching import (
    automations,
    backfill_made_by,
    run_made_by,
    sensor,
    wait_for_backfill,
    wait_for_run,
)
from tests.waiting import wait_for

pytestmark = [pytest.mark.ui, pytest.mark.slow]

FIRST, SECOND, BAD = "2026-11-01-00", "2026-11-01-01", "2026-11-02-00"
#: What the graph shows once it is loaded, of the one asset that has checks.
CHECKS = re.compile(r"\d / \d Passed")
Shoot = Callable[[str], None]


def test_the_graph_shows_the_four_assets_with_their_kinds(ui: Ui, shoot: Shoot) -> None:
    page = ui.open("/asset-groups")
    page.get_by_text(CHECKS).wait_for()
    page.get_by_text(re.compile(r"\d+% filled")).nth(2).wait_for()

    shown = page.locator("body").inner_text()
    assert shown.count("activity") >= 3
    assert "tracks" in shown
    for kind in ("json", "S3", "MySQL", "Spark", "Parquet", "DuckDB"):
        assert kind in shown
    shoot("graph")


def test_a_table_says_what_it_is_and_what_its_columns_are(ui: Ui, shoot: Shoot) -> None:
    page = ui.open("/assets/catalog/activity")
    page.get_by_text("Temperature of the device, in °C.").wait_for()
    page.get_by_text(re.compile("rows in 12 partitions")).wait_for()

    shown = page.locator("body").inner_text()
    for text in ("Readings of activity trackers", "analytics", "non-nullable", "Row count\n"):
        assert text in shown
    shoot("table")


def test_lineage_leads_from_the_table_to_what_it_is_made_of(ui: Ui) -> None:
    page = ui.open("/assets/catalog/activity?view=lineage")
    page.get_by_text("Spark", exact=True).wait_for()
    assert page.get_by_text("MySQL", exact=True).count() == 0

    page.get_by_role("button", name="All", exact=True).click()

    page.get_by_text("tracks", exact=True).first.wait_for()
    page.get_by_text("MySQL", exact=True).wait_for()


def test_a_materialization_begins_with_its_ledger_and_has_a_sample(ui: Ui, shoot: Shoot) -> None:
    page = ui.open("/assets/refined/activity?view=events")
    page.get_by_text("what became of them").first.wait_for()

    shown = page.locator("body").inner_text()
    assert shown.index("ledger") < shown.index("documents read") < shown.index("ledger_of_run")
    assert shown.index("attempt") < shown.index("engine_reason") < shown.index("duplicate_share")
    page.get_by_text("device_temp", exact=True).first.wait_for()
    shoot("ledger")


def test_figures_are_plotted_over_time(ui: Ui, shoot: Shoot) -> None:
    page = ui.open("/assets/refined/activity")
    page.get_by_text("documents read").first.wait_for()
    page.get_by_text("Plots", exact=True).click()
    # By partition the UI plots the newest 120 up to now, and the demo's end in the past.
    page.get_by_text("Events", exact=True).last.click()

    page.get_by_text("quarantined_share", exact=True).scroll_into_view_if_needed()
    page.locator("canvas").first.wait_for()
    shoot("plots")


def test_one_partition_is_materialized_and_its_progress_watched(ui: Ui, shoot: Shoot) -> None:
    before = ui.catalog.pointers("activity")[FIRST]

    run = run_made_by(ui, lambda: launch_all(ui, FIRST, "Launch 1 run"))
    page = ui.open(f"/runs/{run}")
    page.get_by_text("STEP_START", exact=True).first.wait_for()
    assert wait_for_run(ui, run) == "SUCCESS"
    page.get_by_text("RUN_SUCCESS", exact=True).wait_for()
    page.get_by_text("Succeeded (4)").wait_for()

    shoot("run")
    after = ui.catalog.pointers("activity")[FIRST]
    assert (after.attempt > before.attempt, after.rows) == (True, before.rows)


def test_a_backfill_of_a_range_is_one_run(ui: Ui, shoot: Shoot) -> None:
    before = ui.catalog.pointers("activity")

    selected = f"[{FIRST}...{SECOND}]"
    backfill = backfill_made_by(
        ui, lambda: launch_all(ui, selected, "Launch backfill", lambda: shoot("launch"))
    )
    assert wait_for_backfill(ui, backfill) == "COMPLETED_SUCCESS"
    page = ui.open(f"/runs/b/{backfill}")
    page.get_by_text("Succeeded", exact=True).first.wait_for()

    after = ui.catalog.pointers("activity")
    assert after[FIRST].attempt == after[SECOND].attempt > before[SECOND].attempt


def test_a_failing_check_gives_its_reason_and_nothing_is_published(ui: Ui, shoot: Shoot) -> None:
    folder = ui.lake / "raw/activity/2026/11/02/00"
    folder.mkdir(parents=True)
    documents = [json.dumps({"uuid": str(n), "device_id": "many"}) for n in range(20)]
    (folder / "bad.json").write_text("".join(documents))

    page = ui.open("/assets/refined/activity")
    page.get_by_role("button", name="Materialize…").click()
    run = run_made_by(ui, lambda: launch(ui, BAD, "Launch 1 run"))
    assert wait_for_run(ui, run) == "FAILURE"
    page = ui.open("/assets/refined/activity?view=checks&checkDetail=within_limits")
    page.get_by_text("20 of 20 documents (100.00%), the limit is 5.00%").wait_for()

    assert "Failed" in page.locator("body").inner_text()
    shoot("check")
    assert BAD not in ui.catalog.pointers("activity")


def test_a_rollback_is_launched_from_the_launchpad(ui: Ui) -> None:
    before = ui.catalog.retained("activity", 1)
    page = ui.open("/locations/lake_assets/jobs/rollback/playground")
    editor = page.locator(".CodeMirror")
    editor.get_by_text("roll_back").wait_for()
    config = {"ops": {"roll_back": {"config": {"table": "activity", "partitions": [FIRST]}}}}
    editor.evaluate("(editor, text) => editor.CodeMirror.setValue(text)", json.dumps(config))

    run = run_made_by(ui, page.get_by_role("button", name="Launch Run").click)
    assert wait_for_run(ui, run) == "SUCCESS"

    attempts = [each.attempt for each in before if each.partition == FIRST]
    assert ui.catalog.pointers("activity")[FIRST].attempt == attempts[1]
    page = ui.open(f"/assets/catalog/activity?view=events&partition={FIRST}")
    page.get_by_text("rolled_back_to").wait_for()
    page.get_by_text(attempts[1]).first.wait_for()


def test_a_sensor_is_turned_on_and_looks_for_arrivals(ui: Ui, shoot: Shoot) -> None:
    name = "arrivals_activity"
    assert sensor(ui, name) == ("STOPPED", [])
    page = ui.open(f"/locations/lake_assets/sensors/{name}")
    page.get_by_text("Looks for raw objects of activity").wait_for()

    page.locator("label:has(input[type=checkbox])").click()

    # A tick that finds nothing new says why, which Dagster calls skipped.
    wait_for(lambda: sensor(ui, name) in (("RUNNING", ["SUCCESS"]), ("RUNNING", ["SKIPPED"])))
    page = ui.open("/automation")
    page.get_by_text(name).wait_for()
    # Until a line's state is known its switch stands in the middle, and takes no click.
    known = page.locator("label[class*=Switch] input:enabled")
    lines = len(automations(ui))
    wait_for(lambda: known.count() == lines)
    assert known.first.is_checked()
    shoot("automation")


def launch_all(
    ui: Ui, partitions: str, button: str, before: Callable[[], None] | None = None
) -> None:
    """Materialize all assets for some partitions, from the graph."""
    page = ui.open("/asset-groups")
    page.get_by_text(CHECKS).wait_for()
    page.get_by_role("button", name="Materialize all").click()
    launch(ui, partitions, button, before)


def launch(ui: Ui, partitions: str, button: str, before: Callable[[], None] | None = None) -> None:
    """Choose partitions in the dialog, and press its button after what is to be done `before`."""
    dialog = ui.page.get_by_role("dialog")
    field = dialog.locator("input[type=text]").first
    field.fill(partitions)
    field.press("Enter")
    ready = dialog.get_by_role("button", name=button, exact=True)
    ready.wait_for()
    if before:
        before()
    ready.click()
    dialog.wait_for(state="hidden")
