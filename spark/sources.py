"""Where documents come from: raw objects of one format, as frames with the columns of `frames`.

A source has two ways to read: `documents`, as fast as the format allows, and `exact`, which also
says why each document that cannot be published is turned away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from pyspark.sql import functions as F

from spark.errors import ReadError
from spark.exact import exact_documents, found_documents, with_typed_documents
from spark.frames import (
    DIRTY,
    FILTERED,
    FIRST,
    LAST,
    MIDDLE,
    OBJECT,
    PARTITION,
    POSITION,
    SINGLE,
)
from spark.plain import LINES, with_plain_documents
from spark.repair import repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.repair import Found, Mark, Repair
    from spark.spec import RawObject, RawSpec


_PATH = "_lake_path"


@dataclass(frozen=True)
class IndexedObject:
    """A raw object with its place in the specification and that of its partition."""

    index: int
    partition: int
    raw: RawObject


class Source(Protocol):
    """One raw format. The frames have OBJECT, PARTITION, POSITION, DOCUMENT, UNKNOWN_KEYS and the
    contract's columns; those of `documents` have KIND, those of `exact` REASON and PLAIN.
    """

    def documents(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        """Documents as fast as the format allows; DIRTY ones are left to `exact`."""

    def exact(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        """Every document, with the reason why it cannot be published or null."""

    def is_doubtful(self, kinds: Mapping[int, int]) -> bool:
        """Whether these counts of one object's kinds call for the exact reader."""

    def repair(self, marks: Iterable[Mark], dirty_counts: Mapping[int, int]) -> Repair:
        """Judge DIRTY fragments without reading their objects again, where that is certain."""

    def repaired(
        self, session: SparkSession, found: Iterable[Found], objects: Sequence[IndexedObject]
    ) -> DataFrame:
        """What repair found, as `exact` gives it."""


@dataclass(frozen=True)
class JsonSource:
    """JSON objects in any layout; those of the declared layout are read fast."""

    raw: RawSpec

    def documents(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        reader = session.read.format("text").option("lineSep", self.raw.separator)
        text = reader.load([each.raw.uri for each in objects])
        fragments = text.select("value", F.input_file_name().alias(_PATH)).withColumn(
            POSITION, F.monotonically_increasing_id()
        )
        located = with_places(fragments, text, objects)
        return located.transform(with_plain_documents, self.raw.contract, self.raw.separator)

    def exact(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        contents = with_contents(session, objects)
        documents = exact_documents(contents, self.raw.separator)
        located = with_partitions(documents, objects)
        return located.transform(with_typed_documents, self.raw.contract)

    def is_doubtful(self, kinds: Mapping[int, int]) -> bool:
        """An object cut at `}{` must have one first and one last fragment, or a single one."""
        total = {kind: kinds[kind] + kinds[kind + FILTERED] for kind in range(SINGLE + 1)}
        if total[DIRTY] > 0:
            return True
        if self.raw.separator == LINES:
            return False
        ends = (total[FIRST], total[LAST], total[SINGLE])
        return ends not in ((1, 1, 0), (0, 0, 1), (0, 0, 0)) or (
            total[MIDDLE] > 0 and total[FIRST] == 0
        )

    def repair(self, marks: Iterable[Mark], dirty_counts: Mapping[int, int]) -> Repair:
        return repair(marks, dirty_counts, is_cut_at_braces=self.raw.separator != LINES)

    def repaired(
        self, session: SparkSession, found: Iterable[Found], objects: Sequence[IndexedObject]
    ) -> DataFrame:
        located = with_partitions(found_documents(session, found), objects)
        return located.transform(with_typed_documents, self.raw.contract)


def source_of(raw: RawSpec) -> Source:
    """The source for a declared format."""
    return JsonSource(raw)


def with_contents(session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
    """Whole objects as `content`, with OBJECT and PARTITION."""
    files = session.read.format("binaryFile").load([each.raw.uri for each in objects])
    return with_places(files.select("content", F.input_file_name().alias(_PATH)), files, objects)


def with_places(
    rows: DataFrame, relation: DataFrame, objects: Sequence[IndexedObject]
) -> DataFrame:
    """Replace the path by OBJECT and PARTITION.

    Raises `ReadError` when the files that Spark found are not the objects that were listed.
    """
    by_path = {_literal(each.raw.uri): each for each in objects}
    shown = {path: by_path.get(unquote(path)) for path in relation.inputFiles()}
    places = [(path, each.index, each.partition) for path, each in shown.items() if each]
    if len(places) != len(objects):
        found = {index for _, index, _ in places}
        lost = [each.raw.key for each in objects if each.index not in found]
        raise ReadError(
            f"expected {len(objects):,} raw objects, found {len(places):,}; missing, first of all: "
            f"{', '.join(lost[:3])}. An object that vanished since it was listed is left out by "
            "running the partition again."
        )
    schema = f"{_PATH} string, {OBJECT} int, {PARTITION} int"
    index = rows.sparkSession.createDataFrame(places, schema)
    return rows.join(F.broadcast(index), _PATH).drop(_PATH)


def with_partitions(rows: DataFrame, objects: Sequence[IndexedObject]) -> DataFrame:
    """Add PARTITION by OBJECT."""
    places = [(each.index, each.partition) for each in objects]
    index = rows.sparkSession.createDataFrame(places, f"{OBJECT} int, {PARTITION} int")
    return rows.join(F.broadcast(index), OBJECT)


def _literal(uri: str) -> str:
    """A URI without the escapes that keep Spark from taking characters for a glob."""
    return re.sub(r"\\(.)", r"\1", uri)
