"""JSON objects: fast where they are laid out plainly, exactly otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.compression import decompress
from spark.exact import exact_documents, found_documents, with_typed_documents
from spark.frames import (
    DIRTY,
    FIRST,
    LAST,
    MIDDLE,
    OBJECT,
    PATH,
    POSITION,
    SINGLE,
)
from spark.places import with_contents, with_partitions, with_places
from spark.plain import LINES, with_plain_documents, with_texts
from spark.repair import repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyspark.sql import DataFrame, Row, SparkSession

    from spark.places import IndexedObject
    from spark.repair import Mark
    from spark.spec import RawSpec

#: Names that make Hadoop look for a codec that not every installation has.
_UNDECODED = (".zst", ".lz4", ".snappy", ".deflate")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class JsonSource:
    """JSON objects in any layout; those of the declared layout are read fast."""

    raw: RawSpec

    def documents(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        reader = session.read.format("text").option("lineSep", self.raw.separator)
        text = reader.load([each.raw.uri for each in objects])
        fragments = text.select("value", F.input_file_name().alias(PATH)).withColumn(
            POSITION, F.monotonically_increasing_id()
        )
        wrapped = fragments.transform(with_texts, self.raw.separator)
        located = with_places(wrapped, text, objects).drop(PATH)
        return located.transform(with_plain_documents, self.raw.contract)

    def exact(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        contents = with_contents(session, objects)
        documents = exact_documents(contents, self.raw.separator)
        located = with_partitions(documents, objects)
        return located.transform(with_typed_documents, self.raw.contract)

    def unreadable(self, session: SparkSession, objects: Sequence[IndexedObject]) -> set[int]:
        """Objects whose compression is broken, or not what their name makes Spark expect."""
        rows = (
            with_contents(session, objects).select(OBJECT, PATH, "content").rdd.filter(_is_broken)
        )
        broken = set(rows.map(_index_of).collect())
        return broken | {
            each.index for each in objects if each.raw.key.lower().endswith(_UNDECODED)
        }

    def is_doubtful(self, kinds: Mapping[int, int]) -> bool:
        """An object cut at `}{` must have one first and one last fragment, or a single one."""
        if kinds[DIRTY] > 0:
            return True
        if self.raw.separator == LINES:
            return False
        ends = (kinds[FIRST], kinds[LAST], kinds[SINGLE])
        is_whole = ends == (1, 1, 0) or (ends == (0, 0, 1) and kinds[MIDDLE] == 0)
        return not is_whole and any(kinds.values())

    def repaired(
        self,
        session: SparkSession,
        marks: Iterable[Mark],
        dirty_counts: Mapping[int, int],
        objects: Sequence[IndexedObject],
    ) -> tuple[DataFrame | None, set[int]]:
        """Judge the fragments that the fast reader handed over; no object is read again."""
        judged = repair(marks, dirty_counts, is_cut_at_braces=self.raw.separator != LINES)
        if not judged.found:
            return None, judged.doubtful
        located = with_partitions(found_documents(session, judged.found), objects)
        return located.transform(with_typed_documents, self.raw.contract), judged.doubtful


def _is_broken(row: Row) -> bool:
    content = bytes(row["content"])
    is_named_gzip = row[PATH].lower().endswith(".gz")
    return decompress(content)[1] is not None or (
        is_named_gzip and not content.startswith(_GZIP) and content != b""
    )


def _index_of(row: Row) -> int:
    index: int = row[OBJECT]
    return index
