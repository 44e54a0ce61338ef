"""When Dagster refines and publishes on its own: the automation conditions of a table's assets.

That a run failed or came too early is not repaired here but by the sensor, which asks storage what
became of a report (`resources/arrival_answers.py`); so nothing here can lose an update or repeat a
failure for ever.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from lake_assets.automation import AutomationModel
from resources.table import Table

Condition = dg.AutomationCondition[dg.AssetKey]
#: A first snapshot that failed is tried again at each full hour.
_HOURLY = "0 * * * *"
#: What was reported in time may wait this long for its run, and still be in the window.
_QUEUE_TIME = timedelta(hours=24)


def refine_condition(table: Table, automation: AutomationModel) -> Condition:
    """Partitions whose objects changed, and the newest ones when a reference or the code did.

    Each change asks for one run, and not while a run of the partition is under way.
    """
    follows = _arrived(table, automation)
    if automation.refresh_partitions:
        follows = follows | _refreshed(table, automation)
    return (
        follows
        & ~dg.AutomationCondition.in_progress()
        & ~dg.AutomationCondition.any_deps_missing()
        & ~dg.AutomationCondition.any_deps_in_progress()
    ).with_label("follows its raw objects, references and declaration")


def _arrived(table: Table, automation: AutomationModel) -> Condition:
    """Raw objects were reported after the partition was asked for, and after it was refined.

    Two conditions, since Dagster compares the times of two events only where each stands alone.
    """
    arrival = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.newly_updated()).allow(
        dg.AssetSelection.assets(["raw", table.name])
    )
    news = arrival.since(dg.AutomationCondition.newly_requested()) & arrival.since(
        dg.AutomationCondition.newly_updated()
    )
    return _within(news, timedelta(hours=automation.window_hours) + _QUEUE_TIME, table)


def _refreshed(table: Table, automation: AutomationModel) -> Condition:
    """A reference has another content, or the declaration gives other rows.

    A change in the tick after a request is newer than the request, although both are seen at once.
    """
    references = dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.data_version_changed()
    ).ignore(dg.AssetSelection.assets(["raw", table.name]))
    changed = references | dg.AutomationCondition.code_version_changed()
    news = changed.since(dg.AutomationCondition.newly_requested() & ~changed)
    if table.partitions.by == "none":
        return news
    return _within(news, automation.refresh_partitions * table.partitions.length, table)


def snapshot_condition() -> Condition:
    """A reference without any snapshot holds back its tables, and so is not left to its schedule."""
    missing = dg.AutomationCondition.missing()
    is_due = missing.newly_true() | dg.AutomationCondition.cron_tick_passed(_HOURLY)
    return (missing & is_due & ~dg.AutomationCondition.in_progress()).with_label(
        "has no snapshot yet"
    )


def publish_condition() -> Condition:
    """Whatever is refined on its own is published in the same run."""
    will_be: Condition = dg.AutomationCondition.will_be_requested()  # type: ignore[assignment]
    return dg.AutomationCondition.any_deps_match(will_be)  # type: ignore[return-value]


def _within(condition: Condition, span: timedelta, table: Table) -> Condition:
    """The condition for the newest partitions only; for all there is without partitions."""
    if table.partitions.by == "none":
        return condition
    return dg.AutomationCondition.in_latest_time_window(span) & condition
