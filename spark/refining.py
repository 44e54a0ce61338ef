"""Running a refine: which objects are read how, and what is reported of every partition.

Good documents are read once and written once. What the fast reader could not vouch for is examined
(`spark/examination.py`): broken documents go to quarantine, sound ones among them are published
beside the others, and a partition is refined a second time, into a directory of its own, only
where the two may be duplicates of each other or the layout defeats the fast reader.
"""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.errors import SPARK_FAILURES, ReadError, is_of_the_store
from spark.examination import Examination, examine, sound
from spark.frames import (
    DOCUMENT,
    DROPPED,
    DUPLICATE,
    OBJECT,
    PARTITION,
    POSITION,
    PUBLISHED,
    REASON,
    REJECTED,
)
from spark.ledger import Ledger
from spark.passage import Passage, Passer, Reading
from spark.places import IndexedObject
from spark.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame, SparkSession

    from spark.spec import RefineSpec

_log = logging.getLogger(__name__)

#: Objects from which on tasks look for files instead of the driver, one after the other. A job for
#: it costs more than it saves where files are near; on S3 each object is two requests.
_LISTING = "spark.sql.sources.parallelPartitionDiscovery.threshold"
_LISTED_FAR_AWAY = "32"
_LISTING_TASKS = "spark.sql.sources.parallelPartitionDiscovery.parallelism"

#: Said out loud so that every engine and every Spark version gives the same rows and files.
SESSION_SETTINGS = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    _LISTING: "1000000",
    "spark.sql.adaptive.enabled": "false",
    # Spark 3.5 would fail the job at a date that Spark 2 took and later ones do not, and at dates
    # before 1582.
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # Since 4.1 a union of groups of one task each would itself be one task.
    "spark.sql.unionOutputPartitioning": "false",
    # Groups have the same generated code: compiled once, not once each.
    "spark.sql.codegen.useIdInClassName": "false",
    # Rows are in the order of partitions; without this Spark sorts them by name before it writes.
    # Beyond so many partitions in one task it does so all the same.
    "spark.sql.maxConcurrentOutputFileWriters": "256",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}

#: Below the output, where partitions lie that had to be refined again.
EXACT_FOLDER = "exact"
#: Below the output, where all partitions lie after a first pass that met unreadable objects.
READABLE_FOLDER = "readable"
#: A reason up to where it quotes what was found, so that reasons can be counted.
_REASON_CLASS = "regexp_replace(reason, '(, found | after | at ).*$', '')"
_TURNED_AWAY = (DOCUMENT, REASON, OBJECT, POSITION, PARTITION)


def _explained(error: Exception) -> str:
    """The first line of what Spark says, which names the object or the expression."""
    cause = str(error).strip().splitlines()
    return (
        f"Spark could not refine the objects: {cause[0] if cause else type(error).__name__}. If it "
        "names a column or an expression, mend the declaration; if an object, see that it is "
        "there and readable."
    )


@dataclass(frozen=True)
class PartitionReport:
    """What a refine did for one partition; `directory` is below the output, and may not exist."""

    key: str
    directory: str
    ledger: Ledger
    unknown_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefineReport:
    """What a refine did, and how many of its objects the exact reader had to take.

    `attempt` is the specification's. That of a job found again is an earlier one than was asked.
    """

    partitions: tuple[PartitionReport, ...]
    objects: int
    objects_read_exactly: int
    attempt: str


def refine_session(spark: SparkSession) -> SparkSession:
    """A session of its own in the same application, with the settings that a refine relies on."""
    session = spark.newSession()
    for key, value in SESSION_SETTINGS.items():
        session.conf.set(key, value)
    # What is shuffled here is small; the largest partitions say themselves how many tasks they take.
    session.conf.set("spark.sql.shuffle.partitions", session.sparkContext.defaultParallelism)
    session.conf.set(_LISTING_TASKS, 4 * session.sparkContext.defaultParallelism)
    return session


def run_refine(spark: SparkSession, spec: RefineSpec) -> RefineReport:
    """Refine the partitions of `spec` into its output and quarantine, and report their ledgers.

    Raises `ReadError` when raw objects vanished, `LedgerImbalance` when documents are unaccounted
    for; files already written then stay in the attempt's directories, which nothing publishes.
    """
    return Refine(refine_session(spark), spec).run()


