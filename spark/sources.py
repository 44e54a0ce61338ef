"""Where documents come from: what every raw format offers, and which source a format has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from spark.columnar_source import ColumnarSource
from spark.csv_source import CsvSource
from spark.json_source import JsonSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.places import IndexedObject
    from spark.repair import Mark
    from spark.spec import RawSpec


class Source(Protocol):
    """One raw format.

    The frames have OBJECT, PARTITION, POSITION, DOCUMENT, UNKNOWN_KEYS and the contract's columns;
    those of `documents` have KIND and FRAGMENT too, those of `exact` REASON and PLAIN.
    """

    def documents(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        """Documents as fast as the format allows; DIRTY ones are left to `exact`."""

    def exact(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        """Every document, with the reason why it cannot be published or null."""

    def unreadable(self, session: SparkSession, objects: Sequence[IndexedObject]) -> set[int]:
        """Indexes of the objects at which `documents` would fail; `exact` takes any."""

    def is_doubtful(self, kinds: Mapping[int, int]) -> bool:
        """Whether these counts of one object's kinds call for an examination."""

    def repaired(
        self,
        session: SparkSession,
        marks: Iterable[Mark],
        dirty_counts: Mapping[int, int],
        objects: Sequence[IndexedObject],
    ) -> tuple[DataFrame | None, set[int]]:
        """What stands in DIRTY fragments, as `exact` gives it, and the objects still in doubt."""


def source_of(raw: RawSpec) -> Source:
    """The source for a declared format."""
    if raw.format == "json":
        return JsonSource(raw)
    return CsvSource(raw) if raw.format == "csv" else ColumnarSource(raw)
