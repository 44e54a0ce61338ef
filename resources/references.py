"""Which version of a reference is current: manifests under `reference/<name>/_manifest/`.

A version exists once a manifest names its directory and every file of it is in storage; a directory
that no manifest names is what a crash left. How a snapshot is taken is in `spark/snapshot.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from resources.errors import StorageError
from resources.storage import Storage
from spark.snapshot import SnapshotReport, SnapshotSpec


@dataclass(frozen=True)
class ReferenceFile:
    """One Parquet file of a version, by its key; `bytes` is its size."""

    key: str
    bytes: int


@dataclass(frozen=True)
class ReferenceVersion:
    """One manifest: this content became current with this attempt.

    `directory` is a key prefix without a final slash; `columns` is the contract as plain values;
    `created` is ISO 8601 in UTC.
    """

    name: str
    version: str
    attempt: str
    created: str
    directory: str
    rows: int
    key: tuple[str, ...]
    columns: list[dict[str, str | bool]]
    files: tuple[ReferenceFile, ...]


_MANIFEST = TypeAdapter(ReferenceVersion)


def reference_prefix(name: str) -> str:
    """Where a reference's versions lie, without a final slash: the `output` of its snapshots."""
    return f"reference/{name}"


def current_version(storage: Storage, name: str) -> ReferenceVersion | None:
    """What the newest manifest names; None before the first.

    Raises `StorageError` when files of it are gone: an older version would be wrong silently.
    """
    newest = next(_newest_first(storage, name), None)
    if newest is not None and not _is_whole(storage, newest):
        raise StorageError(
            f"Reference `{name}`: expected the {len(newest.files)} files of version"
            f" {newest.version} in {newest.directory}, some are gone or have another size."
            f" Materialize reference/{name} again."
        )
    return newest


def known_versions(storage: Storage, name: str) -> frozenset[str]:
    """The versions whose files are all in storage, so that a snapshot need not write them."""
    there = {info.key: info.size for info in storage.list(f"{reference_prefix(name)}/version=")}
    return frozenset(
        each.version
        for each in _newest_first(storage, name)
        if all(there.get(file.key) == file.bytes for file in each.files)
    )


def find_version(storage: Storage, name: str, version: str) -> ReferenceVersion | None:
    """The newest manifest of a version whose files are all in storage."""
    return next(
        (
            each
            for each in _newest_first(storage, name)
            if each.version == version and _is_whole(storage, each)
        ),
        None,
    )


def record_version(
    storage: Storage, spec: SnapshotSpec, report: SnapshotReport, created: str
) -> ReferenceVersion:
    """Make what a snapshot reported current, and return it; nothing is written if it is already.

    Content that was current earlier becomes so again by a new manifest of its old directory.
    """
    if not report.written:
        return _record_again(storage, spec, report, created)
    directory = f"{reference_prefix(spec.name)}/{report.directory}"
    files = tuple(
        ReferenceFile(info.key, info.size)
        for info in storage.list(f"{directory}/")
        if info.key.endswith(".parquet")
    )
    if not files:
        raise StorageError(
            f"Reference `{spec.name}`: expected Parquet files in {directory}, found none. The"
            " snapshot wrote elsewhere: its output and the lake's root must be the same place."
        )
    return _write(storage, _described(spec, report, directory, files, created))


def _record_again(
    storage: Storage, spec: SnapshotSpec, report: SnapshotReport, created: str
) -> ReferenceVersion:
    found = find_version(storage, spec.name, report.version)
    if found is None:
        raise StorageError(
            f"Reference `{spec.name}`: expected version {report.version}, which the snapshot found"
            " present, and it is not. Take the snapshot again."
        )
    again = _described(spec, report, found.directory, found.files, created)
    newest = next(_newest_first(storage, spec.name))
    if newest == replace(again, attempt=newest.attempt, created=newest.created):
        return newest
    return _write(storage, again)


def _described(
    spec: SnapshotSpec,
    report: SnapshotReport,
    directory: str,
    files: tuple[ReferenceFile, ...],
    created: str,
) -> ReferenceVersion:
    return ReferenceVersion(
        name=spec.name,
        version=report.version,
        attempt=spec.attempt,
        created=created,
        directory=directory,
        rows=report.rows,
        key=spec.key,
        columns=[column.to_json() for column in spec.contract.columns],
        files=files,
    )


def _write(storage: Storage, version: ReferenceVersion) -> ReferenceVersion:
    """The manifest is the last thing written: with it, and not before, the version is there."""
    key = f"{_manifests(version.name)}{version.attempt}.json"
    storage.write(key, _MANIFEST.dump_json(version, indent=2), if_absent=True)
    return version


def _newest_first(storage: Storage, name: str) -> Iterator[ReferenceVersion]:
    """Every manifest; attempts sort by time."""
    keys = [info.key for info in storage.list(_manifests(name)) if info.key.endswith(".json")]
    return (_read(storage, key) for key in reversed(keys))


def _read(storage: Storage, key: str) -> ReferenceVersion:
    try:
        return _MANIFEST.validate_json(storage.read(key))
    except ValidationError as error:
        raise StorageError(
            f"Expected a reference's manifest in {key!r}, found something else: {error}. Remove"
            " the object and materialize the reference again."
        ) from error


def _is_whole(storage: Storage, version: ReferenceVersion) -> bool:
    there = {info.key: info.size for info in storage.list(f"{version.directory}/")}
    return all(there.get(each.key) == each.bytes for each in version.files)


def _manifests(name: str) -> str:
    return f"{reference_prefix(name)}/_manifest/"
