"""Placement of a table's runs in a lake: what goes in, what past runs took, what was decided.

It gathers what `placement.decide` needs, and keeps what came of it for the next time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from resources.compute.figures import JobFigures
from resources.compute.history import PastRun, past_runs, remember
from resources.compute.placement import Decision, Override, Placing, decide
from resources.compute.prices import cost, load_prices
from resources.compute.sites import sites
from resources.errors import PriceUnknown, StorageError
from resources.lake import Lake, Refined
from resources.raw import RawPartition
from resources.table import Table

#: The asset of a table whose runs are placed, as past runs are filed.
REFINED = "refined"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planner:
    """Decides where the runs of a lake's tables go, and learns from those that succeeded."""

    lake: Lake

    def place(
        self, table: Table, raw: Sequence[RawPartition], override: Override | None = None
    ) -> Decision:
        """Where a refine of these partitions goes; raises `PlacementError` where it may not."""
        settings = self.lake.settings
        limits = Placing((), settings.placement.max_usd, settings.placement.max_minutes)
        return decide(
            table.compute.within(limits),
            sites(settings),
            sum(each.bytes for each in raw),
            past_runs(self.lake.storage, table.name, REFINED),
            load_prices(settings.placement.prices_file),
            override,
        )

    def learn(self, table: Table, done: Sequence[Refined], figures: JobFigures) -> PastRun:
        """Keep what a run took and cost for the decisions to come.

        A run that succeeded does not fail where this cannot be kept: that is logged.
        """
        found = {each.engine: each.cores for each in sites(self.lake.settings)}
        run = PastRun(
            run=done[0].verdict.attempt,
            engine=figures.engine,
            cores=found.get(figures.engine, 0),
            partitions=len(done),
            input_bytes=sum(each.raw.bytes for each in done),
            documents=sum(each.report.ledger.documents for each in done),
            seconds_waiting=figures.seconds_waiting,
            seconds_running=figures.seconds_running,
            usage=figures.usage,
            usd=self._usd(figures),
        )
        try:
            remember(self.lake.storage, table.name, REFINED, run)
        except StorageError as error:
            _LOG.warning("what the run took is not kept for estimates: %s", error)
        return run

    def _usd(self, figures: JobFigures) -> Decimal | None:
        """What it cost, or None: a price that is missing must not fail a run that succeeded."""
        if figures.usage is None:
            return None
        prices = load_prices(self.lake.settings.placement.prices_file)
        try:
            return cost(figures.usage, figures.engine, prices)
        except PriceUnknown:
            return None
