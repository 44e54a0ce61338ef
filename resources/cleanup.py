"""What may go: attempts and reference versions that nothing needs, and half-written files.

Only an explicit clean-up removes anything from a lake, and only what no current pointer, no pointer
that one could roll back to, and no attempt awaiting publication needs. Verdicts and manifests stay:
they are the record of what happened. What readers see is decided elsewhere, in the catalog.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from resources.attempts import (
    Verdict,
    attempt_time,
    newest_verdicts,
    quarantine_directory,
)
from resources.catalog.base import Catalog
from resources.compute.job_records import JOBS
from resources.doctor.base import PROBES
from resources.errors import SettingsError, StorageError
from resources.lake_storage import is_address
from resources.references import ReferenceVersion
from resources.scratch import SCRATCH, stale_results
from resources.storage import ObjectInfo, Storage

#: Objects removed while publishers wait; a thousand take some tens of milliseconds.
_BATCH = 1000
#: Where this project writes; raw objects are not ours, and "." is the catalog's draft.
WRITTEN = ("refined/", "quarantine/", "reference/", "code/", f"{JOBS}/", PROBES, SCRATCH, ".")
_MANIFEST = TypeAdapter(ReferenceVersion)


@dataclass(frozen=True)
class Removal:
    """Objects that go from one directory: how many, and their bytes."""

    directory: str
    objects: int
    bytes: int


@dataclass(frozen=True)
class CleanupReport:
    """What a clean-up removed, or would remove, by directory."""

    is_dry_run: bool
    removals: tuple[Removal, ...]

    @property
    def objects(self) -> int:
        return sum(each.objects for each in self.removals)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.removals)


def cleanup(
    storage: Storage,
    catalog: Catalog,
    *,
    keep_previous: int,
    older_than: timedelta,
    scratch_older_than: timedelta,
    dry_run: bool,
    now: datetime | None = None,
) -> CleanupReport:
    """Remove what nothing needs and what is `older_than`, so that running attempts are safe.

    What expired stays as long, so that the expiry can be undone. `keep_previous` is how many earlier
    versions of each partition stay for a rollback. Analysts' results go by an age of their own. A dry
    run lists the same and removes nothing. Raises `SettingsError` for a negative number or age.
    """
    if keep_previous < 0 or min(older_than, scratch_older_than) < timedelta(0):
        raise SettingsError(
            f"Expected a clean-up to keep no negative number of versions and no negative age; "
            f"found {keep_previous} versions, {older_than} and {scratch_older_than} for scratch."
        )
    now = now or datetime.now(UTC)
    cutoff = now - older_than
    references = list(
        _stale_references(storage, _used_versions(catalog, keep_previous, cutoff), cutoff)
    )
    spent = [
        info
        for area in (PROBES, f"{JOBS}/")
        for info in storage.list(area)
        if info.modified < cutoff
    ]
    spent += stale_results(storage, now - scratch_older_than)
    unfinished = [
        info for area in WRITTEN for info in storage.unfinished(area) if info.modified < cutoff
    ]
    removed: list[ObjectInfo] = []
    for table, stale in _stale_attempts(storage, cutoff).items():
        awaiting = _awaiting_publication(storage, catalog, table, stale)
        for batch in _batches(stale):
            with contextlib.nullcontext() if dry_run else catalog.holding():
                needed = awaiting | _retained_directories(catalog, table, keep_previous, cutoff)
                gone = [info for info in batch if not _lies_in(info.key, needed)]
                if not dry_run:
                    storage.delete(info.key for info in gone)
            removed += gone
    if not dry_run:
        storage.delete(info.key for info in [*references, *spent])
        storage.discard(unfinished)
    return CleanupReport(
        dry_run, tuple(_by_directory([*removed, *references, *spent, *unfinished]))
    )


def _used_versions(catalog: Catalog, keep_previous: int, cutoff: datetime) -> set[str]:
    """Versions of references that retained rows were joined with."""
    return {
        version
        for entry in catalog.tables()
        for pointer in catalog.retained(entry.name, keep_previous, cutoff)
        for version in pointer.inputs.values()
    }


def _retained_directories(
    catalog: Catalog, table: str, keep_previous: int, cutoff: datetime
) -> set[str]:
    if not _is_known(catalog, table):
        return set()
    retained = catalog.retained(table, keep_previous, cutoff)
    return _with_quarantine(each.directory for each in retained)


def _with_quarantine(directories: Iterable[str]) -> set[str]:
    """Where rows lie, and where those turned away beside them do; what was adopted is elsewhere."""
    bare = {each.rstrip("/") for each in directories if not is_address(each)}
    return bare | {quarantine_directory(each) for each in bare}


def _is_known(catalog: Catalog, table: str) -> bool:
    return table in {entry.name for entry in catalog.tables()}


def _stale_attempts(storage: Storage, cutoff: datetime) -> dict[str, list[ObjectInfo]]:
    """Per table the objects of attempts that began, and last wrote anything, before `cutoff`."""
    attempts: defaultdict[tuple[str, str], list[ObjectInfo]] = defaultdict(list)
    for area in ("refined/", "quarantine/"):
        for info in storage.list(area):
            _, table, folder, *_ = [*info.key.split("/"), "", ""]
            if folder.startswith("attempt="):
                attempts[table, folder.removeprefix("attempt=")].append(info)
    stale: defaultdict[str, list[ObjectInfo]] = defaultdict(list)
    for (table, attempt), objects in attempts.items():
        began = attempt_time(attempt) or min(info.modified for info in objects)
        if max(began, *(info.modified for info in objects)) < cutoff:
            stale[table] += objects
    return stale


def _awaiting_publication(
    storage: Storage, catalog: Catalog, table: str, stale: Iterable[ObjectInfo]
) -> set[str]:
    """Directories of attempts that passed, are their partition's latest, and were not published."""
    attempts = {info.key.split("/")[2].removeprefix("attempt=") for info in stale}
    return _with_quarantine(
        verdict.directory
        for verdict in newest_verdicts(storage, table, among=attempts)
        if verdict.passed and not _was_published(catalog, verdict)
    )


