"""What can be done with a declared table: list its raw objects, refine, audit, publish.

Every step can be called without Dagster. Each leaves behind what the next one needs in storage, so
that any of them can be run again or on its own, after whatever happened to the one before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from resources.attempts import (
    Verdict,
    new_attempt_id,
    newest,
    quarantine_prefix,
    record,
    refined_prefix,
)
from resources.audit import Audit, audit, read_rows
from resources.catalog.athena import Athena
from resources.catalog.base import Catalog, Pointer, TableEntry, pointer_to
from resources.catalog.counting import Counted, count_in_athena, count_in_duckdb
from resources.catalog.glue import GlueCatalog
from resources.catalog.opening import open_athena, open_catalog
from resources.compute.base import Compute
from resources.errors import CatalogError, StorageError
from resources.raw import RawPartition, list_raw, raw_objects, require_unchanged, separator
from resources.references import (
    ReferenceVersion,
    current_version,
    find_version,
    record_version,
    reference_prefix,
)
from resources.settings import Settings
from resources.source_database import Database, lake_database
from resources.storage import Storage, is_on_s3, open_storage
from resources.table import Reference, Table
from spark.job import PartitionReport
from spark.snapshot import SnapshotReport, SnapshotSpec
from spark.spec import JoinSpec, PartitionInput, RawSpec, RefineSpec

_LOG = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Publication:
    """What readers of some partitions follow now, and how their rows were counted."""

    pointers: list[Pointer]
    counted: Counted


class Lake:
    """The lake that the settings name. Making one opens nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.storage: Storage = open_storage(settings.root, settings.aws)
        self.raw_storage: Storage = open_storage(settings.raw_root, settings.aws)
        self.catalog: Catalog = open_catalog(settings, self.storage)
        self.athena: Athena | None = (
            open_athena(settings) if settings.read_back == "athena" else None
        )
        self.database: Database = lake_database(settings)

    def raw(self, table: Table, keys: Sequence[str]) -> list[RawPartition]:
        """The raw objects of some partitions, as they are now."""
        return list_raw(self.raw_storage, table, keys)

    def snapshot(self, compute: Compute, reference: Reference, jdbc: dict[str, str]) -> Snapshot:
        """Make the database's content the reference's current version."""
        now = datetime.now(UTC)
        spec = SnapshotSpec(
            name=reference.name,
            table=reference.table,
            key=reference.key,
            contract=reference.contract,
            output=self.storage.target_uri(reference_prefix(reference.name)),
            attempt=new_attempt_id(now),
            jdbc=jdbc,
        )
        report = compute.snapshot(
            spec, lambda version: find_version(self.storage, reference.name, version) is not None
        )
        return Snapshot(record_version(self.storage, spec, report, now.isoformat()), report)

    def refine(self, compute: Compute, table: Table, keys: Sequence[str]) -> list[Refined]:
        """Refine partitions into one attempt, audit each and record the verdicts.

        Raises `StorageError` when a reference has never been materialized, and `RawChanged` when
        raw objects were replaced or deleted meanwhile; no verdict is recorded then.
        """
        now = datetime.now(UTC)
        attempt = new_attempt_id(now)
        raw = self.raw(table, keys)
        references = {join.reference.name: self.reference(join.reference) for join in table.joins}
        spec = self._refine_spec(table, attempt, raw, references)
        report = compute.refine(spec)
        require_unchanged(raw, self.raw(table, keys))
        inputs = {name: version.version for name, version in references.items()}
        inputs["code"] = table.code_version
        return [
            self._judged(table, attempt, now, listed, each, inputs)
            for listed, each in zip(raw, report.partitions, strict=True)
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
        pointers = self.pointers(table)
        return [
            each
            for each in raw
            if each.key not in pointers or pointers[each.key].inputs != self.inputs(table, each)
        ]

    def inputs(self, table: Table, raw: RawPartition) -> dict[str, str]:
        """What a refine of the partition would be made from now; nothing for a missing reference."""
        versions = {
            join.reference.name: current_version(self.storage, join.reference.name)
            for join in table.joins
        }
        known = {name: version.version for name, version in versions.items() if version}
        return {**known, "raw": raw.fingerprint, "code": table.code_version}

    def publish(self, table: Table, keys: Sequence[str]) -> Publication:
        """Point readers at the newest attempt of each partition and read the rows back.

        Nothing is published unless the newest attempts of all `keys` passed their audits. Raises
        `AuditFailed` for one that did not, `CatalogError` where there is none or where a reader
        counts other rows than the ledger; in the last case the pointer is back where it was. The
        same is done where the query fails, with its error: publishing again can succeed.
        """
        pointers = [self._publishable(table, key) for key in keys]
        self.catalog.ensure_table(
            TableEntry(
                table.name,
                table.published,
                table.partitions.columns,
                table.description,
                table.owners,
                table.adopt,
            )
        )
        before = self.catalog.pointers(table.name)
        self.catalog.publish_all(table.name, pointers)
        counted = self._read_back(table, pointers, before)
        self._show_raw(table)
        current = self.catalog.pointers(table.name)
        return Publication([current[key] for key in keys], counted)

    def published_rows(self, table: str) -> dict[tuple[str, ...], int]:
        """Rows by partition values, as a query engine counts them."""
        return self.count_rows(table, list(self.catalog.pointers(table).values())).rows

    def count_rows(self, table: str, pointers: Sequence[Pointer]) -> Counted:
        """Count the rows of at least these partitions with the engine that the settings name."""
        entry = next(each for each in self.catalog.tables() if each.name == table)
        if self.athena is not None and isinstance(self.catalog, GlueCatalog):
            name = self.catalog.name_in_glue(table)
            return count_in_athena(self.athena, name, entry, pointers)
        return count_in_duckdb(self.catalog, self.storage, entry)

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
        rows: list[dict[str, object]] = []
        for pointer in pointers:
            for file in pointer.files:
                found = read_rows(self.storage, file.key, count - len(rows))
                rows += [{**row, **pointer.values} for row in found]
            if len(rows) >= count:
                break
        return rows[:count]

    def _publishable(self, table: Table, key: str) -> Pointer:
        verdict = newest(self.storage, table.name, key)
        if verdict is None:
            raise CatalogError(
                f"catalog/{table.name}, partition {key}: there is no attempt to publish; "
                f"materialize refined/{table.name} for this partition first"
            )
        return pointer_to(verdict, table.partitions.values(key))

    def _show_raw(self, table: Table) -> None:
        """Keep the table over raw JSON up to date; nothing that is published depends on it."""
        is_seen = table.raw.format == "json" and is_on_s3(self.settings.raw_root)
        if not (is_seen and isinstance(self.catalog, GlueCatalog)):
            return
        location = self.raw_storage.target_uri(table.raw.prefix)
        try:
            self.catalog.ensure_raw_table(table, location)
        except CatalogError as error:
            _LOG.warning(
                "%s is published; its raw objects cannot be queried: %s", table.name, error
            )

    def _read_back(
        self, table: Table, pointers: Sequence[Pointer], before: dict[str, Pointer]
    ) -> Counted:
        """Count what was published; what no count confirms goes back, whatever the reason is."""
        try:
            counted = self.count_rows(table.name, pointers)
        except BaseException:
            # A retry would take them for published before, and leave them if it counts others.
            self._undo(table, pointers, before)
            raise
        current = self.catalog.pointers(table.name)
        wrong = [
            pointer
            for pointer in pointers
            if current[pointer.partition].attempt == pointer.attempt
            and counted.rows.get(tuple(pointer.values.values()), 0) != pointer.rows
        ]
        if wrong:
            self._undo(table, wrong, before)
            first = wrong[0]
            found = counted.rows.get(tuple(first.values.values()), 0)
            raise CatalogError(
                f"catalog/{table.name}, partition {first.partition}: {first.rows:,} rows were "
                f"published, a query counts {found:,}. The publication of {len(wrong):,} such "
                "partitions is undone; materialize refined for them again."
            )
        return counted

    def _undo(self, table: Table, pointers: Sequence[Pointer], before: dict[str, Pointer]) -> None:
        """Withdraw what was not published `before` already."""
        fresh = {
            each.partition: each.attempt
            for each in pointers
            if each.partition not in before or before[each.partition].attempt != each.attempt
        }
        if fresh:
            self.catalog.withdraw(table.name, fresh)

    def _refine_spec(
        self,
        table: Table,
        attempt: str,
        raw: Sequence[RawPartition],
        references: dict[str, ReferenceVersion],
    ) -> RefineSpec:
        return RefineSpec(
            table=table.name,
            attempt=attempt,
            partitions=tuple(
                PartitionInput(
                    each.key,
                    table.partitions.values(each.key),
                    raw_objects(self.raw_storage, each),
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
        now: datetime,
        raw: RawPartition,
        report: PartitionReport,
        inputs: dict[str, str],
    ) -> Refined:
        below = f"/{report.directory}" if report.directory else ""
        directory = refined_prefix(table.name, attempt) + below
        judged = audit(self.storage, directory, table.published, report.ledger, table.limits)
        verdict = Verdict(
            table=table.name,
            partition=raw.key,
            attempt=attempt,
            created=now.isoformat(),
            inputs={**inputs, "raw": raw.fingerprint},
            ledger=report.ledger.to_json(),
            directory=directory,
            files=list(judged.files),
            passed=judged.passed,
            findings=judged.sentences,
        )
        record(self.storage, verdict)
        return Refined(raw, report, judged, verdict)
