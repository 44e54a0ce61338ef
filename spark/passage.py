"""One pass of documents through a refine: read, type, filter, deduplicate, join, clean, write.

What happens on the way is counted while rows pass (`spark/tally.py`); nothing is read twice here.
Which passes a refine needs is decided in `spark/job.py`.
"""

from __future__ import annotations

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
    KIND,
    KINDS,
    OBJECT,
    PARTITION,
    POSITION,
    PUBLISHED,
    REASON,
    SINGLE,
    UNKNOWN_KEYS,
    UNMATCHED,
)
from spark.refine import clean, passes, with_arrangement, with_duplicates, with_reference
from spark.tally import read_tally, tally_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark.sources import IndexedObject, Source
    from spark.spec import RefineSpec

PASSES = "_lake_passes"
#: Compressed JSON and Parquet of the same rows are about the same size; plain JSON is larger.
PARQUET_BYTES_PER_PLAIN_BYTE = 0.25
#: Input that one shuffle task can sort in memory with room to spare.
BYTES_PER_TASK = 32 * 1024 * 1024


@dataclass(frozen=True)
class Passage:
    """What was counted: kinds by object index, fates by partition index, unknown keys likewise."""

    kinds: Counter[int] = field(default_factory=Counter)
    fates: Counter[int] = field(default_factory=Counter)
    unknown_keys: dict[int, set[str]] = field(default_factory=dict)

    def kinds_of(self, index: int) -> Counter[int]:
        """Counts by kind for one object; those turned away by the filter are kinds + FILTERED."""
        return Counter({kind: self.kinds[index * KINDS + kind] for kind in range(KINDS)})

    def fates_of(self, partition: int, joins: int) -> dict[tuple[int, int], int]:
        """Counts by fate and by the bits of the joins that found no row, for one partition."""
        base = partition * (FATES << joins)
        return {
            (fate, bits): self.fates[base + bits * FATES + fate]
            for bits in range(1 << joins)
            for fate in range(FATES)
            if self.fates[base + bits * FATES + fate]
        }


class Passer:
    """Makes passes for one specification; `exact` names the objects that the exact reader takes."""

    def __init__(self, session: SparkSession, spec: RefineSpec, source: Source) -> None:
        self.session = session
        self.spec = spec
        self.source = source

    def publish(
        self, objects: Sequence[IndexedObject], exact: Collection[int], output: str
    ) -> Passage:
        """Write the rows to be published under `output`, one directory a partition."""
        reading, fating = Observation("reading"), Observation("fating")
        keys = F.struct(PARTITION, UNKNOWN_KEYS)
        drifting = (F.size(UNKNOWN_KEYS) > 0) & (F.col(KIND) != DIRTY)
        code = F.col(OBJECT) * KINDS + F.col(KIND) + F.when(F.col(PASSES), 0).otherwise(FILTERED)
        joins = len(self.spec.joins)
        fate = F.col(PARTITION) * (FATES << joins) + F.col(UNMATCHED) * FATES + F.col(FATE)
        read = self._rows(objects, exact).observe(
            reading,
            tally_of(code, len(objects) * KINDS).alias("kinds"),
            F.collect_set(F.when(drifting, keys)).alias("unknown_keys"),
        )
        good = read.filter(F.col(PASSES) & (F.col(KIND) != DIRTY))
        fated = self._fated(good.drop(DOCUMENT), objects).observe(
            fating, tally_of(fate, len(self.spec.partitions) * (FATES << joins)).alias("fates")
        )
        self._write(
            fated.filter(F.col(FATE) == PUBLISHED), list(self.spec.published.names), output
        )
        seen = reading.get
        return Passage(
            read_tally(seen.get("kinds")),
            read_tally(fating.get.get("fates")),
            _unknown_keys(seen.get("unknown_keys")),
        )

    def rejected(
        self, objects: Sequence[IndexedObject], exact: Collection[int], fate: int
    ) -> DataFrame:
        """Documents of one fate with their text and reason, in no order."""
        good = self._rows(objects, exact).filter(F.col(PASSES) & (F.col(KIND) != DIRTY))
        return self._fated(good, objects).filter(F.col(FATE) == fate)

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
        self._write(named.repartition(1), columns, self.spec.quarantine)
        schema = "document string, reason string, source_object string, position bigint"
        names = list(self.spec.partitions[0].values)
        return self.session.read.schema(
            ", ".join([schema, *[f"{name} string" for name in names]])
        ).parquet(self.spec.quarantine)

    def _rows(self, objects: Sequence[IndexedObject], exact: Collection[int]) -> DataFrame:
        """Typed documents, with PASSES saying whether the declared filter lets them through."""
        fast = [each for each in objects if each.index not in exact]
        slow = [each for each in objects if each.index in exact]
        wanted = [OBJECT, PARTITION, POSITION, KIND, DOCUMENT, UNKNOWN_KEYS]
        wanted += self.spec.raw.contract.names
        frames = []
        if fast:
            frames.append(self.source.documents(self.session, fast).select(*wanted))
        if slow:
            found = self.source.exact(self.session, slow).filter(F.col(REASON).isNull())
            frames.append(found.withColumn(KIND, F.lit(SINGLE)).select(*wanted))
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
            reference = self.session.read.schema(join.contract.spark_schema()).parquet(join.location)
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

    def _write(self, rows: DataFrame, columns: list[str], output: str) -> None:
        names = list(self.spec.partitions[0].values)
        places = [_place(name, [each.values[name] for each in self.spec.partitions]) for name in names]
        writer = rows.select(*columns, *places).write.mode("error")
        (writer.partitionBy(*names) if names else writer).parquet(output)


def _place(name: str, values: list[str]) -> Column:
    """The value of one partition column, by the index of the partition."""
    return F.element_at(F.array(*[F.lit(each) for each in values]), F.col(PARTITION) + 1).alias(name)


def _unknown_keys(observed: object) -> dict[int, set[str]]:
    keys: dict[int, set[str]] = {}
    assert observed is None or isinstance(observed, (list, tuple))
    for partition, names in observed or []:
        keys.setdefault(partition, set()).update(names)
    return keys
