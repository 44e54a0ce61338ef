"""Compaction: the small files of a published partition become few, and readers notice nothing.

The rows are written as an attempt of their own, audited, and published over the attempt that they
came from, which stays for a rollback. What they were made from, and their ledger, are carried over,
so that nothing takes the partition for changed. A refine or rollback that comes in between wins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from resources.attempts import (
    FileEntry,
    Verdict,
    quarantine_directory,
    record,
    rewritten_attempt_id,
)
from resources.audit import Audit, audit
from resources.browse import ledger_of, published_table
from resources.catalog.base import Pointer, TableEntry, pointer_to
from resources.errors import AuditFailed
from resources.lake_storage import is_address
from resources.merging import merged
from resources.parquet import read_footer
from resources.publishing import Publisher
from resources.storage import Storage
from resources.table import Limits
from spark.contract import Contract

#: A publication counts the whole table in DuckDB, and so should be of many partitions.
_PUBLISHED_AT_ONCE = 200


@dataclass(frozen=True)
class Candidate:
    """A published partition that pays: its small files become few, its large ones stay."""

    entry: TableEntry
    pointer: Pointer
    small: tuple[FileEntry, ...]
    large: tuple[FileEntry, ...]
    files_after: int


@dataclass(frozen=True)
class Compacted:
    """A partition before and after; `is_published` is false where something else came first."""

    before: Pointer
    after: Pointer
    is_published: bool


@dataclass(frozen=True)
class Compactor:
    """Compacts the tables of a lake into files of about `target_file_bytes`.

    It needs about three times as much memory.
    """

    storage: Storage
    publisher: Publisher
    target_file_bytes: int

    def candidates(self, table: str) -> list[Candidate]:
        """The partitions that pay, in order; raises `CatalogError` for a table that is not there."""
        found = published_table(self.publisher.catalog, table)
        every = (
            candidate(found.entry, each, self.target_file_bytes) for each in found.pointers.values()
        )
        return [each for each in every if each is not None]

    def compact(self, candidates: Sequence[Candidate]) -> Iterator[Compacted]:
        """Rewrite and publish partitions of one table, some at a time."""
        for first in range(0, len(candidates), _PUBLISHED_AT_ONCE):
            some = candidates[first : first + _PUBLISHED_AT_ONCE]
            yield from self.publish(some, [self.rewrite(each) for each in some])

    def rewrite(self, chosen: Candidate) -> Pointer:
        """Write, audit and record a candidate's rows as an attempt that awaits publication.

        Raises `AuditFailed` where storage does not hold the rows; nothing is recorded then.
        """
        before = chosen.pointer
        attempt = rewritten_attempt_id(before.attempt)
        after = before.directory.replace(f"attempt={before.attempt}", f"attempt={attempt}", 1)
        for position, (kind, data) in enumerate(self._files(chosen)):
            self.storage.write(f"{after}/part-{position:05d}-{kind}.parquet", data, if_absent=True)
        self._copy(quarantine_directory(before.directory), quarantine_directory(after))
        judged = self._audited(chosen, after)
        verdict = Verdict(
            table=chosen.entry.name,
            partition=before.partition,
            attempt=attempt,
            created=datetime.now(UTC).isoformat(),
            inputs=before.inputs,
            ledger=before.ledger,
            directory=after,
            files=list(judged.files),
            passed=True,
        )
        record(self.storage, verdict)
        return pointer_to(verdict, before.values)

    def publish(self, chosen: Sequence[Candidate], rewritten: Sequence[Pointer]) -> list[Compacted]:
        """Publish what `rewrite` made of one table, where readers still see what it was made from."""
        table = chosen[0].entry.name
        over = {each.pointer.partition: each.pointer.attempt for each in chosen}
        self.publisher.replace(table, rewritten, over)
        current = self.publisher.catalog.pointers(table)
        shown = {key: pointer.attempt for key, pointer in current.items()}
        return [
            Compacted(each.pointer, after, shown.get(after.partition) == after.attempt)
            for each, after in zip(chosen, rewritten, strict=True)
        ]

    def _files(self, chosen: Candidate) -> Iterator[tuple[str, bytes]]:
        small_bytes = sum(each.bytes for each in chosen.small)
        file_bytes = math.ceil(small_bytes / (chosen.files_after - len(chosen.large)))
        for data in merged(self.storage, [each.key for each in chosen.small], file_bytes):
            yield "merged", data
        for each in chosen.large:
            yield "copied", self.storage.read(each.key)

    def _copy(self, source: str, target: str) -> None:
        for info in self.storage.list(f"{source}/"):
            name = info.key.removeprefix(source)
            self.storage.write(target + name, self.storage.read(info.key), if_absent=True)

    def _audited(self, chosen: Candidate, after: str) -> Audit:
        """Judge by the columns that the rows had: the table may have got more since then."""
        entry, before = chosen.entry, chosen.pointer
        contract = _contract_of(self.storage, entry, before)
        listed = self.storage.list(f"{after}/")
        judged = audit(self.storage, after, listed, contract, ledger_of(before), Limits())
        if not judged.passed:
            raise AuditFailed(
                f"{entry.name}, partition {before.partition}: the compacted attempt in {after} "
                f"does not hold what attempt {before.attempt} does: "
                f"{'; '.join(judged.sentences)}. Readers keep what they have; run the partition "
                "again for a new attempt."
            )
        return judged


def candidate(entry: TableEntry, pointer: Pointer, target_bytes: int) -> Candidate | None:
    """What compacting a partition would do, or None where it would not halve the files.

    Small are files of less than half the target; others are copied as they are. Adopted files are
    not ours to rewrite.
    """
    if is_address(pointer.directory):
        return None
    small = tuple(each for each in pointer.files if each.bytes * 2 < target_bytes)
    large = tuple(each for each in pointer.files if each.bytes * 2 >= target_bytes)
    files_after = len(large) + math.ceil(sum(each.bytes for each in small) / target_bytes)
    if len(small) < 2 or files_after * 2 > len(pointer.files):
        return None
    return Candidate(entry, pointer, small, large, files_after)


def _contract_of(storage: Storage, entry: TableEntry, pointer: Pointer) -> Contract:
    types = {
        each.name: each.spark_type for each in read_footer(storage, pointer.files[0].key).fields
    }
    return Contract(
        tuple(
            replace(each, type=types[each.name])
            for each in entry.contract.columns
            if each.name in types
        )
    )
