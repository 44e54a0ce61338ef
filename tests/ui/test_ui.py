"""What a person does in Dagster's UI, done in a real browser. `make test-ui`

The tests go on from one another, as a person does: they run in this order, on one lake.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.ui.conftest import Ui

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = [pytest.mark.ui, pytest.mark.slow]

FIRST, SECOND, BAD = "2026-11-01-00", "2026-11-01-01", "2026-11-01-02"
_RUN_SECONDS = 300.0
#: What the graph shows once it is loaded, of the one asset that has checks.
CHECKS = re.compile(r"\d / \d Passed")
Shoot = Callable[[str], None]


def test_the_graph_shows_the_four_assets_with_their_kinds(ui: Ui, shoot: Shoot) -> None:
    page = ui.open("/asset-groups")
    page.get_by_text(CHECKS).wait_for()
    page.get_by_text("3% filled").nth(2).wait_for()

    shown = page.locator("body").inner_text()
    assert shown.count("activity") >= 3
    assert "tracks" in shown
    for kind in ("json", "MySQL", "Spark", "Parquet", "DuckDB"):
        assert kind in shown
    shoot("graph")


def test_a_table_says_what_it_is_and_what_its_columns_are(ui: Ui, shoot: Shoot) -> None:
    page = ui.open("/assets/catalog/activity")
    page.get_by_text("Temperature of the device, in °C.").wait_for()

    shown = page.locator("body").inner_text()
    for text in ("Readings of activity trackers", "analytics", "non-nullable", "Partition column."):
        assert text in shown
    assert "Row count\n" in shown
    shoot("table")


def test_lineage_leads_from_the_table_to_what_it_is_made_of(ui: Ui) -> None:
    page = ui.open("/assets/catalog/activity?view=lineage")
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_text("tracks").first.wait_for()
    page.get_by_text("Spark").first.wait_for()


def test_one_partition_is_materialized_and_its_progress_watched(ui: Ui, shoot: Shoot) -> None:
    before = ui.catalog.pointers("activity")[FIRST]

    launch(ui, FIRST)
    page = ui.open("/runs")
    page.get_by_role("link", name="View").first.click()
    page.get_by_text("STEP_START").first.wait_for(timeout=_RUN_SECONDS * 1000)
    page.get_by_text("RUN_SUCCESS").wait_for(timeout=_RUN_SECONDS * 1000)

    assert "refined/activity" in page.locator("body").inner_text().replace("__", "/")
    shoot("run")
    after = ui.catalog.pointers("activity")[FIRST]
    assert (after.attempt > before.attempt, after.rows) == (True, before.rows)


def test_a_materialization_shows_its_ledger_and_opens_its_sample(ui: Ui, shoot: Shoot) -> None:
    page = ui.open("/assets/refined/activity?view=events")
    page.get_by_text("what became of them").wait_for()
    shown = page.locator("body").inner_text()
    assert "documents read" in shown
    assert "quarantined" in shown
    shoot("materialization")
    page.get_by_role("button", name=re.compile("table", re.IGNORECASE)).first.click()
    page.get_by_text("device_temp").first.wait_for()
    shoot("sample")
    page.keyboard.press("Escape")


def test_a_backfill_of_a_range_is_one_run(ui: Ui, shoot: Shoot) -> None:
    before = ui.catalog.pointers("activity")

    launch(ui, f"[{FIRST}...{SECOND}]")
    wait(lambda: ui.catalog.pointers("activity")[SECOND] != before[SECOND], "the backfill")
    page = ui.open("/runs?view=backfills")
    page.get_by_text(re.compile("Completed|Success")).first.wait_for(timeout=_RUN_SECONDS * 1000)

    shoot("backfill")
    after = ui.catalog.pointers("activity")
    assert after[FIRST].attempt == after[SECOND].attempt > before[SECOND].attempt


def test_a_failing_check_gives_its_reason_and_nothing_is_published(ui: Ui, shoot: Shoot) -> None:
    folder = ui.root / "raw/activity/2026/11/01/02"
    folder.mkdir(parents=True)
    documents = [json.dumps({"uuid": str(n), "device_id": "many"}) for n in range(20)]
    (folder / "bad.json").write_text("".join(documents))

    launch(ui, BAD)
    page = ui.open("/assets/refined/activity?view=checks&checkDetail=within_limits")
    reason = page.get_by_text("20 of 20 documents (100.00%), the limit is 5.00%")
    wait(lambda: is_shown_after_reload(ui, reason), "the check to fail")

    assert "Failed" in page.locator("body").inner_text()
    shoot("check")
    assert BAD not in ui.catalog.pointers("activity")


def test_a_rollback_is_launched_from_the_launchpad(ui: Ui, shoot: Shoot) -> None:
    before = ui.catalog.retained("activity", 1)
    page = ui.open("/locations/lake_assets/jobs/rollback/playground")
    editor = page.locator(".CodeMirror")
    editor.wait_for()
    wait(lambda: "roll_back:" in editor.inner_text(), "what is to be filled in")
    config = {"ops": {"roll_back": {"config": {"table": "activity", "partitions": [FIRST]}}}}
    editor.evaluate("(editor, text) => editor.CodeMirror.setValue(text)", json.dumps(config))

    page.get_by_role("button", name="Launch Run").click()
    page.get_by_text("RUN_SUCCESS").wait_for(timeout=_RUN_SECONDS * 1000)

    shoot("rollback")
    attempts = [each.attempt for each in before if each.partition == FIRST]
    assert ui.catalog.pointers("activity")[FIRST].attempt == attempts[1]


def test_a_sensor_is_turned_on_and_stays_on(ui: Ui) -> None:
    def switch() -> Locator:
        page = ui.open("/automation")
        page.get_by_text("arrivals_activity").wait_for()
        # In order: all, the first sensor's row, the first sensor's switch.
        return page.locator("input[type=checkbox], [role=switch]").nth(2)

    found = switch()
    assert not found.is_checked()

    found.click(force=True)

    wait(lambda: switch().is_checked(), "the sensor to be on")


def launch(ui: Ui, partitions: str) -> None:
    """Materialize all assets for some partitions, by the dialog."""
    page = ui.open("/asset-groups")
    page.get_by_text(CHECKS).wait_for()
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    field = dialog.locator("input").first
    field.fill(partitions)
    field.press("Enter")
    dialog.get_by_role("button", name=re.compile(r"^Launch (1 run|backfill|\d+ runs)")).click()
    dialog.wait_for(state="hidden")


def is_shown_after_reload(ui: Ui, text: Locator) -> bool:
    """Whether the page shows a text soon after it is loaded anew."""
    ui.page.reload()
    ui.page.wait_for_timeout(3000)
    return text.count() > 0


def wait(is_so: Callable[[], bool], what: str) -> None:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < _RUN_SECONDS, f"waited for {what}"
        time.sleep(0.5)
