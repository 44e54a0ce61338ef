"""One pass of documents through a refine: read, type, filter, deduplicate, join, clean, write.

What happens on the way is counted while rows pass (`spark/tally.py`); nothing is read twice here.
Which passes a refine needs is decided in `spark/job.py`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F

from spark.frames import (
    DIRTY,
    DOCUMENT,
    FATE,
    FATES,
    FILTERED,
    FIRST,
    FRAGMENT,
    KIND,
    KINDS,
    LAST,
    OBJECT,
    PARTITION,
    POSITION,
    PUBLISHED,
    REASON,
    REJECTED,
    SINGLE,
    UNKNOWN_KEYS,
    UNMATCHED,
)
from spark.plain import is_valid_utf8
from spark.refine import PASSES, clean, passes, with_arrangement, with_duplicates, with_reference
from spark.repair import KEPT_BYTES, KEPT_PER_TASK, TASK_BITS, Mark
from spark.tally import read_tally, tally_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark.places import IndexedObject
    from spark.sources import Source
    from spark.spec import RefineSpec

_KEPT = "_lake_kept"
#: Compressed JSON and Parquet of the same rows are about the same size; plain JSON is larger.
PARQUET_BYTES_PER_PLAIN_BYTE = 0.25
#: Input that one shuffle task can sort in memory with room to spare.
BYTES_PER_TASK = 32 * 1024 * 1024


@dataclass(frozen=True)
class Passage:
    """What was counted: kinds by object index, fates by partition index, unknown keys likewise.

    `marks` are the fragments that a repair goes by.
    """

    kinds: Counter[int] = field(default_factory=Counter)
    fates: Counter[int] = field(default_factory=Counter)
    unknown_keys: dict[int, set[str]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def kinds_of(self, index: int) -> Counter[int]:
        """Counts by kind for one object; those turned away by the filter are kinds + FILTERED."""
        return Counter({kind: self.kinds[index * KINDS + kind] for kind in range(KINDS)})

    def __add__(self, other: Passage) -> Passage:
        keys = {
            part: self.unknown_keys.get(part, set()) | other.unknown_keys.get(part, set())
            for part in {*self.unknown_keys, *other.unknown_keys}
        }
        return Passage(
            self.kinds + other.kinds, self.fates + other.fates, keys, self.marks + other.marks
        )

    def fates_of(self, partition: int, joins: int) -> Counter[tuple[int, int]]:
        """Counts by fate and by the bits of the joins that found no row, for one partition."""
        base = partition * (FATES << joins)
        return Counter(
            {
                (fate, bits): self.fates[base + bits * FATES + fate]
                for bits in range(1 << joins)
                for fate in range(FATES)
                if self.fates[base + bits * FATES + fate]
            }
        )


class Passer:
    """Makes passes for one specification."""

    def __init__(self, session: SparkSession, spec: RefineSpec, source: Source) -> None:
        self.session = session
        self.spec = spec
        self.source = source

    def publish(
        self, rows: DataFrame, objects: Sequence[IndexedObject], output: str, mode: str = "error"
    ) -> Passage:
        """Write the rows to be published under `output`, one directory a partition.

        `objects` are those that the rows come from; they decide into how many files rows go.
        """
        reading, fating = Observation("reading"), Observation("fating")
        keys = F.struct(PARTITION, UNKNOWN_KEYS)
        drifting = (F.size(UNKNOWN_KEYS) > 0) & (F.col(KIND) != DIRTY)
        code = F.col(OBJECT) * KINDS + F.col(KIND) + F.when(F.col(PASSES), 0).otherwise(FILTERED)
        joins = len(self.spec.joins)
        fate = F.col(PARTITION) * (FATES << joins) + F.col(UNMATCHED) * FATES + F.col(FATE)
        read = rows.withColumn(_KEPT, _kept()).observe(
            reading,
            tally_of(code, len(objects) * KINDS).alias("kinds"),
            F.to_json(F.collect_set(F.when(drifting, keys))).alias("unknown_keys"),
            _marks().alias("marks"),
        )
        good = read.filter(F.col(PASSES) & (F.col(KIND) != DIRTY)).drop(DOCUMENT, FRAGMENT, _KEPT)
        fated = self._fated(good, objects).observe(
            fating, tally_of(fate, len(self.spec.partitions) * (FATES << joins)).alias("fates")
        )
        published = fated.filter(F.col(FATE) == PUBLISHED)
        self._write(published, list(self.spec.published.names), output, mode)
        seen = reading.get
        return Passage(
            read_tally(seen.get("kinds")),
            read_tally(fating.get.get("fates")),
            _read_unknown_keys(seen.get("unknown_keys")),
            _read_marks(seen.get("marks")),
        )

    def rejected(self, rows: DataFrame, objects: Sequence[IndexedObject]) -> DataFrame:
        """Those of the rows that are turned away after reading, with their text and reason."""
        good = rows.filter(F.col(PASSES) & (F.col(KIND) != DIRTY)).drop(FRAGMENT)
        fated = self._fated(good, objects).filter(F.col(FATE) == REJECTED)
        # The fast reader's positions order documents but do not count them.
        return fated.withColumn(POSITION, F.lit(None).cast("bigint"))

    def quarantine(self, turned_away: DataFrame, objects: Sequence[IndexedObject]) -> DataFrame:
        """Write documents that were turned away; returns what lies there, to be counted."""
        rows = [(each.index, each.raw.key) for each in objects]
        keys = self.session.createDataFrame(rows, f"{OBJECT} int, source_object string")
        named = turned_away.join(F.broadcast(keys), OBJECT).select(
            F.col(DOCUMENT).alias("document"),
            F.col(REASON).alias("reason"),
            "source_object",
            F.col(POSITION).alias("position"),
            PARTITION,
        )
        columns = ["document", "reason", "source_object", "position"]
        self._write(named.repartition(1), columns, self.spec.quarantine, "error")
        schema = "document string, reason string, source_object string, position bigint"
        names = list(self.spec.partitions[0].values)
        return self.session.read.schema(
            ", ".join([schema, *[f"{name} string" for name in names]])
        ).parquet(self.spec.quarantine)

    def rows(self, objects: Sequence[IndexedObject], exact: Collection[int]) -> DataFrame:
        """Typed documents of objects, of which the exact reader takes those named by index.

        PASSES says whether the declared filter lets a document through.
        """
        fast = [each for each in objects if each.index not in exact]
        slow = [each for each in objects if each.index in exact]
        wanted = row_columns(self.spec)
        frames = []
        if fast:
            frames.append(self.source.documents(self.session, fast).select(*wanted))
        if slow:
            found = self.source.exact(self.session, slow).filter(F.col(REASON).isNull())
            found = found.withColumn(KIND, F.lit(SINGLE))
            found = found.withColumn(FRAGMENT, F.lit(None).cast("string"))
            frames.append(found.select(*wanted))
        rows = reduce(lambda left, right: left.union(right), frames)
        return rows.withColumn(PASSES, passes(self.spec.row_filter))

    def _fated(self, good: DataFrame, objects: Sequence[IndexedObject]) -> DataFrame:
        spec = self.spec
        buckets, shuffle_partitions = self._sizes(objects)
        rows = good.drop(KIND, UNKNOWN_KEYS, PASSES)
        rows = with_arrangement(rows, spec.deduplicate, buckets, shuffle_partitions)
        rows = with_duplicates(rows, spec.deduplicate)
        rows = rows.withColumn(REASON, F.lit(None).cast("string")).withColumn(UNMATCHED, F.lit(0))
        for bit, join in enumerate(spec.joins):
            reference = self.session.read.schema(join.contract.spark_schema()).parquet(
                join.location
            )
            rows = with_reference(rows, reference, join, bit)
        return clean(rows, spec.clean, spec.published)

    def _sizes(self, objects: Sequence[IndexedObject]) -> tuple[list[int], int]:
        """How many files each partition gets, and how many tasks arrange the rows."""
        estimated = [0.0] * len(self.spec.partitions)
        for each in objects:
            shrink = 1.0 if each.raw.key.endswith(".gz") else PARQUET_BYTES_PER_PLAIN_BYTE
            estimated[each.partition] += each.raw.size * shrink
        buckets = [max(1, math.ceil(size / self.spec.target_file_bytes)) for size in estimated]
        tasks = math.ceil(sum(estimated) / BYTES_PER_TASK)
        cores = self.session.sparkContext.defaultParallelism
        return buckets, max(1, min(sum(buckets), max(tasks, cores)))

    def _write(self, rows: DataFrame, columns: list[str], output: str, mode: str) -> None:
        names = list(self.spec.partitions[0].values)
        places = [
            _place(name, [each.values[name] for each in self.spec.partitions]) for name in names
        ]
        writer = rows.select(*columns, *places).write.mode(mode)
        (writer.partitionBy(*names) if names else writer).parquet(output)


def row_columns(spec: RefineSpec) -> list[str]:
    """The columns of rows on their way, but for PASSES."""
    travelling = [OBJECT, PARTITION, POSITION, KIND, FRAGMENT, DOCUMENT, UNKNOWN_KEYS]
    return [*travelling, *spec.raw.contract.names]


def _place(name: str, values: list[str]) -> Column:
    """The value of one partition column, by the index of the partition."""
    return F.element_at(F.array(*[F.lit(each) for each in values]), F.col(PARTITION) + 1).alias(
        name
    )


def _kept() -> Column:
    """How many DIRTY fragments a task has handed over before this one; null for all others.

    The counter moves only where it is evaluated. Were it to move for every row, fewer fragments
    would be repaired and more objects read exactly, with the same result.
    """
    fragment = F.col(FRAGMENT)
    is_small = F.octet_length(fragment) <= KEPT_BYTES
    number = F.monotonically_increasing_id().bitwiseAND((1 << TASK_BITS) - 1)
    return F.when((F.col(KIND) == DIRTY) & is_small & is_valid_utf8(fragment), number)


def _marks() -> Column:
    """An aggregate of the fragments that `spark/repair.py` goes by."""
    is_end = F.col(KIND).isin(FIRST, LAST)
    text = F.when(F.col(KIND) == DIRTY, F.col(FRAGMENT))
    mark = F.struct(OBJECT, POSITION, KIND, text.alias("text"))
    return F.to_json(F.collect_list(F.when(is_end | (F.col(_KEPT) < KEPT_PER_TASK), mark)))


def _read_marks(observed: object) -> list[Mark]:
    read = json.loads(str(observed)) if observed else []
    return [Mark(each[OBJECT], each[POSITION], each[KIND], each.get("text")) for each in read]


def _read_unknown_keys(observed: object) -> dict[int, set[str]]:
    keys: dict[int, set[str]] = {}
    for each in json.loads(str(observed)) if observed else []:
        keys.setdefault(each[PARTITION], set()).update(each[UNKNOWN_KEYS])
    return keys
