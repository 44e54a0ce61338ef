"""Which engine runs a job: as declared, as preferred, or the cheapest that may.

A pure function of what was declared, what is configured, what past runs took and what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from resources.compute.estimate import Estimate, Site, estimate
from resources.compute.history import PastRun, largest_input
from resources.compute.prices import Prices
from resources.errors import PlacementError

#: Every engine that there is, by the name that declarations and settings give it.
ENGINES = ("local", "emr", "emr-serverless", "glue")
#: What stands in a declaration for: whichever is cheapest.
AUTO = "auto"


@dataclass(frozen=True)
class Placing:
    """Where a table's jobs may run.

    `prefer` names engines in their order, of which the first that may is taken; if it is empty,
    the cheapest of all. The limits are of one run. An engine that is expected to cost more may not
    run it; one that is expected to take longer does only where all do, and then the fastest.
    """

    prefer: tuple[str, ...] = ("local",)
    max_usd: float | None = None
    max_minutes: float | None = None

    def within(self, other: Placing) -> Placing:
        """The same engines, within the stricter limits of both."""
        return replace(
            self,
            max_usd=_stricter(self.max_usd, other.max_usd),
            max_minutes=_stricter(self.max_minutes, other.max_minutes),
        )


@dataclass(frozen=True)
class Override:
    """An engine that is not to be chosen, and why."""

    engine: str
    reason: str = "asked for when the run was launched"


@dataclass(frozen=True)
class Decision:
    """The engine that was chosen, why, and what it and all others would take."""

    engine: str
    reason: str
    chosen: Estimate
    alternatives: tuple[Estimate, ...]


def decide(
    placing: Placing,
    sites: Sequence[Site],
    input_bytes: int,
    past: Sequence[PastRun],
    prices: Prices,
    override: Override | None = None,
) -> Decision:
    """Choose an engine for one run; `override` is taken whatever the limits say.

    Raises `PlacementError` for an engine that is not configured, and when none may run it.
    """
    estimates = [_judged(placing, site, input_bytes, past, prices) for site in sites]
    if override:
        return _decision(_named(override.engine, estimates), override.reason, estimates)
    if len(placing.prefer) == 1:
        _named(placing.prefer[0], estimates)
    candidates = [each for each in _in_order(placing, estimates) if not each.obstacle]
    if not candidates:
        raise PlacementError(_refusal(placing, estimates))
    in_time = [each for each in candidates if not each.lateness]
    if not in_time:
        fastest = min(candidates, key=lambda each: each.seconds)
        return _decision(fastest, _late(placing), estimates)
    if len(placing.prefer) == 1:
        return _decision(in_time[0], "declared", estimates)
    if placing.prefer:
        return _decision(in_time[0], _preferred(placing, in_time[0], estimates), estimates)
    priced = [each for each in in_time if each.usd is not None]
    cheapest = min(priced or in_time, key=lambda each: (each.usd or 0, each.seconds))
    return _decision(cheapest, _cheapest(len(in_time)), estimates)


def _judged(
    placing: Placing, site: Site, input_bytes: int, past: Sequence[PastRun], prices: Prices
) -> Estimate:
    """The estimate, with what stands in the way of this engine."""
    found = estimate(site, input_bytes, past, prices)
    is_declared = placing.prefer == (site.engine,)
    most = max(site.max_input_bytes, largest_input(past, site.engine))
    if not is_declared and site.max_input_bytes and input_bytes > most:
        return replace(found, obstacle=f"too small: its memory is for {most / 1e9:.1f} GB")
    if placing.max_usd is not None and found.usd is None:
        return replace(found, obstacle="without a known price")
    if placing.max_usd is not None and found.usd is not None and float(found.usd) > placing.max_usd:
        return replace(found, obstacle=f"above the limit of {placing.max_usd:g} USD")
    if placing.max_minutes is not None and found.seconds > placing.max_minutes * 60:
        return replace(found, lateness=f"above the limit of {placing.max_minutes:g} minutes")
    return found


def _in_order(placing: Placing, estimates: Sequence[Estimate]) -> list[Estimate]:
    if not placing.prefer:
        return list(estimates)
    by_name = {each.engine: each for each in estimates}
    return [by_name[name] for name in placing.prefer if name in by_name]


def _named(engine: str, estimates: Sequence[Estimate]) -> Estimate:
    for each in estimates:
        if each.engine == engine:
            return each
    there = ", ".join(each.engine for each in estimates)
    raise PlacementError(
        f"expected an engine that is configured, found {engine!r}; there are: {there}. "
        "Set the role of that engine, as docs/placement.md says, and have LAKE_ROOT and "
        "LAKE_RAW_ROOT on S3: no engine elsewhere sees this machine."
    )


def _decision(chosen: Estimate, reason: str, estimates: Sequence[Estimate]) -> Decision:
    others = tuple(each for each in estimates if each.engine != chosen.engine)
    return Decision(chosen.engine, f"{chosen.engine}: {reason}", chosen, others)


def _preferred(placing: Placing, chosen: Estimate, estimates: Sequence[Estimate]) -> str:
    """Why not one of those that come before it."""
    objections = {each.engine: each.objection for each in estimates}
    before = placing.prefer[: placing.prefer.index(chosen.engine)]
    passed = [f"{name} is {objections.get(name, 'not configured')}" for name in before]
    return "the first in the order of preference" + "".join(f"; {each}" for each in passed)


def _late(placing: Placing) -> str:
    """What is asked for is more than any engine is expected to keep."""
    if len(placing.prefer) == 1:
        return f"declared, though expected to take more than {placing.max_minutes:g} minutes"
    return f"the fastest, though none is expected within {placing.max_minutes:g} minutes"


def _cheapest(candidates: int) -> str:
    if candidates == 1:
        return "the only engine that may run it"
    return f"the cheapest of {candidates} engines that may run it"


def _refusal(placing: Placing, estimates: Sequence[Estimate]) -> str:
    asked = ", ".join(placing.prefer) or AUTO
    there = {each.engine for each in estimates}
    missing = "".join(f" {name} is not configured." for name in placing.prefer if name not in there)
    found = "; ".join(
        f"{each.engine}: {each.seconds / 60:.1f} minutes, "
        + (f"{each.usd:.2f} USD" if each.usd is not None else "price not known")
        + (f", {each.obstacle}" if each.obstacle else ", not among those declared")
        for each in estimates
    )
    return (
        f"expected an engine that may run this ({asked}), found none. {found}.{missing} Raise the limit in "
        "the declaration's `compute` or in LAKE_MAX_USD, take fewer partitions at once, or name an "
        "engine in the launchpad"
    )


def _stricter(one: float | None, other: float | None) -> float | None:
    said = [each for each in (one, other) if each is not None]
    return min(said) if said else None
