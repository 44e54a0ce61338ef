"""Adopting Parquet files that others laid out by partition, where they lie and as they are.

A survey reads every footer and changes nothing. Adopting writes a verdict for each partition, whose
files lie outside of the lake (`lake_storage.py`), and publishes it as any other attempt. A later
materialization of the partition takes its place; the files themselves are never touched.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from resources.at_once import at_once
from resources.attempts import FileEntry, Verdict, new_attempt_id, record
from resources.audit import null_problems
from resources.catalog.base import Pointer
from resources.catalog.glue import GlueCatalog
from resources.cleanup import WRITTEN
from resources.errors import CatalogError, StorageError
from resources.hive_layout import partition_directories
from resources.lake import Lake
from resources.lake_storage import address_of
from resources.objects import ObjectInfo, fingerprint
from resources.parquet import Footer, read_footer
from resources.publishing import Publication
from resources.storage import Storage, is_on_s3
from resources.table import Table
from spark.contract import Contract, ParquetField, promotable
from spark.errors import ContractError
from spark.ledger import Ledger

#: What an adopted partition's inputs say instead of naming raw objects and references.
ORIGIN, ADOPTED = "origin", "adopted"
#: Problems that an error names one by one.
_SHOWN = 10


@dataclass(frozen=True)
class Candidate:
    """A partition's files as their footers have them; `directory` is an address."""

    partition: str
    directory: str
    files: tuple[FileEntry, ...]
    fingerprint: str

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class Survey:
    """What lies at an address, and what adopting it would do.

    `candidates` would be published, `current` are already, and `others` are left alone because
    something else is published for them. With any `problems`, sentences, nothing is adopted.
    """

    address: str
    candidates: tuple[Candidate, ...]
    current: tuple[str, ...]
    others: tuple[str, ...]
    problems: tuple[str, ...]


def survey(lake: Lake, table: Table, location: str, known: Collection[str]) -> Survey:
    """Look at the files below a folder, a `file:` or an `s3:` URL; `known` partitions exist.

    Raises `CatalogError` where nothing there could be adopted, whatever its files hold.
    """
    address = address_of(location)
    _check_place(lake, address)
    directories, problems = partition_directories(lake.storage, table.partitions, address, known)
    listed = [info for each in directories.values() for info in each.objects]
    looked = at_once(partial(_looked_at, lake.storage, table.published), listed)
    footers = dict(zip((info.key for info in listed), looked, strict=True))
    problems += [sentence for each in looked for sentence in each.problems]
    candidates = [
        Candidate(
            key,
            each.path,
            tuple(FileEntry(info.key, footers[info.key].rows, info.size) for info in each.objects),
            fingerprint(each.objects),
        )
        for key, each in directories.items()
    ]
    published = lake.pointers(table)
    others = [
        each.partition
        for each in candidates
        if each.partition in published and published[each.partition].directory != each.directory
    ]
    current = [
        each.partition
        for each in candidates
        if each.partition in published and _is_current(published[each.partition], each)
    ]
    return Survey(
        address,
        tuple(each for each in candidates if each.partition not in {*others, *current}),
        tuple(current),
        tuple(others),
        tuple(problems),
    )


def adopt(lake: Lake, table: Table, found: Survey) -> Publication | None:
    """Publish the candidates of a survey; None where there are none.

    Raises `CatalogError`, with nothing changed, when the survey found problems, and as publishing
    does: the files are compared with storage once more.
    """
    if found.problems:
        raise CatalogError(_refusal(table, found))
    if not found.candidates:
        return None
    now = datetime.now(UTC)
    attempt = new_attempt_id(now)
    verdicts = [_verdict(table, each, attempt, now) for each in found.candidates]
    at_once(partial(record, lake.storage), verdicts)
    return lake.publish(table, [each.partition for each in found.candidates])


@dataclass(frozen=True)
class _Looked:
    rows: int
    problems: tuple[str, ...]


def _check_place(lake: Lake, address: str) -> None:
    root = address_of(lake.storage.root)
    ours = [f"{root}/{area}" for area in (*WRITTEN, "catalog/", "published/")]
    if f"{root}/".startswith(f"{address}/") or f"{address}/".startswith(tuple(ours)):
        raise CatalogError(
            f"Expected files beside what the lake itself writes in {lake.storage.root}; found "
            f"{address}. Attempts are published by `lake materialize`; adopt a folder of others."
        )
    if isinstance(lake.catalog, GlueCatalog) and not is_on_s3(address):
        raise CatalogError(
            f"Expected an address like s3://bucket/plays for a table in Glue, found {address}. "
            "Athena reads S3 only: copy the files to S3 first."
        )


def _looked_at(storage: Storage, contract: Contract, info: ObjectInfo) -> _Looked:
    try:
        footer = read_footer(storage, info.key)
    except StorageError as error:
        if error.retryable:
            raise
        return _Looked(0, (str(error),))
    problems = contract.parquet_problems(_as_read(footer, contract))
    found = [f"{info.key}: {problem}" for problem in problems]
    found += null_problems(storage, info.key, footer, contract)
    return _Looked(footer.stats.rows, tuple(found))


def _as_read(footer: Footer, contract: Contract) -> list[ParquetField]:
    """The columns as readers get them: narrower ones widened, optional ones that lack as null.

    That is what published files may differ in from a contract that has grown since.
    """
    has = {each.name.lower() for each in footer.fields}
    fields = [
        replace(each, spark_type=contract.column(each.name).type)
        if each.name in contract.names and _widens(each.spark_type, contract.column(each.name).type)
        else each
        for each in footer.fields
    ]
    return fields + [
        ParquetField(each.name, each.type)
        for each in contract.columns
        if each.nullable and each.name.lower() not in has
    ]


def _widens(found: str, declared: str) -> bool:
    try:
        return promotable(found, declared)
    except ContractError:  # a type that no contract can hold
        return False


def _is_current(pointer: Pointer, candidate: Candidate) -> bool:
    return pointer.directory == candidate.directory and (
        pointer.inputs.get("files") == candidate.fingerprint
    )


def _verdict(table: Table, each: Candidate, attempt: str, now: datetime) -> Verdict:
    return Verdict(
        table=table.name,
        partition=each.partition,
        attempt=attempt,
        created=now.isoformat(),
        inputs={ORIGIN: ADOPTED, "files": each.fingerprint},
        ledger=Ledger(documents=each.rows, published=each.rows).to_json(),
        directory=each.directory,
        files=list(each.files),
        passed=True,
    )


def _refusal(table: Table, found: Survey) -> str:
    return (
        f"Expected files below {found.address} that readers of {table.name!r} can take as they are; "
        f"found {len(found.problems):,} problems: {_some(found.problems)}. Nothing was changed: "
        "declare the columns as the files have them, or move these files elsewhere."
    )


def _some(problems: Collection[str]) -> str:
    shown = list(problems)[:_SHOWN]
    return "; ".join(shown) + ("; …" if len(problems) > len(shown) else "")
