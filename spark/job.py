"""Running a refine: which objects are read how, and what is reported of every partition.

Good documents are read once and written once. Objects that the fast reader could not vouch for
are read again by the exact one, for their quarantine; partitions in which that finds documents
that the fast reader missed are refined once more, into a directory of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.sql import functions as F

from spark.frames import (
    DOCUMENT,
    DROPPED,
    DUPLICATE,
    FILTERED,
    KINDS,
    OBJECT,
    PARTITION,
    POSITION,
    PUBLISHED,
    REASON,
    REJECTED,
)
from spark.ledger import Ledger
from spark.passage import Passage, Passer
from spark.refine import passes
from spark.exact import PLAIN
from spark.sources import IndexedObject, source_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark.spec import RefineSpec

#: Said out loud so that every engine and every Spark version gives the same rows and files.
SESSION_SETTINGS = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000000",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}

#: Below the output, where partitions lie that had to be refined again.
EXACT_FOLDER = "exact"
#: A reason up to where it quotes what was found, so that reasons can be counted.
_REASON_CLASS = "regexp_replace(reason, '(, found | after | at ).*$', '')"
_TURNED_AWAY = (DOCUMENT, REASON, OBJECT, POSITION, PARTITION)


@dataclass(frozen=True)
class PartitionReport:
    """What a refine did for one partition; `directory` is below the output, and may not exist."""

    key: str
    directory: str
    ledger: Ledger
    unknown_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefineReport:
    """What a refine did, and how many of its objects the exact reader had to take."""

    partitions: tuple[PartitionReport, ...]
    objects: int
    objects_read_exactly: int


@dataclass(frozen=True)
class Finding:
    """What the exact reader found in one object, in documents.

    `plain` of the `good` are laid out so that the fast reader finds them too.
    """

    good: int = 0
    plain: int = 0
    filtered: int = 0
    bad: int = 0


def refine_session(spark: SparkSession) -> SparkSession:
    """A session of its own in the same application, with the settings that a refine relies on."""
    session = spark.newSession()
    for key, value in SESSION_SETTINGS.items():
        session.conf.set(key, value)
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
        self.findings: dict[int, Finding] = {}
        self.quarantined: dict[str, Counter[str]] = {}
        self.again = Passage()
        self.refined_again: set[int] = set()

    def run(self) -> RefineReport:
        """Take the passes that the objects turn out to need."""
        if not self.objects:
            return self._report(Passage())
        first = self.passer.publish(self.objects, set(), self.spec.output)
        doubtful = [o for o in self.objects if self.source.is_doubtful(first.kinds_of(o.index))]
        exact = self._exact_rows(doubtful) if doubtful else None
        try:
            if exact is not None:
                self.findings = self._findings(exact)
            missed = {o.index for o in doubtful if self._is_missed(o, first)}
            self._refine_again(missed)
            self._quarantine(exact, missed, first)
        finally:
            if exact is not None:
                exact.unpersist()
        return self._report(first)

    def _exact_rows(self, doubtful: list[IndexedObject]) -> DataFrame:
        rows = self.source.exact(self.session, doubtful)
        return rows.withColumn("_lake_passes", passes(self.spec.row_filter)).persist(
            StorageLevel.DISK_ONLY
        )

    def _findings(self, exact: DataFrame) -> dict[int, Finding]:
        is_good = F.col(REASON).isNull()
        counted = exact.groupBy(OBJECT).agg(
            F.count_if(is_good).alias("good"),
            F.count_if(is_good & F.col(PLAIN)).alias("plain"),
            F.count_if(is_good & ~F.col("_lake_passes")).alias("filtered"),
            F.count_if(~is_good).alias("bad"),
        )
        return {
            row[OBJECT]: Finding(row["good"], row["plain"], row["filtered"], row["bad"])
            for row in counted.collect()
        }

    def _is_missed(self, each: IndexedObject, first: Passage) -> bool:
        """Whether the fast reader accepted other documents than the exact one found good."""
        finding = self.findings.get(each.index, Finding())
        kinds = first.kinds_of(each.index)
        accepted = sum(n for kind, n in kinds.items() if kind % FILTERED)
        return not finding.good == finding.plain == accepted

    def _refine_again(self, missed: set[int]) -> None:
        self.refined_again = {each.partition for each in self.objects if each.index in missed}
        if missed:
            members = [each for each in self.objects if each.partition in self.refined_again]
            self.again = self.passer.publish(members, missed, f"{self.spec.output}/{EXACT_FOLDER}")

    def _quarantine(self, exact: DataFrame | None, missed: set[int], first: Passage) -> None:
        turned_away = []
        if exact is not None and any(each.bad for each in self.findings.values()):
            turned_away.append(exact.filter(F.col(REASON).isNotNull()).select(*_TURNED_AWAY))
        late = {
            part
            for part in range(len(self.spec.partitions))
            if any(fate == REJECTED for fate, _ in self._fates(first, part))
        }
        if late:
            members = [each for each in self.objects if each.partition in late]
            rejected = self.passer.rejected(members, missed, REJECTED)
            turned_away.append(rejected.select(*_TURNED_AWAY))
        if turned_away:
            rows = turned_away[0] if len(turned_away) == 1 else turned_away[0].union(turned_away[1])
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

    def _fates(self, first: Passage, part: int) -> dict[tuple[int, int], int]:
        passage = self.again if part in self.refined_again else first
        return passage.fates_of(part, len(self.spec.joins))

    def _report(self, first: Passage) -> RefineReport:
        partitions = []
        for part, each in enumerate(self.spec.partitions):
            ledger = self._ledger(first, part)
            ledger.require_balance(f"{self.spec.table}, partition {each.key}")
            folders = [EXACT_FOLDER] if part in self.refined_again else []
            folders += [f"{name}={value}" for name, value in each.values.items()]
            unknown = first.unknown_keys.get(part, set()) | self.again.unknown_keys.get(part, set())
            partitions.append(
                PartitionReport(each.key, "/".join(folders), ledger, tuple(sorted(unknown)))
            )
        return RefineReport(tuple(partitions), len(self.objects), len(self.findings))

    def _ledger(self, first: Passage, part: int) -> Ledger:
        documents = filtered = 0
        for each in (each for each in self.objects if each.partition == part):
            finding = self.findings.get(each.index)
            kinds = first.kinds_of(each.index)
            documents += finding.good + finding.bad if finding else sum(kinds.values())
            filtered += (
                finding.filtered if finding else sum(kinds[kind] for kind in range(FILTERED, KINDS))
            )
        fates = self._fates(first, part)
        by_fate = Counter[int]()
        unmatched = Counter[str]()
        for (fate, bits), count in fates.items():
            by_fate[fate] += count
            for bit, join in enumerate(self.spec.joins):
                if bits >> bit & 1 and fate != DUPLICATE:
                    unmatched[join.reference] += count
        return Ledger(
            documents=documents,
            published=by_fate[PUBLISHED],
            quarantined=dict(self.quarantined.get(self.spec.partitions[part].key, {})),
            duplicates=by_fate[DUPLICATE],
            filtered=filtered,
            dropped=by_fate[DROPPED],
            unmatched={join.reference: unmatched[join.reference] for join in self.spec.joins},
        )