def _was_published(catalog: Catalog, verdict: Verdict) -> bool:
    if not _is_known(catalog, verdict.table):
        return False
    published = catalog.history(verdict.table, verdict.partition)
    return any(pointer.attempt == verdict.attempt for pointer in published)


def _lies_in(key: str, directories: set[str]) -> bool:
    """Whether a key is under one of the directories."""
    path = key
    while path:
        path = path.rpartition("/")[0]
        if path in directories:
            return True
    return False


def _stale_references(
    storage: Storage, used_versions: set[str], cutoff: datetime
) -> Iterator[ObjectInfo]:
    """Objects of reference versions that are neither used, nor current at or after `cutoff`."""
    references: defaultdict[str, list[ObjectInfo]] = defaultdict(list)
    for info in storage.list("reference/"):
        references[info.key.split("/")[1]].append(info)
    for name, objects in references.items():
        needed = _needed_versions(storage, name, objects, used_versions, cutoff)
        versions: defaultdict[str, list[ObjectInfo]] = defaultdict(list)
        for info in objects:
            directory = "/".join(info.key.split("/")[:3])
            if directory.startswith(f"reference/{name}/version="):
                versions[directory].append(info)
        for directory, contents in versions.items():
            if directory not in needed and max(info.modified for info in contents) < cutoff:
                yield from contents


def _needed_versions(
    storage: Storage,
    name: str,
    objects: Iterable[ObjectInfo],
    used_versions: set[str],
    cutoff: datetime,
) -> set[str]:
    """Directories that a retained pointer came from, or that an attempt may be reading now.

    A version is current until the next manifest's time, so one that was replaced lately stays.
    """
    manifests = [
        _read_manifest(storage, info.key)
        for info in objects
        if info.key.startswith(f"reference/{name}/_manifest/") and info.key.endswith(".json")
    ]
    needed: set[str] = set()
    for position, manifest in enumerate(manifests):
        following = manifests[position + 1 :]
        replaced_at = datetime.fromisoformat(following[0].created) if following else None
        is_recent = replaced_at is None or replaced_at >= cutoff
        if is_recent or manifest.version in used_versions:
            needed.add(manifest.directory.rstrip("/"))
    return needed


def _read_manifest(storage: Storage, key: str) -> ReferenceVersion:
    try:
        return _MANIFEST.validate_json(storage.read(key))
    except ValidationError as error:
        raise StorageError(
            f"Expected a reference's manifest in {key!r} of {storage.root}; found something else: "
            f"{error.error_count()} problems. Nothing was removed: without it nobody can say which "
            "version is in use. Remove the object and materialize the reference again."
        ) from error


def _batches(objects: list[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    for start in range(0, len(objects), _BATCH):
        yield objects[start : start + _BATCH]


def _by_directory(objects: Iterable[ObjectInfo]) -> Iterator[Removal]:
    directories: defaultdict[str, list[int]] = defaultdict(list)
    for info in objects:
        directories[info.key.rpartition("/")[0]].append(info.size)
    for directory, sizes in sorted(directories.items()):
        yield Removal(directory, len(sizes), sum(sizes))
