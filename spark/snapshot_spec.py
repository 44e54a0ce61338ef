"""What a snapshot of a reference table is asked to do, and what it reports; plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spark.contract import Contract


@dataclass(frozen=True)
class SnapshotSpec:
    """One snapshot of one table.

    `table` is what stands after FROM: a name, or a query in brackets with an alias. `output` is the
    URI of the reference's directory, as Spark writes it. `attempt` has never been used before.
    `jdbc` are Spark's options, url and driver among them. A table of at most `one_range_rows` rows
    is read in one range, a larger one in up to `ranges` at a time.
    """

    name: str
    table: str
    key: tuple[str, ...]
    contract: Contract
    output: str
    attempt: str
    jdbc: Mapping[str, str] = field(repr=False)
    ranges: int = 4
    one_range_rows: int = 20_000


@dataclass(frozen=True)
class SnapshotReport:
    """What a snapshot found; `directory`, below the output, is empty when nothing was written.

    `notes` are sentences on what was done to keep the content true: zero dates that became null,
    a table that changed while it was read.
    """

    name: str
    version: str
    rows: int
    written: bool
    directory: str
    notes: tuple[str, ...] = ()
