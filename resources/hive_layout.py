"""Hive's layout of a partitioned table: `dt=2014-06-16/hour=05/…`, found by listing.

What the files hold does not belong here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from resources.errors import CatalogError, DeclarationError
from resources.objects import ObjectInfo
from resources.partitions import ALL, Partitioning
from resources.storage import Storage


@dataclass(frozen=True)
class Directory:
    """A partition's directory without a final slash, and the files below it."""

    path: str
    objects: tuple[ObjectInfo, ...]


def partition_directories(
    storage: Storage, partitions: Partitioning, address: str, known: Collection[str]
) -> tuple[dict[str, Directory], list[str]]:
    """The directories of partitions by key, and a sentence for each that belongs to none.

    Raises `CatalogError` where there is no file at all.
    """
    depth = len(partitions.columns)
    objects: defaultdict[str, list[ObjectInfo]] = defaultdict(list)
    for info in storage.list(f"{address}/"):
        names = info.key[len(address) + 1 :].split("/")
        if not _is_skipped(names):
            objects["/".join(names[:depth]) if len(names) > depth else ""].append(info)
    if not objects:
        raise CatalogError(f"Expected Parquet files below {address}, found none. Check the place.")
    found: dict[str, Directory] = {}
    problems: list[str] = []
    for below, members in sorted(objects.items()):
        try:
            key = _partition_of(partitions, below, known)
        except DeclarationError as error:
            problems.append(f"{members[0].key}: {error}")
            continue
        path = f"{address}/{below}" if below else address
        found[key] = Directory(path, tuple(members))
    return found, problems


def _partition_of(partitions: Partitioning, below: str, known: Collection[str]) -> str:
    """The key of `dt=2014-06-16/hour=05`; raises `DeclarationError` where there is none."""
    if not partitions.columns:
        return ALL
    pairs = [name.partition("=")[::2] for name in below.split("/")]
    example = "/".join(f"{k}={v}" for k, v in partitions.values(_first(partitions)).items())
    if tuple(name for name, _ in pairs) != partitions.columns:
        raise DeclarationError(
            f"expected a folder like {example}, found {below or 'none'}; move the file, or declare "
            "other partitions"
        )
    key = "-".join(value for _, value in pairs)
    if partitions.values(partitions.key_of(partitions.start_of(key))) != dict(pairs):
        raise DeclarationError(f"expected values spelled as in {example}, found {below}")
    if key not in known:
        raise DeclarationError(
            f"expected a partition of the table, found {key}; declare `partitions` that start with "
            "the first folder and end after the last"
        )
    return key


def _first(partitions: Partitioning) -> str:
    return partitions.key_of(partitions.start)


def _is_skipped(names: list[str]) -> bool:
    """Names that readers skip, and the markers that Hadoop and EMR leave for a folder."""
    hidden = any(name.startswith(("_", ".")) for name in names)
    return hidden or not names[-1] or names[-1].endswith("_$folder$")
