"""A declared table as plain values, and what of it can be judged without any data.

The YAML that people write is read in `lake_assets/component.py`; this is what it means. Nothing
here knows Dagster.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from resources.compute.placement import Placing
from resources.partitions import Partitioning
from spark.contract import Column, Contract
from spark.csv_records import CsvOptions
from spark.refine import named_transform
from spark.spec import CleanSpec

#: Part of every table's code version: raised when a refine of the same input gives other rows.
REFINE_VERSION = 1


@dataclass(frozen=True)
class RawTable:
    """Raw objects below `prefix`; `layout` of JSON is `auto`, `concatenated` or `lines`."""

    prefix: str
    format: str
    contract: Contract
    layout: str = "auto"
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True)
class Reference:
    """A table of the source database that others join to; `table` is its name there.

    `compute` is the engine that takes its snapshots.
    """

    name: str
    table: str
    key: tuple[str, ...]
    contract: Contract
    description: str = ""
    compute: str = "local"


@dataclass(frozen=True)
class Join:
    """A left join: `on` maps raw columns to the reference's, `columns` what is taken to its name."""

    reference: Reference
    on: dict[str, str]
    columns: dict[str, str]
    unmatched: str


@dataclass(frozen=True)
class Limits:
    """What the audit refuses. Shares are of the documents read, None is no limit."""

    max_quarantined_share: float | None = None
    max_unmatched_share: float | None = None
    max_duplicate_share: float | None = None
    min_documents: int = 0


@dataclass(frozen=True)
class Table:
    """One declared table; `added` are the columns that its named transform adds or retypes.

    `adopt` lets publishing take over a table of the catalog that others made. Partitions that
    ended more than `retention_days` ago expire, or none where it is None.
    """

    name: str
    description: str
    owners: tuple[str, ...]
    raw: RawTable
    joins: tuple[Join, ...]
    row_filter: str | None
    deduplicate: tuple[str, ...]
    clean: CleanSpec
    added: Contract
    partitions: Partitioning
    limits: Limits
    compute: Placing = field(default_factory=Placing)
    adopt: bool = False
    retention_days: int | None = None

    @property
    def published(self) -> Contract:
        """The columns of the published table, partition columns not among them."""
        kept = self.joined.without(self.clean.drop)
        return kept.renamed(self.clean.rename).with_types(self.clean.cast)

    @property
    def joined(self) -> Contract:
        """The columns before renames, casts and drops."""
        columns = {each.name: each for each in (*self.raw.contract.columns, *self._taken())}
        columns.update({each.name: each for each in self.added.columns})
        return Contract(tuple(columns.values()))

    def _taken(self) -> Iterator[Column]:
        for join in self.joins:
            for name, alias in join.columns.items():
                column = join.reference.contract.column(name)
                nullable = column.nullable or join.unmatched == "keep"
                yield replace(column, name=alias, nullable=nullable)

    @property
    def code_version(self) -> str:
        """Changes when the same input could give other rows or other columns."""
        said = {
            "refine": REFINE_VERSION,
            "raw": [self.raw.format, self.raw.contract.to_json(), asdict(self.raw.csv)],
            "joins": [[j.reference.name, j.on, j.columns, j.unmatched] for j in self.joins],
            "rules": [self.row_filter, self.deduplicate, asdict(self.clean)],
            "published": self.published.to_json(),
            "transform": self._transform_source(),
        }
        text = json.dumps(said, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _transform_source(self) -> str:
        """The whole module that the transform is in: helpers and constants beside it count too."""
        transform = self.clean.transform
        if transform is None:
            return ""
        function = named_transform(transform.function)
        return inspect.getsource(inspect.getmodule(function) or function)
