"""What can be done with a declared table: list its raw objects, refine, audit, publish.

Every step can be called without Dagster. Each leaves behind what the next one needs in storage, so
that any of them can be run again or on its own, after whatever happened to the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from resources.attempts import (
    Verdict,
    attempt_time,
    new_attempt_id,
    quarantine_prefix,
    record,
    refined_prefix,
)
from resources.audit import Audit, audit, read_rows
from resources.browse import first_published_rows
from resources.catalog.athena import Athena
from resources.catalog.base import Catalog, Pointer
from resources.catalog.opening import open_athena, open_catalog
from resources.compaction import Compactor
from resources.compute.base import Compute
from resources.errors import StorageError
from resources.lake_storage import lake_storage
from resources.listing import list_folders
from resources.objects import ObjectInfo
from resources.publishing import Publication, Publisher
from resources.raw import RawPartition, list_raw, raw_objects, require_unchanged, separator
from resources.references import (
    ReferenceVersion,
    current_version,
    known_versions,
    record_version,
    reference_prefix,
)
from resources.settings import Settings
from resources.source_database import Database, lake_database
from resources.storage import Storage, open_storage
from resources.table import Reference, Table
from spark.refining import PartitionReport
from spark.snapshot import SnapshotReport, SnapshotSpec
from spark.snapshot_spec import LoginSpec
from spark.spec import JoinSpec, PartitionInput, RawSpec, RefineSpec


@dataclass(frozen=True)
class Refined:
    """One partition of one attempt, as it came out and as the audit judged it."""

    raw: RawPartition
    report: PartitionReport
    audit: Audit
    verdict: Verdict


@dataclass(frozen=True)
class Snapshot:
    """A reference as it is now, and what taking it did."""

    version: ReferenceVersion
    report: SnapshotReport


class Lake:
    """The lake that the settings name. Making one opens nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.storage: Storage = lake_storage(settings)
        self.raw_storage: Storage = open_storage(settings.raw_root, settings.aws)
        self.catalog: Catalog = open_catalog(settings, self.storage)
        self.athena: Athena | None = (
            open_athena(settings) if settings.read_back == "athena" else None
        )
        self.database: Database = lake_database(settings)

    @property
    def publisher(self) -> Publisher:
        """What publishes attempts to the catalog and counts them."""
        return Publisher(self.storage, self.raw_storage, self.catalog, self.athena)

    @property
    def compactor(self) -> Compactor:
        """What makes few files of many."""
        return Compactor(self.storage, self.publisher, self.settings.target_file_bytes)

    def raw(self, table: Table, keys: Sequence[str]) -> list[RawPartition]:
        """The raw objects of some partitions, as they are now."""
        return list_raw(self.raw_storage, table, keys)

    def snapshot(
        self,
        compute: Compute,
        reference: Reference,
        jdbc: Mapping[str, str],
        login: LoginSpec | None = None,
    ) -> Snapshot:
        """Make the database's content the reference's current version.

        With a `login`, the job gets its password itself, and there is none in `jdbc`.
        """
        now = datetime.now(UTC)
        spec = SnapshotSpec(
            name=reference.name,
            table=reference.table,
            key=reference.key,
            contract=reference.contract,
            output=self.storage.target_uri(reference_prefix(reference.name)),
            attempt=new_attempt_id(now),
            jdbc=jdbc,
            login=login,
        )
        report = compute.snapshot(spec, known_versions(self.storage, reference.name))
        return Snapshot(record_version(self.storage, spec, report, now.isoformat()), report)

    def refine(self, compute: Compute, table: Table, keys: Sequence[str]) -> list[Refined]:
        """Refine partitions into one attempt, audit each and record the verdicts.

        Raises `StorageError` when a reference has never been materialized, and `RawChanged` when
        raw objects were replaced or deleted meanwhile; no verdict is recorded then.
        """
        raw = self.raw(table, keys)
        references = {join.reference.name: self.reference(join.reference) for join in table.joins}
        attempt = new_attempt_id(datetime.now(UTC))
        report = compute.refine(self.refine_spec(table, attempt, raw, references))
        began = attempt_time(report.attempt) or datetime.now(UTC)
        require_unchanged(raw, self.raw(table, keys))
        inputs = {name: version.version for name, version in references.items()}
        inputs["code"] = table.code_version
        directories = [_directory(table, report.attempt, each) for each in report.partitions]
        found = list_folders(self.storage, [f"{each}/" for each in directories])
        return [
            self._judged(table, report.attempt, began, each, done, found[f"{directory}/"], inputs)
            for each, done, directory in zip(raw, report.partitions, directories, strict=True)
        ]

    def reference(self, reference: Reference) -> ReferenceVersion:
        """The reference's current version; raises `StorageError` before the first."""
        version = current_version(self.storage, reference.name)
        if version is None:
            raise StorageError(
                f"reference/{reference.name} has never been materialized in {self.storage.root}; "
                "materialize it first, or together with the table that joins it"
            )
        return version

    def pointers(self, table: Table) -> dict[str, Pointer]:
        """What readers of the table follow; nothing before its first publication."""
        if all(entry.name != table.name for entry in self.catalog.tables()):
            return {}
        return self.catalog.pointers(table.name)

    def changed(self, table: Table, raw: Sequence[RawPartition]) -> list[RawPartition]:
        """Those whose published rows were made from other objects, references or rules."""
        pointers, versions = self.pointers(table), self.versions(table)
        return [
            each
            for each in raw
            if each.key not in pointers
            or pointers[each.key].inputs != {**versions, "raw": each.fingerprint}
        ]

    def inputs(self, table: Table, raw: RawPartition) -> dict[str, str]:
        """What a refine of the partition would be made from now; nothing for a missing reference."""
        return {**self.versions(table), "raw": raw.fingerprint}

    def versions(self, table: Table) -> dict[str, str]:
        """What every partition would be made from now: its references' versions, and its code's."""
        versions = {
            join.reference.name: current_version(self.storage, join.reference.name)
            for join in table.joins
        }
        known = {name: version.version for name, version in versions.items() if version}
        return {**known, "code": table.code_version}

    def publish(self, table: Table, keys: Sequence[str]) -> Publication:
        """Point readers at the newest attempt of each partition, as `Publisher.publish` does."""
        return self.publisher.publish(table, keys)

    def published_rows(self, table: str) -> dict[tuple[str, ...], int]:
        """Rows by partition values, as a query engine counts them."""
        return self.publisher.count_rows(table, list(self.catalog.pointers(table).values())).rows

    def row_count(self, table: str) -> int:
        """Rows of a published table, as its pointers say."""
        return sum(pointer.rows for pointer in self.catalog.pointers(table).values())

    def sample(self, done: Sequence[Refined], count: int) -> list[dict[str, object]]:
        """Some rows of what was refined, from the first files that have any."""
        rows: list[dict[str, object]] = []
        for each in (file for refined in done for file in refined.audit.files if file.rows):
            rows += read_rows(self.storage, each.key, count - len(rows))
            if len(rows) >= count:
                break
        return rows

    def published_sample(self, pointers: Sequence[Pointer], count: int) -> list[dict[str, object]]:
        """Some rows as readers of the published table see them."""
        return first_published_rows(self.storage, pointers, count)

    def refine_spec(
        self,
        table: Table,
        attempt: str,
        raw: Sequence[RawPartition],
        references: Mapping[str, ReferenceVersion],
    ) -> RefineSpec:
        """What a job is to do: raw objects as listed, references in these versions."""
        return RefineSpec(
            table=table.name,
            attempt=attempt,
            partitions=tuple(
                PartitionInput(
                    each.key,
                    table.partitions.values(each.key),
                    raw_objects(self.raw_storage, each),
                    each.fingerprint,
                )
                for each in raw
            ),
            raw=RawSpec(
                table.raw.format,
                table.raw.contract,
                separator(self.raw_storage, table, raw) if table.raw.format == "json" else "",
                table.raw.csv,
            ),
            row_filter=table.row_filter,
            deduplicate=table.deduplicate,
            joins=tuple(
                JoinSpec(
                    join.reference.name,
                    self.storage.uri(references[join.reference.name].directory),
                    join.reference.contract,
                    join.on,
                    join.columns,
                    join.unmatched,
                )
                for join in table.joins
            ),
            clean=table.clean,
            published=table.published,
            output=self.storage.target_uri(refined_prefix(table.name, attempt)),
            quarantine=self.storage.target_uri(quarantine_prefix(table.name, attempt)),
            target_file_bytes=self.settings.target_file_bytes,
        )

    def _judged(
        self,
        table: Table,
        attempt: str,
        began: datetime,
        raw: RawPartition,
        report: PartitionReport,
        listed: Sequence[ObjectInfo],
        inputs: dict[str, str],
    ) -> Refined:
        directory = _directory(table, attempt, report)
        judged = audit(
            self.storage, directory, listed, table.published, report.ledger, table.limits
        )
        verdict = Verdict(
            table=table.name,
            partition=raw.key,
            attempt=attempt,
            created=began.isoformat(),
            inputs={**inputs, "raw": raw.fingerprint},
            ledger=report.ledger.to_json(),
            directory=directory,
            files=list(judged.files),
            passed=judged.passed,
            findings=judged.sentences,
        )
        record(self.storage, verdict)
        return Refined(raw, report, judged, verdict)


def _directory(table: Table, attempt: str, report: PartitionReport) -> str:
    """Where one partition of an attempt lies, without a final slash."""
    below = f"/{report.directory}" if report.directory else ""
    return refined_prefix(table.name, attempt) + below
