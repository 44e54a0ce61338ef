"""What an object is, and what the project needs of a store.

Objects are named by key, a path with `/` relative to the store's root. What the objects mean
(attempts, manifests, raw hours) does not belong here, nor does where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from resources.errors import StorageError

_GLOB_CHARACTERS = frozenset("\\*?[]{},^")


@dataclass(frozen=True)
class ObjectInfo:
    """One object as the store lists it; `size` in bytes, `modified` in UTC.

    Of an unfinished write `etag` is what the store knows it by, and `modified` when it began.
    """

    key: str
    size: int
    etag: str
    modified: datetime


class Storage(Protocol):
    """What the project needs of a store. Writes are atomic: a reader sees all of them or none."""

    @property
    def root(self) -> str:
        """Where the keys start, as a setting would name it."""

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, at any depth, in order of keys.

        With `after`, only those whose keys sort after it; a store starts there at once.
        """

    def unfinished(self, prefix: str) -> Iterator[ObjectInfo]:
        """What interrupted writes left under `prefix`; `list` never shows these."""

    def discard(self, unfinished: Iterable[ObjectInfo]) -> None:
        """Remove what `unfinished` gave; objects of the same keys stay."""

    def read(self, key: str) -> bytes:
        """The object's bytes. Raises `ObjectMissing`."""

    def open_input(self, key: str, size_bytes: int | None = None) -> BinaryIO:
        """The object to read in parts, from any position. Raises `ObjectMissing`, at the latest
        when it is first read. A store that would have to ask for the size takes it from here.
        """

    def write(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Create or replace an object. Raises `AlreadyThere` when `if_absent` and it exists."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; keys that are not there are no error."""

    def exists(self, key: str) -> bool:
        """Whether there is an object of exactly this key."""

    def uri(self, key: str) -> str:
        """What Spark *reads* this key or key prefix by (characters of globs are escaped)."""

    def target_uri(self, key: str) -> str:
        """What Spark *writes* this key prefix by (writers take every character literally)."""

    def local_path(self, key: str) -> Path | None:
        """The key as a path of this machine, or None where the store is elsewhere."""


def fingerprint(objects: Iterable[ObjectInfo]) -> str:
    """16 hexadecimal digits that change when a key, a size or an ETag does; order is no matter."""
    digest = hashlib.sha256()
    for info in sorted(objects, key=lambda each: each.key):
        line = f"{info.key}\t{info.size}\t{info.etag}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def check_key(key: str, root: str) -> str:
    """The key without a final slash. Raises `StorageError` for what no path can say.

    Hadoop takes `a//b` and `a/../b` for `a/b` and `b`, so they would be other objects to Spark.
    """
    bare = key.removesuffix("/")
    if "\0" in key or any(part in ("", ".", "..") for part in bare.split("/")):
        raise StorageError(
            f"Expected a key relative to {root}, such as 'raw/radio/a.json'; found "
            f"{key!r}. Keys hold no empty part, no '.' or '..', and do not start with '/'."
        )
    return bare


def glob_escaped(path: str) -> str:
    r"""A path with `\` before characters of globs, as Spark's readers take it.

    Not percent-encoded: Hadoop takes `%`, `#`, `+` and blanks literally, and answers "path does
    not exist" to the encoded form.
    """
    return "".join(f"\\{c}" if c in _GLOB_CHARACTERS else c for c in path)
