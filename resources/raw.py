"""Raw objects of a partition: which there are, what they amount to, and how they are laid out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from resources.errors import RawChanged
from resources.listing import list_folders
from resources.storage import ObjectInfo, Storage, fingerprint
from resources.table import Table
from spark.compression import decompress
from spark.plain import CONCATENATED, LINES
from spark.scanner import scan_documents
from spark.spec import RawObject

#: Enough of an object to see what separates its documents.
_HEAD_BYTES = 1 << 20
_SEPARATORS = {"concatenated": CONCATENATED, "lines": LINES}


@dataclass(frozen=True)
class RawPartition:
    """The raw objects of one partition; `ignored` are those that readers of a lake skip."""

    key: str
    objects: tuple[ObjectInfo, ...]
    ignored: tuple[ObjectInfo, ...]

    @property
    def fingerprint(self) -> str:
        """Changes whenever an object comes, goes or is replaced."""
        return fingerprint(self.objects)

    @property
    def bytes(self) -> int:
        return sum(each.size for each in self.objects)

    @property
    def oldest(self) -> datetime | None:
        return min((each.modified for each in self.objects), default=None)

    @property
    def newest(self) -> datetime | None:
        return max((each.modified for each in self.objects), default=None)


def list_raw(storage: Storage, table: Table, keys: Iterable[str]) -> list[RawPartition]:
    """List the raw objects of each partition, in the order of `keys`.

    Names that begin with `_` or `.` are markers and unfinished writes to every reader of a lake
    (Hive, Athena, Spark), and are ignored here too.
    """
    folders = {key: f"{table.raw.prefix}/{table.partitions.raw_prefix(key)}" for key in keys}
    listed = list_folders(storage, folders.values())
    return [_partition(key, folder, listed[folder]) for key, folder in folders.items()]


def _partition(key: str, folder: str, listed: Iterable[ObjectInfo]) -> RawPartition:
    objects: list[ObjectInfo] = []
    ignored: list[ObjectInfo] = []
    for each in listed:
        hidden = any(part.startswith(("_", ".")) for part in each.key[len(folder) :].split("/"))
        (ignored if hidden or each.key.endswith("/") else objects).append(each)
    return RawPartition(key, tuple(objects), tuple(ignored))


def require_unchanged(before: Sequence[RawPartition], after: Sequence[RawPartition]) -> None:
    """Raise `RawChanged` if an object of `before` is another one, or none, in `after`.

    Objects that came meanwhile are no matter: whoever lists next finds them.
    """
    now = {info.key: info for each in after for info in (*each.objects, *each.ignored)}
    changed = [
        f"{info.key} ({'replaced' if info.key in now else 'deleted'})"
        for each in before
        for info in each.objects
        if info.key not in now or now[info.key].etag != info.etag
    ]
    if changed:
        raise RawChanged(
            f"{len(changed):,} raw objects changed while they were read, first of all "
            f"{', '.join(changed[:3])}. The rows could be of both versions, so that nothing was "
            "recorded: run the partitions again."
        )


def raw_objects(storage: Storage, partition: RawPartition) -> tuple[RawObject, ...]:
    """The objects as a specification names them."""
    return tuple(RawObject(o.key, storage.uri(o.key), o.size) for o in partition.objects)


def separator(storage: Storage, table: Table, partitions: Sequence[RawPartition]) -> str:
    """What the fast reader cuts at: as declared, or as the first object with documents shows."""
    if table.raw.layout in _SEPARATORS:
        return _SEPARATORS[table.raw.layout]
    for partition in partitions:
        for each in partition.objects:
            head = decompress(storage.read(each.key))[0][:_HEAD_BYTES]
            seen = _separator_in(head)
            if seen is not None:
                return seen
    return CONCATENATED


def _separator_in(head: bytes) -> str | None:
    """The layout of the first document, or None where there is none to go by."""
    for found in scan_documents(head):
        if found.reason is None:
            end = found.offset + len(found.text.encode())
            return LINES if head[end : end + 2].lstrip(b"\r").startswith(b"\n") else CONCATENATED
    return None
