"""What every engine offers: running a refine, and taking a snapshot of a reference."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from spark.refining import RefineReport
from spark.snapshot import SnapshotReport, SnapshotSpec
from spark.spec import RefineSpec


class Compute(Protocol):
    """An engine. It returns only when the job has ended, and raises unless it succeeded."""

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Refine partitions of a table into a fresh attempt."""

    def snapshot(self, spec: SnapshotSpec, known: Collection[str]) -> SnapshotReport:
        """Keep a reference table as a version; nothing is written when it is one of the known."""
