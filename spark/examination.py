"""What stands in objects that the fast reader could not vouch for.

Most often a few broken documents, which are judged from the fragments that it handed over
(`spark/repair.py`); otherwise the whole object, read exactly (`spark/exact.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.sql import functions as F

from spark.exact import PLAIN
from spark.frames import (
    DIRTY,
    OBJECT,
    PARTITION,
    REASON,
    small_frame,
)
from spark.passage import as_documents, published_key
from spark.refine import passes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark.sql import Column, DataFrame

    from spark.passage import Passage, Passer
    from spark.places import IndexedObject
    from spark.spec import RefineSpec


_PASSES = "_lake_passes"


@dataclass(frozen=True)
class Finding:
    """Documents of one object: `good` ones, those of them that the declared filter turns away,
    those that the fast reader finds too (`plain`), and `bad` ones.
    """

    good: int = 0
    filtered: int = 0
    plain: int = 0
    bad: int = 0


@dataclass
class Examination:
    """What examining found. Sets hold indexes of objects, `refined_again` of partitions.

    `broken` are frames of what goes to quarantine. `recovered` are sound documents out of repaired
    fragments, `supplemented` the objects whose recovered documents meet no duplicate.
    """

    findings: dict[int, Finding] = field(default_factory=dict)
    read_exactly: set[int] = field(default_factory=set)
    missed: set[int] = field(default_factory=set)
    refined_again: set[int] = field(default_factory=set)
    supplemented: set[int] = field(default_factory=set)
    broken: list[DataFrame] = field(default_factory=list)
    recovered: DataFrame | None = None
    persisted: list[DataFrame] = field(default_factory=list)

    def release(self) -> None:
        """Give back what was kept on disk."""
        for frame in self.persisted:
            frame.unpersist()


def sound(passage: Passage, index: int) -> Finding:
    """An object of which the fast reader is certain, as a passage counted it."""
    accepted = sum(n for kind, n in passage.kinds_of(index).items() if kind != DIRTY)
    return Finding(good=accepted, filtered=passage.filtered(index), plain=accepted)


def examine(
    passer: Passer,
    objects: Sequence[IndexedObject],
    first: Passage,
    output: str,
    unreadable: set[int],
) -> Examination:
    """Examine every object that the first pass, into `output`, leaves doubtful.

    `unreadable` are those that the first pass already read exactly.
    """
    session, spec, source = passer.session, passer.spec, passer.source
    found = Examination()
    dirty = {
        each.index: kinds[DIRTY]
        for each in objects
        if each.index not in unreadable and source.is_doubtful(kinds := first.kinds_of(each.index))
    }
    if not dirty and not unreadable:
        return found
    counts = {index: count for index, count in dirty.items() if count}
    repaired, doubtful = source.repaired(session, first.marks, counts, objects)
    if repaired is not None:
        _take_repaired(found, _kept(found, repaired, spec), first)
    in_doubt = doubtful | unreadable | {index for index, count in dirty.items() if not count}
    if in_doubt:
        members = [each for each in objects if each.index in in_doubt]
        rows = source.exact(session, members)
        _take_exact(found, _kept(found, rows, spec), members, first)
        found.missed -= unreadable
    _settle(found, passer, objects, output)
    return found


def _passes(spec: RefineSpec) -> Column:
    return F.lit(True) if spec.row_filter is None else passes(spec.row_filter)


def _kept(found: Examination, rows: DataFrame, spec: RefineSpec) -> DataFrame:
    kept = rows.withColumn(_PASSES, _passes(spec)).persist(StorageLevel.DISK_ONLY)
    found.persisted.append(kept)
    return kept


def _counts(rows: DataFrame) -> dict[int, Finding]:
    is_good = F.col(REASON).isNull()
    counted = rows.groupBy(OBJECT).agg(
        F.count_if(is_good).alias("good"),
        F.count_if(is_good & ~F.col(_PASSES)).alias("filtered"),
        F.count_if(is_good & F.col(PLAIN)).alias("plain"),
        F.count_if(~is_good).alias("bad"),
    )
    return {
        row[OBJECT]: Finding(row["good"], row["filtered"], row["plain"], row["bad"])
        for row in counted.collect()
    }


def _take_repaired(found: Examination, rows: DataFrame, first: Passage) -> None:
    counts = _counts(rows)
    for index, each in counts.items():
        whole = sound(first, index)
        found.findings[index] = Finding(
            whole.good + each.good, whole.filtered + each.filtered, whole.plain, each.bad
        )
    found.supplemented = {index for index, each in counts.items() if each.good}
    if found.supplemented:
        found.recovered = as_documents(rows.filter(F.col(REASON).isNull()))
    if any(each.bad for each in counts.values()):
        found.broken.append(rows.filter(F.col(REASON).isNotNull()))


def _take_exact(
    found: Examination, rows: DataFrame, members: Sequence[IndexedObject], first: Passage
) -> None:
    counts = _counts(rows)
    for each in members:
        finding = counts.get(each.index, Finding())
        found.findings[each.index] = finding
        found.read_exactly.add(each.index)
        if not finding.good == finding.plain == sound(first, each.index).good:
            found.missed.add(each.index)
    if any(each.bad for each in counts.values()):
        found.broken.append(rows.filter(F.col(REASON).isNotNull()))


def _settle(
    found: Examination, passer: Passer, objects: Sequence[IndexedObject], output: str
) -> None:
    """Decide which partitions are refined again, and which are only supplemented."""
    part_of = {each.index: each.partition for each in objects}
    found.refined_again = {part_of[index] for index in found.missed}
    if found.recovered is not None:
        reach = {part_of[index] for index in found.supplemented} - found.refined_again
        found.refined_again |= _colliding(found.recovered, passer, output, reach)
        found.supplemented = {
            index for index in found.supplemented if part_of[index] not in found.refined_again
        }


def _colliding(recovered: DataFrame, passer: Passer, output: str, parts: Iterable[int]) -> set[int]:
    """Partitions in which a recovered document may be a duplicate of a published one."""
    session, spec = passer.session, passer.spec
    reach = sorted(parts)
    if not spec.deduplicate or not reach:
        return set()
    names = published_key(spec)
    if names is None:
        return set(reach)
    values = list(spec.partitions[0].values)
    keys = recovered.select(
        PARTITION, *[F.col(name).alias(f"_lake_key_{i}") for i, name in enumerate(spec.deduplicate)]
    )
    schema = spec.published.spark_schema()
    for value in values:
        schema = schema.add(value, "string")
    published = session.read.schema(schema).parquet(output).select(*names, *values)
    if values:
        near_paths = ["/".join(spec.partitions[part].values.values()) for part in reach]
        published = published.filter(F.concat_ws("/", *values).isin(near_paths))
    places = small_frame(
        session,
        [(part, *spec.partitions[part].values.values()) for part in reach],
        ", ".join([f"{PARTITION} int", *[f"{value} string" for value in values]]),
    )
    near = keys.join(F.broadcast(places), PARTITION)
    same = [F.col(f"_lake_key_{i}").eqNullSafe(published[name]) for i, name in enumerate(names)]
    same += [near[value] == published[value] for value in values]
    met = published.join(F.broadcast(near), on=same, how="inner").select(PARTITION).distinct()
    return {row[PARTITION] for row in met.collect()}
