"""What keeps the words of `automation:` from working together; see `problems.py`."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from lake_assets.automation import AutomationModel
from lake_assets.problem import Problem


def automation_problems(model: AutomationModel, by: str) -> Iterator[Problem]:
    """Cron lines that are none, and spans that contradict each other; places are below the word."""
    for name, cron in (("references_cron", model.references_cron), ("cron", model.cron)):
        if cron is not None and not _is_cron(cron):
            yield Problem(
                (name,),
                f"expected five fields of cron (minute, hour, day, month, weekday; UTC), such as "
                f"`0 3 * * *`, found {cron!r}",
            )
    if by == "day" and model.window_hours < 24:
        yield Problem(
            ("window_hours",),
            f"expected at least 24 hours for daily partitions, found {model.window_hours}",
        )
    warn, fail = model.warn_after_hours, model.fail_after_hours
    if warn is not None and (fail is None or warn >= fail):
        yield Problem(
            ("warn_after_hours",),
            f"expected fewer hours than fail_after_hours ({fail or 'which is not there'}), "
            f"found {warn}",
        )


def _is_cron(text: str) -> bool:
    try:
        dg.ScheduleDefinition(name="tried", target=dg.AssetSelection.all(), cron_schedule=text)
    except dg.DagsterInvalidDefinitionError:
        return False
    return True
