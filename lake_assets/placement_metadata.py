"""What a materialization says of where it ran: the decision, its alternatives, time and cost.

Numbers are numbers, so that the UI plots them over time. They are those of the run, which may have
made several partitions; its `partitions_of_run` says how many.
"""

from __future__ import annotations

from decimal import Decimal

import dagster as dg

from resources.compute.estimate import Estimate
from resources.compute.history import PastRun
from resources.compute.placement import Decision


def placement_metadata(decision: Decision, took: PastRun | None) -> dict[str, dg.MetadataValue]:
    """The decision with its estimates, and what the run took in the end where that is known."""
    found: dict[str, dg.MetadataValue] = {
        "engine": dg.MetadataValue.text(decision.engine),
        "engine_reason": dg.MetadataValue.text(decision.reason),
        "engines": dg.MetadataValue.md(_table([decision.chosen, *decision.alternatives])),
        "estimated_seconds": dg.MetadataValue.float(round(decision.chosen.seconds, 1)),
    }
    if decision.chosen.usd is not None:
        found["estimated_usd"] = _usd(decision.chosen.usd)
    if took is None:
        return found
    found["seconds_waiting"] = dg.MetadataValue.float(round(took.seconds_waiting, 1))
    found["seconds_running"] = dg.MetadataValue.float(round(took.seconds_running, 1))
    found["input_bytes_of_run"] = dg.MetadataValue.int(took.input_bytes)
    found["partitions_of_run"] = dg.MetadataValue.int(took.partitions)
    if took.usd is not None:
        found["cost_usd"] = _usd(took.usd)
    return found


def _table(estimates: list[Estimate]) -> str:
    head = "| engine | seconds | USD | drawn from | against it |\n| --- | ---: | ---: | --- | --- |"
    lines = [
        f"| {each.engine} | {each.seconds:,.0f} | {_price(each.usd)} | {each.basis} "
        f"| {each.objection or 'nothing'} |"
        for each in estimates
    ]
    return "\n".join([head, *lines])


def _usd(amount: Decimal) -> dg.MetadataValue:
    return dg.MetadataValue.float(float(round(amount, 6)))


def _price(usd: Decimal | None) -> str:
    return "not known" if usd is None else f"{usd:.4f}"
