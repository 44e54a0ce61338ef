"""What an attempt left behind: where its files lie, and the verdict that its audit reached.

A verdict is written once, beside the data, and is all that publishing goes by. Judging an attempt
(the audit) and publishing it (the catalog) do not belong here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from resources.at_once import at_once
from resources.errors import AlreadyThere, StorageError
from resources.listing import list_folders
from resources.storage import Storage

#: Counts by name; a nested mapping breaks one count down, such as quarantined by reason.
Ledger = dict[str, int | dict[str, int]]

#: The moment, something random, and something random again for each rewrite of the same rows.
_ATTEMPT_ID = re.compile(r"(\d{8}T\d{6}\.\d{3})Z(-[0-9a-f]{8})+")


@dataclass(frozen=True)
class FileEntry:
    """One Parquet file of an attempt, by its key; `rows` and `bytes` as its footer and size say."""

    key: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Verdict:
    """One partition of one attempt: what went in, what came out, whether it may be published.

    `created` is ISO 8601 in UTC; `directory` is a key prefix without a final slash; `inputs` maps
    "raw" to the raw fingerprint, "code" to the code's version and each reference to its version.
    """

    table: str
    partition: str
    attempt: str
    created: str
    inputs: dict[str, str]
    ledger: Ledger
    directory: str
    files: list[FileEntry]
    passed: bool
    findings: list[str] = field(default_factory=list)


_VERDICT = TypeAdapter(Verdict)


def new_attempt_id(now: datetime) -> str:
    """An identifier that sorts by time: `20261121T034500.123Z-1a2b3c4d`. `now` has a time zone."""
    moment = now.astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z-{secrets.token_hex(4)}"


def rewritten_attempt_id(attempt: str) -> str:
    """An identifier for the same rows in other files: sorts after `attempt`, at the same time.

    So an attempt that began after the rows were refined stays the newer one, whoever ends last.
    """
    return f"{attempt}-{secrets.token_hex(4)}"


def attempt_time(attempt: str) -> datetime | None:
    """When an attempt began, or None for an identifier that is not one of ours."""
    match = _ATTEMPT_ID.fullmatch(attempt)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1] + "+0000", "%Y%m%dT%H%M%S.%f%z").astimezone(UTC)
    except ValueError:
        return None


def refined_prefix(table: str, attempt: str) -> str:
    """Where an attempt's published-to-be rows lie, without a final slash."""
    return f"refined/{table}/attempt={attempt}"


def quarantine_prefix(table: str, attempt: str) -> str:
    """Where an attempt's quarantined documents lie, without a final slash."""
    return f"quarantine/{table}/attempt={attempt}"


def record(storage: Storage, verdict: Verdict) -> None:
    """Write a verdict once. Recording the same again is no error, a different one is refused."""
    key = _verdict_key(verdict.table, verdict.partition, verdict.attempt)
    data = _VERDICT.dump_json(verdict, indent=2)
    try:
        storage.write(key, data, if_absent=True)
    except AlreadyThere:
        if storage.read(key) == data:
            return
        raise AlreadyThere(
            f"Expected no verdict on attempt {verdict.attempt} of {verdict.table}, partition "
            f"{verdict.partition!r}; found a different one in {key!r}. A verdict is written once: "
            "run a new attempt."
        ) from None


def newest(storage: Storage, table: str, partition: str) -> Verdict | None:
    """The verdict on a partition's latest attempt, passed or not; None before the first."""
    return newest_of(storage, table, [partition]).get(partition)


def newest_of(storage: Storage, table: str, partitions: Collection[str]) -> dict[str, Verdict]:
    """The same for many partitions, listed together; those without an attempt are left out."""
    folders = {_verdict_folder(table, each): each for each in partitions}
    latest = {
        folders[folder]: max(keys, key=_without_ending)
        for folder, infos in list_folders(storage, folders).items()
        if (keys := [info.key for info in infos if info.key.endswith(".json")])
    }
    return dict(zip(latest, at_once(partial(_read, storage), latest.values()), strict=True))


def newest_verdicts(storage: Storage, table: str, among: Collection[str]) -> list[Verdict]:
    """The verdicts on each partition's latest attempt, of those attempts that are `among` these."""
    latest: dict[str, str] = {}
    for info in storage.list(f"refined/{table}/_manifest/"):
        folder, _, name = info.key.rpartition("/")
        if name.endswith(".json"):
            latest[folder] = max(latest.get(folder, ""), _without_ending(name))
    keys = [f"{folder}/{name}.json" for folder, name in latest.items() if name in among]
    return at_once(partial(_read, storage), keys)


def all_verdicts(storage: Storage, table: str) -> list[Verdict]:
    """Every verdict on a table, oldest attempt first."""
    keys = [info.key for info in storage.list(f"refined/{table}/_manifest/")]
    verdicts = at_once(partial(_read, storage), [key for key in keys if key.endswith(".json")])
    return sorted(verdicts, key=lambda verdict: (verdict.attempt, verdict.partition))


def quarantine_directory(directory: str) -> str:
    """Where documents were turned away beside the rows below `directory`: by its partition.

    Folders of a job's own between the attempt and the partition have no counterpart there.
    """
    _, table, attempt, *folders = directory.rstrip("/").split("/")
    return "/".join(["quarantine", table, attempt, *(each for each in folders if "=" in each)])


def _without_ending(key: str) -> str:
    """A verdict's key as attempts sort: `a` comes before `a-b`, and `a-b.json` before `a.json`."""
    return key.removesuffix(".json")


def _verdict_key(table: str, partition: str, attempt: str) -> str:
    return f"{_verdict_folder(table, partition)}{attempt}.json"


def _verdict_folder(table: str, partition: str) -> str:
    name = quote(partition, safe="=:+ ").replace(".", "%2E") or "all"
    return f"refined/{table}/_manifest/{name}/"


def _read(storage: Storage, key: str) -> Verdict:
    try:
        return _VERDICT.validate_json(storage.read(key))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise StorageError(
            f"Expected a verdict in {key!r} of {storage.root}; {where}: {first['msg']}. "
            "Verdicts are never edited: run the partition again for a new attempt."
        ) from error
