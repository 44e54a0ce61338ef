"""What jobs elsewhere left running: found by the lake's tag, judged by its owner and age, ended.

How each service is asked is in `orphans_emr.py`, `orphans_emr_serverless.py` and
`orphans_glue.py`; whether a run of Dagster still lives, the caller says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from resources.compute.engine import Usage
from resources.compute.prices import Prices, cost
from resources.errors import PriceUnknown

#: What says whether a run of Dagster, by its id, still goes on: None where it is not known.
IsAlive = Callable[[str], "bool | None"]


@dataclass(frozen=True)
class Running:
    """Something of a lake's that a service runs, or keeps ready, now.

    `kind` is `cluster`, `application` or `job run`; `id` is all that is needed to end it. `run` is
    the Dagster run it was started for, empty for what several share; `idle_since` is None while
    it has work. `usage` is what it took since `started`, None where the service does not say.
    """

    engine: str
    kind: str
    id: str
    name: str
    state: str
    started: datetime
    run: str = ""
    idle_since: datetime | None = None
    usage: Usage | None = None


@dataclass(frozen=True)
class Orphan:
    """What nobody waits for any more, why that is thought, and what it has cost so far.

    `usd` is None where the service does not say what was used, or a price is missing.
    """

    running: Running
    reason: str
    age: timedelta
    usd: Decimal | None


class Service(Protocol):
    """One service that may run something for a lake."""

    @property
    def engine(self) -> str:
        """The name of the engine that starts things there."""

    def running(self) -> Iterator[Running]:
        """Everything with the lake's tag that has not ended. Raises `EngineError`."""

    def end(self, found: Running) -> None:
        """End it; what has ended meanwhile is no error. Raises `EngineError`."""


def find_orphans(
    services: Sequence[Service],
    is_alive: IsAlive,
    prices: Prices,
    now: datetime,
    patience: timedelta,
) -> list[Orphan]:
    """What was started for a run that has ended, or was idle for longer than `patience`.

    What was started for a run that is not known here, as by another instance of Dagster, is one
    only when it is older than `patience`.
    """
    everything = [found for service in services for found in service.running()]
    judged = [(found, _reason(found, is_alive, now, patience)) for found in everything]
    orphans = [
        Orphan(found, reason, now - found.started, _usd(found, prices))
        for found, reason in judged
        if reason
    ]
    return sorted(orphans, key=lambda each: each.running.started)


def end_orphans(services: Sequence[Service], orphans: Sequence[Orphan]) -> None:
    """Ask the service of each to end it."""
    by_engine = {each.engine: each for each in services}
    for each in orphans:
        by_engine[each.running.engine].end(each.running)


def _reason(found: Running, is_alive: IsAlive, now: datetime, patience: timedelta) -> str:
    """Why it is an orphan, or nothing."""
    if not found.run:
        if found.idle_since is None or now - found.idle_since < patience:
            return ""
        return f"idle for {_minutes(now - found.idle_since)}"
    alive = is_alive(found.run)
    if alive:
        return ""
    if alive is False:
        return "its run has ended"
    if now - found.started < patience:
        return ""
    return f"its run is not known here, and it is {_minutes(now - found.started)} old"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f} minutes"


def _usd(found: Running, prices: Prices) -> Decimal | None:
    if found.usage is None:
        return None
    try:
        return cost(found.usage, found.engine, prices)
    except PriceUnknown:
        return None
