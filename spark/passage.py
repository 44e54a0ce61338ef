"""One pass of documents through a refine: read, type, filter, deduplicate, join, clean, write.

What happens on the way is counted while rows pass (`spark/tally.py`); nothing is read twice here.
Which passes a refine needs is decided in `spark/refining.py`.
"""

from __future__ import annotations

import json
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
    ORDER,
    PARTITION,
    POSITION,
    PUBLISHED,
    REASON,
    REJECTED,
    SINGLE,
    UNKNOWN_KEYS,
    UNMATCHED,
    small_frame,
)
from spark.groups import Group, pack
from spark.refine import clean, with_duplicates, with_first_fate, with_order, with_reference
from spark.repair import KEPT_BYTES, KEPT_PER_TASK, TASK_BITS, Mark
from spark.tally import read_tally, tally_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark.places import IndexedObject
    from spark.sources import Source
    from spark.spec import RefineSpec

_CODE, _DRIFT, _MARK = "_lake_code", "_lake_drift", "_lake_mark"


@dataclass(frozen=True)
class Passage:
    """What was counted by object: documents or fragments by (kind, fate, bits of failed joins).

    `unknown_keys` are by partition; `marks` are the fragments that a repair goes by.
    """

    counts: dict[int, Counter[tuple[int, int, int]]] = field(default_factory=dict)
    unknown_keys: dict[int, set[str]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def of(self, index: int) -> Counter[tuple[int, int, int]]:
        """Counts of one object."""
        return self.counts.get(index, Counter())

    def merged(self, other: Passage) -> Passage:
        """Add the figures of a passage of other objects."""
        return Passage(
            {**self.counts, **other.counts},
            {**self.unknown_keys, **other.unknown_keys},
            [*self.marks, *other.marks],
        )

    def kinds_of(self, index: int) -> Counter[int]:
        """Counts of one object by kind."""
        kinds: Counter[int] = Counter()
        for (kind, _, _), count in self.of(index).items():
            kinds[kind] += count
        return kinds

    def filtered(self, index: int) -> int:
        """Documents of one object that the declared filter turned away."""
        return sum(count for (_, fate, _), count in self.of(index).items() if fate == FILTERED)


@dataclass(frozen=True)
class Reading:
    """What a pass reads: objects fast, objects exactly, and documents found already."""

    fast: Sequence[IndexedObject] = ()
    exact: Sequence[IndexedObject] = ()
    found: DataFrame | None = None
    found_in: Sequence[IndexedObject] = ()

    @property
    def objects(self) -> list[IndexedObject]:
        """Every object that rows can come from, once."""
        every = {each.index: each for each in (*self.fast, *self.exact, *self.found_in)}
        return [every[index] for index in sorted(every)]


class Passer:
    """Makes passes for one specification."""

    def __init__(self, session: SparkSession, spec: RefineSpec, source: Source) -> None:
        self.session = session
        self.spec = spec
        self.source = source

    def publish(self, reading: Reading, output: str, mode: str = "error") -> Passage:
        """Write the rows to be published under `output`, one directory a partition."""
        observation = Observation("passage")
        joins = len(self.spec.joins)
        code = (F.col(OBJECT).cast("long") * KINDS + F.col(KIND)) * FATES + F.col(FATE)
        code = F.shiftleft(code, joins).bitwiseOR(F.col(UNMATCHED))
        bins = len(reading.objects) * (8 << joins)
        fated = self._fated(reading)
        # Aggregates of an observation are interpreted row by row, a projection is compiled.
        observed = fated.select(
            "*", code.cast("double").alias(_CODE), _drift().alias(_DRIFT), _mark().alias(_MARK)
        ).observe(
            observation,
            tally_of(F.col(_CODE), bins).alias("counts"),
            F.to_json(F.collect_set(_DRIFT)).alias("unknown_keys"),
            F.to_json(F.collect_list(_MARK)).alias("marks"),
        )
        published = observed.filter(F.col(FATE) == PUBLISHED)
        self._write(published, list(self.spec.published.names), output, mode)
        seen = observation.get
        return Passage(
            _read_counts(seen.get("counts"), joins),
            _read_unknown_keys(seen.get("unknown_keys")),
            _read_marks(seen.get("marks")),
        )

    def rejected(self, reading: Reading) -> DataFrame:
        """Documents that are turned away after reading, with their text and reason."""
        rejected = self._fated(reading, DOCUMENT).filter(F.col(FATE) == REJECTED)
        # The fast reader's positions order documents but do not count them.
        return rejected.withColumn(POSITION, F.lit(None).cast("bigint"))

    def quarantine(self, turned_away: DataFrame, objects: Sequence[IndexedObject]) -> DataFrame:
        """Write documents that were turned away; returns what lies there, to be counted."""
        rows = [(each.index, each.raw.key) for each in objects]
        keys = small_frame(self.session, rows, f"{OBJECT} int, source_object string")
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

    def _fated(self, reading: Reading, *kept: str) -> DataFrame:
        """Every document with its FATE; texts of documents only if they are to be `kept`."""
        spec = self.spec
        groups = [Group(list(reading.found_in))]
        if reading.fast or reading.exact:
            cores = self.session.sparkContext.defaultParallelism
            groups = pack(reading.objects, cores, spec.target_file_bytes)
        placed = [self._placed(reading, group, kept) for group in groups]
        rows = reduce(lambda left, right: left.union(right), placed)
        rows = rows.withColumn(REASON, F.lit(None).cast("string")).withColumn(UNMATCHED, F.lit(0))
        for bit, join in enumerate(spec.joins):
            schema = join.contract.spark_schema()
            reference = self.session.read.schema(schema).parquet(join.location)
            rows = with_reference(rows, reference, join, bit)
        return clean(rows, spec.clean, spec.published)

    def _placed(self, reading: Reading, group: Group, kept: Collection[str]) -> DataFrame:
        """The rows of a group in its tasks, sorted, duplicates marked."""
        key = self.spec.deduplicate
        rows = self._rows(reading, group)
        rows = with_order(with_first_fate(rows, self.spec.row_filter), key)
        travelling = [OBJECT, PARTITION, POSITION, KIND, FATE, ORDER, UNKNOWN_KEYS, *kept]
        handed_over = F.when(_kept() < KEPT_PER_TASK, F.col(FRAGMENT)).alias(FRAGMENT)
        narrow = rows.select(*travelling, handed_over, *self.spec.raw.contract.names)
        spread = (ORDER,) if key else (OBJECT, POSITION)
        placed = (
            narrow.coalesce(1) if group.tasks == 1 else narrow.repartition(group.tasks, *spread)
        )
        return with_duplicates(placed, key)

    def _rows(self, reading: Reading, group: Group) -> DataFrame:
        """Typed documents of the group's objects, and DIRTY fragments."""
        members = {each.index for each in group.objects}
        wanted = row_columns(self.spec)
        frames = []
        fast = [each for each in reading.fast if each.index in members]
        if fast:
            frames.append(self.source.documents(self.session, fast).select(*wanted))
        slow = [each for each in reading.exact if each.index in members]
        if slow:
            rows = self.source.exact(self.session, slow).filter(F.col(REASON).isNull())
            frames.append(as_documents(rows).select(*wanted))
        if reading.found is not None:
            here = F.col(PARTITION).isin(*group.partitions)
            frames.append(reading.found.filter(here).select(*wanted))
        return reduce(lambda left, right: left.union(right), frames)

    def _write(self, rows: DataFrame, columns: list[str], output: str, mode: str) -> None:
        names = list(self.spec.partitions[0].values)
        places = [
            _place(name, [each.values[name] for each in self.spec.partitions]) for name in names
        ]
        writer = rows.select(*columns, *places).write.mode(mode)
        for name in published_key(self.spec) or []:
            # Every value occurs once: a dictionary of them would be built and thrown away.
            writer = writer.option(f"parquet.enable.dictionary#{name}", "false")
        (writer.partitionBy(*names) if names else writer).parquet(output)


def row_columns(spec: RefineSpec) -> list[str]:
    """The columns of documents as they are read."""
    travelling = [OBJECT, PARTITION, POSITION, KIND, FRAGMENT, DOCUMENT, UNKNOWN_KEYS]
    return [*travelling, *spec.raw.contract.names]


def as_documents(exact: DataFrame) -> DataFrame:
    """Documents of the exact reader in the form of the fast one's."""
    rows = exact.withColumn(KIND, F.lit(SINGLE))
    return rows.withColumn(FRAGMENT, F.lit(None).cast("string"))


def published_key(spec: RefineSpec) -> list[str] | None:
    """The deduplication key's names in the output, or None where it is not there unchanged."""
    rules = spec.clean
    if rules.transform is not None or set(spec.deduplicate) & set(rules.drop):
        return None
    names = [rules.rename.get(name, name) for name in spec.deduplicate]
    return None if set(names) & set(rules.cast) else names


def _place(name: str, values: list[str]) -> Column:
    """The value of one partition column, by the index of the partition.

    The values are dates and hours. Handing them over as one text spares a call to the JVM for each.
    """
    every = F.split(F.lit(",".join(values)), ",")
    return F.element_at(every, F.col(PARTITION) + 1).alias(name)


def _kept() -> Column:
    """How many DIRTY fragments a task has handed over before this one; null for all others.

    The counter moves only where it is evaluated. Were it to move for every row, fewer fragments
    would be repaired and more objects read exactly, with the same result.
    """
    fragment = F.col(FRAGMENT)
    is_small = F.octet_length(fragment) <= KEPT_BYTES
    number = F.monotonically_increasing_id().bitwiseAND((1 << TASK_BITS) - 1)
    return F.when((F.col(KIND) == DIRTY) & is_small, number)


def _drift() -> Column:
    """Keys that the contract does not know, with their partition; null for all other rows."""
    is_drift = (F.size(UNKNOWN_KEYS) > 0) & (F.col(KIND) != DIRTY)
    return F.when(is_drift, F.struct(PARTITION, UNKNOWN_KEYS))


def _mark() -> Column:
    """A fragment that `spark/repair.py` goes by; null for all other rows."""
    is_end = F.col(KIND).isin(FIRST, LAST)
    mark = F.struct(OBJECT, POSITION, KIND, F.col(FRAGMENT).alias("text"))
    return F.when(is_end | F.col(FRAGMENT).isNotNull(), mark)


def _read_marks(observed: object) -> list[Mark]:
    read = json.loads(str(observed)) if observed else []
    return [Mark(each[OBJECT], each[POSITION], each[KIND], each.get("text")) for each in read]


def _read_unknown_keys(observed: object) -> dict[int, set[str]]:
    keys: dict[int, set[str]] = {}
    for each in json.loads(str(observed)) if observed else []:
        keys.setdefault(each[PARTITION], set()).update(each[UNKNOWN_KEYS])
    return keys


def _read_counts(observed: object, joins: int) -> dict[int, Counter[tuple[int, int, int]]]:
    counts: dict[int, Counter[tuple[int, int, int]]] = {}
    for code, count in read_tally(observed).items():
        rest, bits = code >> joins, code & ((1 << joins) - 1)
        rest, fate = divmod(rest, FATES)
        index, kind = divmod(rest, KINDS)
        counts.setdefault(index, Counter())[kind, fate, bits] += count
    return counts