class Refine:
    """One refine in progress: the passes it takes and the figures they gave."""

    def __init__(self, session: SparkSession, spec: RefineSpec) -> None:
        self.session = session
        self.spec = spec
        self.source = source_of(spec.raw)
        self.passer = Passer(session, spec, self.source)
        flat = [(part, raw) for part, each in enumerate(spec.partitions) for raw in each.objects]
        self.objects = [IndexedObject(i, part, raw) for i, (part, raw) in enumerate(flat)]
        if not all(each.raw.uri.startswith("file:") for each in self.objects):
            session.conf.set(_LISTING, _LISTED_FAR_AWAY)
        self.by_partition: list[list[IndexedObject]] = [[] for _ in spec.partitions]
        for each in self.objects:
            self.by_partition[each.partition].append(each)
        self.quarantined: dict[str, Counter[str]] = {}
        self.folder = ""

    @property
    def _output(self) -> str:
        return f"{self.spec.output}/{self.folder}" if self.folder else self.spec.output

    def run(self) -> RefineReport:
        """Take the passes that the objects turn out to need."""
        if not self.objects:
            return self._report(Passage(), Passage(), Examination())
        _log.info("refining %d partitions, %d objects", len(self.by_partition), len(self.objects))
        first, unreadable = self._first_pass()
        _log.info("the first pass is written; examining what it could not vouch for")
        examination = examine(self.passer, self.objects, first, self._output, unreadable)
        try:
            second = self._second_pass(examination)
            self._quarantine(examination, first, second)
        finally:
            examination.release()
        return self._report(first, second, examination)

    def _first_pass(self) -> tuple[Passage, set[int]]:
        """Read everything fast; where that fails, see at which objects and read those exactly."""
        try:
            return self.passer.publish(Reading(fast=self.objects), self.spec.output), set()
        except SPARK_FAILURES as error:
            if is_of_the_store(error):
                raise
            unreadable = self.source.unreadable(self.session, self.objects)
            if not unreadable:
                raise ReadError(_explained(error)) from error
        self.folder = READABLE_FOLDER
        return self.passer.publish(
            self._reading(self.objects, unreadable), self._output
        ), unreadable

    def _second_pass(self, examination: Examination) -> Passage:
        """Publish what the fast reader missed: with its rows where they meet, or beside them.

        At once, since such small jobs are mostly planning, which takes one core.
        """
        with ThreadPoolExecutor(max_workers=2) as pool:
            again = pool.submit(self._refine_again, examination)
            beside = pool.submit(self._publish_beside, examination)
            return again.result().merged(beside.result())

    def _refine_again(self, examination: Examination) -> Passage:
        again = [o for o in self.objects if o.partition in examination.refined_again]
        if not again:
            return Passage()
        reading = self._reading(again, examination.read_exactly, examination.recovered)
        return self.passer.publish(reading, f"{self._output}/{EXACT_FOLDER}")

    def _publish_beside(self, examination: Examination) -> Passage:
        few = [o for o in self.objects if o.index in examination.supplemented]
        if not few:
            return Passage()
        reading = Reading(found=examination.recovered, found_in=few)
        return self.passer.publish(reading, self._output, mode="append")

    def _reading(
        self,
        objects: list[IndexedObject],
        exact: Collection[int],
        found: DataFrame | None = None,
    ) -> Reading:
        return Reading(
            fast=[each for each in objects if each.index not in exact],
            exact=[each for each in objects if each.index in exact],
            found=found,
        )

    def _quarantine(self, examination: Examination, first: Passage, second: Passage) -> None:
        turned_away = [each.select(*_TURNED_AWAY) for each in examination.broken]
        late = [
            each
            for part, members in enumerate(self.by_partition)
            if any(
                fate == REJECTED for _, fate, _ in self._counts(first, second, part, examination)
            )
            for each in members
        ]
        if late:
            reading = self._reading(late, examination.read_exactly, examination.recovered)
            turned_away.append(self.passer.rejected(reading).select(*_TURNED_AWAY))
        if turned_away:
            rows = reduce(lambda left, right: left.union(right), turned_away)
            self.quarantined = self._counted(self.passer.quarantine(rows, self.objects))

    def _counted(self, quarantine: DataFrame) -> dict[str, Counter[str]]:
        """Reasons by partition key, counted in what lies in storage."""
        names = list(self.spec.partitions[0].values)
        keys = {tuple(each.values.values()): each.key for each in self.spec.partitions}
        counts: dict[str, Counter[str]] = {}
        grouped = quarantine.groupBy(*names, F.expr(_REASON_CLASS).alias("class")).count()
        for row in grouped.collect():
            key = keys[tuple(row[name] for name in names)]
            counts.setdefault(key, Counter())[row["class"]] += row["count"]
        return counts

    def _counts(
        self, first: Passage, second: Passage, part: int, examination: Examination
    ) -> Counter[tuple[int, int, int]]:
        """Counts of the passes whose rows one partition shows."""
        counts: Counter[tuple[int, int, int]] = Counter()
        for each in self.by_partition[part]:
            counts.update(second.of(each.index))
            if part not in examination.refined_again:
                counts.update(first.of(each.index))
        return counts

    def _report(self, first: Passage, second: Passage, examination: Examination) -> RefineReport:
        partitions = []
        for part, each in enumerate(self.spec.partitions):
            counts = self._counts(first, second, part, examination)
            ledger = self._ledger(first, part, counts, examination)
            ledger.require_balance(f"{self.spec.table}, partition {each.key}")
            folders = [self.folder] if self.folder else []
            folders += [EXACT_FOLDER] if part in examination.refined_again else []
            folders += [f"{name}={value}" for name, value in each.values.items()]
            unknown = first.unknown_keys.get(part, set()) | second.unknown_keys.get(part, set())
            partitions.append(
                PartitionReport(each.key, "/".join(folders), ledger, tuple(sorted(unknown)))
            )
        exactly = len(examination.read_exactly)
        return RefineReport(tuple(partitions), len(self.objects), exactly, self.spec.attempt)

    def _ledger(
        self,
        first: Passage,
        part: int,
        counts: Counter[tuple[int, int, int]],
        examination: Examination,
    ) -> Ledger:
        documents = filtered = 0
        for each in self.by_partition[part]:
            finding = examination.findings.get(each.index) or sound(first, each.index)
            documents += finding.good + finding.bad
            filtered += finding.filtered
        fates: Counter[int] = Counter()
        unmatched: Counter[str] = Counter()
        for (_, fate, bits), count in counts.items():
            fates[fate] += count
            for bit, join in enumerate(self.spec.joins):
                if bits >> bit & 1 and fate in (PUBLISHED, REJECTED, DROPPED):
                    unmatched[join.reference] += count
        return Ledger(
            documents=documents,
            published=fates[PUBLISHED],
            quarantined=dict(self.quarantined.get(self.spec.partitions[part].key, {})),
            duplicates=fates[DUPLICATE],
            filtered=filtered,
            dropped=fates[DROPPED],
            unmatched={join.reference: unmatched[join.reference] for join in self.spec.joins},
        )
