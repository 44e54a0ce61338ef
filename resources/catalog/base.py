"""What a catalog is: tables, and per partition the pointer that readers follow.

A pointer names the files of one audited attempt. How pointers are kept belongs to the catalogs
beside this module; what every catalog must refuse is decided here, so that all refuse alike.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from resources.attempts import FileEntry, Ledger, Verdict, attempt_time
from resources.errors import AuditFailed, CatalogError
from resources.storage import Storage
from spark.contract import Column, Contract, promotable


@dataclass(frozen=True)
class TableEntry:
    """A table as readers see it; partition columns are text and not part of the contract.

    `adopt` allows to take over a table or columns that others made; catalogs do not keep it.
    """

    name: str
    contract: Contract
    partition_columns: tuple[str, ...] = ()
    comment: str = ""
    owners: tuple[str, ...] = ()
    adopt: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Pointer:
    """The files that readers of one partition see; `published_at` is ISO 8601, set on publishing.

    `values` holds the partition columns' text (`{"dt": "2014-06-16", "hour": "05"}`),
    `directory` is a key prefix without a final slash, under which all `files` lie.
    """

    partition: str
    values: dict[str, str]
    attempt: str
    directory: str
    files: list[FileEntry]
    rows: int
    bytes: int
    ledger: Ledger
    inputs: dict[str, str]
    published_at: str = ""


class Catalog(Protocol):
    """Where tables are published. A partition's change is one transaction: all of it or none."""

    @property
    def moved_together(self) -> int | None:
        """How many partitions change for readers in one step; None for any number."""

    def ensure_table(self, entry: TableEntry) -> None:
        """Create or update a table. Raises `CatalogError` where readers would be hurt."""

    def publish(self, table: str, pointer: Pointer) -> None:
        """Make `pointer` the one that readers of its partition follow; keep the previous one.

        Publishing what is current already, or what is older, changes nothing. Raises `CatalogError` when storage
        does not hold the files as recorded.
        """

    def publish_all(
        self, table: str, pointers: Sequence[Pointer], over: Mapping[str, str] | None = None
    ) -> None:
        """Publish many partitions, each of them in a transaction of its own.

        With `over`, attempts by partition, those are left out that show another attempt by now.
        When one is refused, those before it may be published. Raises as `publish` does.
        """

    def tables(self) -> list[TableEntry]:
        """Every table, by name."""

    def pointers(self, table: str) -> dict[str, Pointer]:
        """The current pointer of each published partition, in order of partitions."""

    def snapshot(self) -> list[tuple[TableEntry, list[Pointer]]]:
        """Every table with its current pointers, all as of one instant."""

    def history(self, table: str, partition: str) -> list[Pointer]:
        """Everything ever published for a partition, newest first, rolled back or not."""

    def rollback(self, table: str, partitions: Sequence[str]) -> list[Pointer]:
        """Go back to what each partition had before. Returns what they have.

        All of them or none, up to `moved_together`; one that expired shows again what it did.
        Raises `CatalogError` naming the partitions that have nothing to go back to, or those that
        were left when the others had gone.
        """

    def withdraw(self, table: str, attempts: Mapping[str, str]) -> None:
        """Undo the publication of an attempt (by partition) that turned out unreadable.

        Where another has been published since, nothing is done.
        """

    def expire(self, table: str, attempts: Mapping[str, str]) -> list[str]:
        """Show readers nothing of partitions any more, given with the attempts that they show.

        Returns them; where another attempt has been published since, nothing is done.
        """

    def retained(
        self, table: str, keep_previous: int, expired_since: datetime | None = None
    ) -> list[Pointer]:
        """Current pointers, and for each the last `keep_previous` it could be rolled back to.

        Those of partitions that expired at or after a moment count as current. Newest first
        within a partition.
        """

    def holding(self) -> AbstractContextManager[None]:
        """While held, nobody publishes or rolls back; readers are not affected."""


def pointer_to(verdict: Verdict, values: Mapping[str, str]) -> Pointer:
    """The pointer that publishes an attempt. Raises `AuditFailed` unless its audit passed."""
    if not verdict.passed:
        findings = "; ".join(verdict.findings) or "no finding was recorded"
        raise AuditFailed(
            f"Expected an attempt that passed its audit for {verdict.table}, partition "
            f"{verdict.partition!r}; attempt {verdict.attempt} did not: {findings}. "
            "Materialize the refined asset again once the cause is mended."
        )
    return Pointer(
        partition=verdict.partition,
        values=dict(values),
        attempt=verdict.attempt,
        directory=verdict.directory,
        files=list(verdict.files),
        rows=sum(file.rows for file in verdict.files),
        bytes=sum(file.bytes for file in verdict.files),
        ledger=verdict.ledger,
        inputs=verdict.inputs,
    )


def same_publication(one: Pointer, other: Pointer) -> bool:
    """Whether two pointers publish the same thing, whenever each was published."""
    return replace(one, published_at="") == replace(other, published_at="")


def is_older(pointer: Pointer, current: Pointer) -> bool:
    """Whether another publisher was faster with a newer attempt, which then stays."""
    began, theirs = attempt_time(pointer.attempt), attempt_time(current.attempt)
    return began is not None and theirs is not None and began < theirs


def check_entry(entry: TableEntry) -> None:
    """Raise `CatalogError` for a table that no reader could query."""
    folded: dict[str, str] = {}
    for name in (*entry.contract.names, *entry.partition_columns):
        if not name or name.casefold() in folded:
            raise CatalogError(
                f"Expected columns of table {entry.name!r} that differ in more than case, with "
                f"its partition columns; found {name!r} beside {folded.get(name.casefold(), '')!r}."
                " Rename one of them."
            )
        folded[name.casefold()] = name
    if not entry.name or not entry.contract.names:
        raise CatalogError(f"Expected a table with a name and columns; found {entry.name!r}.")


def check_evolution(old: TableEntry, new: TableEntry) -> None:
    """Raise `CatalogError` unless readers of what is published can go on reading it as `new`."""
    harm: list[str] = []
    if old.partition_columns != new.partition_columns:
        harm.append(
            f"partition columns {_listed(old.partition_columns)} would become "
            f"{_listed(new.partition_columns)}, which published partitions do not have"
        )
    names = old.contract.names
    missing = [name for name in names if name not in new.contract.names]
    harm += [f"column {name!r} would be gone, and queries on it would fail" for name in missing]
    if not missing and new.contract.names[: len(names)] != names:
        harm.append(
            f"columns {_listed(names)} would no longer come first and in this order, and readers "
            "that go by position would take one for another"
        )
    for column in new.contract.columns:
        if column.name in names:
            harm += _harm_of_column(old.contract.column(column.name), column)
        else:
            harm += _harm_of_new_column(column)
    if harm:
        raise CatalogError(
            f"Expected a change to table {new.name!r} that its readers survive (columns added at "
            f"the end, types widened, comments); found: {'; '.join(harm)}. Undo the change, or "
            "declare it as a new table."
        )


def _harm_of_column(old: Column, new: Column) -> Iterator[str]:
    if not promotable(old.type, new.type):
        yield (
            f"column {new.name!r} would turn from {old.type} to {new.type}, which cannot hold "
            "every value already published"
        )
    if old.nullable and not new.nullable:
        yield f"column {new.name!r} would promise no nulls, which published rows may hold"


def _harm_of_new_column(new: Column) -> Iterator[str]:
    if not new.nullable:
        yield f"new column {new.name!r} would promise no nulls, and published rows lack it"


def check_pointer(entry: TableEntry, pointer: Pointer) -> None:
    """Raise `CatalogError` for a pointer that contradicts itself or its table."""
    problems: list[str] = []
    if set(pointer.values) != set(entry.partition_columns):
        problems.append(
            f"partition values for {_listed(pointer.values)}, where the table has "
            f"{_listed(entry.partition_columns)}"
        )
    outside = [file.key for file in pointer.files if not file.key.startswith(_under(pointer))]
    if outside:
        problems.append(f"files outside its directory {pointer.directory!r}, as {outside[0]!r}")
    if len({file.key for file in pointer.files}) != len(pointer.files):
        problems.append("a file named twice")
    sums = (sum(file.rows for file in pointer.files), sum(file.bytes for file in pointer.files))
    if sums != (pointer.rows, pointer.bytes):
        problems.append(
            f"{pointer.rows} rows and {pointer.bytes} bytes, where its files have "
            f"{sums[0]} and {sums[1]}"
        )
    if problems:
        raise CatalogError(
            f"Expected a consistent pointer for {_place(entry.name, pointer)}; found "
            f"{'; '.join(problems)}. Nothing was published."
        )


def check_files(storage: Storage, table: str, pointers: Sequence[Pointer]) -> None:
    """Raise `CatalogError` unless storage holds exactly the pointers' data files, in full size.

    Files beside them count too: engines that read everything under a directory would show them.
    Pointers of one attempt are listed together, a thousand objects a call.
    """
    attempts: defaultdict[str, list[Pointer]] = defaultdict(list)
    for pointer in pointers:
        attempts[pointer.attempt].append(pointer)
    for group in attempts.values():
        found: dict[str, dict[str, int]] = {_under(pointer): {} for pointer in group}
        folder_of_all, slash, _ = posixpath.commonprefix(list(found)).rpartition("/")
        for info in storage.list(folder_of_all + slash):
            folder = info.key
            while folder := folder.rstrip("/").rpartition("/")[0]:
                folder += "/"
                if folder in found:
                    found[folder][info.key] = info.size
        for pointer in group:
            _check_found(storage, table, pointer, dict(found[_under(pointer)]))


def _check_found(storage: Storage, table: str, pointer: Pointer, found: dict[str, int]) -> None:
    """Compare a pointer's files with sizes by key, as listed; empties `found`."""
    problems: list[str] = []
    for file in pointer.files:
        size = found.pop(file.key, None)
        if size is None:
            problems.append(f"{file.key!r} is missing")
        elif size != file.bytes:
            problems.append(f"{file.key!r} has {size} bytes, not {file.bytes}")
    problems += [f"{key!r} is not on record" for key in found if not _is_hidden(key)]
    if problems:
        raise CatalogError(
            f"Expected {storage.root} to hold the files of {_place(table, pointer)} as recorded; "
            f"found {len(problems)} problems: {'; '.join(problems[:3])}. Readers keep what they "
            "have: run the partition again for a new attempt."
        )


def _under(pointer: Pointer) -> str:
    return pointer.directory.rstrip("/") + "/"


def _place(table: str, pointer: Pointer) -> str:
    return f"{table!r}, partition {pointer.partition!r}, attempt {pointer.attempt}"


def _is_hidden(key: str) -> bool:
    """Names that readers skip, and the empty objects by which Hadoop marks a directory on S3."""
    return key.endswith("/") or key.rpartition("/")[2].startswith(("_", "."))


def _listed(names: Sequence[str] | Mapping[str, str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
