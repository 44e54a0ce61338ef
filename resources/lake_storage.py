"""The lake's own store, and for reading the places beyond it that adopted files lie in.

Keys are those of the store under LAKE_ROOT. What lies elsewhere is named by its address, which no
key can be mistaken for: `s3://bucket/old/dt=2014-06-16` or `file:///data/old/dt=2014-06-16`, every
character taken literally. Nothing is ever written or deleted by an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from resources.aws import AwsSettings
from resources.errors import StorageError
from resources.objects import ObjectInfo, Storage
from resources.settings import Settings
from resources.storage import is_on_s3, open_storage

_FILE = "file://"


def lake_storage(settings: Settings) -> LakeStorage:
    """The store that LAKE_ROOT names. Nothing is opened."""
    return LakeStorage(open_storage(settings.root, settings.aws), settings.aws)


def is_address(key: str) -> bool:
    """Whether a key names something outside of the lake."""
    return is_on_s3(key) or key.startswith(_FILE)


def address_of(location: str) -> str:
    """The address of a folder, a `file:` URL or an `s3:` URL, without a final slash.

    Raises `SettingsError` for anything else.
    """
    root = open_storage(location).root
    return root if is_on_s3(root) else _FILE + root


class LakeStorage:
    """A store whose keys can also be addresses of what lies in others, which are only read."""

    def __init__(self, own: Storage, aws: AwsSettings | None = None) -> None:
        """Take the lake's store, and how buckets are reached."""
        self.own = own
        self.root: str = own.root
        self._aws = aws
        self._others: dict[str, Storage] = {}

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key, or whose address, starts with `prefix` and sorts after `after`."""
        start, store, below = self._place(prefix)
        for info in store.list(below, after.removeprefix(start)):
            yield replace(info, key=start + info.key)

    def unfinished(self, prefix: str) -> Iterator[ObjectInfo]:
        """What interrupted writes left in the lake itself."""
        return self.own.unfinished(self._own_key(prefix))

    def discard(self, unfinished: Iterable[ObjectInfo]) -> None:
        """Remove what `unfinished` gave."""
        self.own.discard(unfinished)

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        _, store, below = self._place(key)
        return store.read(below)

    def open_input(self, key: str, size_bytes: int | None = None) -> BinaryIO:
        """The object to read in parts."""
        _, store, below = self._place(key)
        return store.open_input(below, size_bytes)

    def write(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Create or replace an object of the lake; raises `StorageError` for an address."""
        self.own.write(self._own_key(key), data, if_absent=if_absent)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects of the lake; raises `StorageError` at an address."""
        self.own.delete(self._own_key(key) for key in keys)

    def exists(self, key: str) -> bool:
        """Whether there is an object of exactly this key."""
        _, store, below = self._place(key)
        return store.exists(below)

    def uri(self, key: str) -> str:
        """What Spark reads this by."""
        _, store, below = self._place(key)
        return store.uri(below)

    def target_uri(self, key: str) -> str:
        """The address that query engines take, every character literally."""
        _, store, below = self._place(key)
        return store.target_uri(below)

    def local_path(self, key: str) -> Path | None:
        """The path on this machine, or None where it lies elsewhere."""
        _, store, below = self._place(key)
        return store.local_path(below)

    def _place(self, key: str) -> tuple[str, Storage, str]:
        """What its addresses begin with, the store, and the key in it."""
        if not is_address(key):
            return "", self.own, key
        scheme, _, path = key.partition("://")
        if f"{scheme}://" == _FILE:
            start, below = "file:///", path.removeprefix("/")
        else:
            bucket, _, below = path.partition("/")
            start = f"{scheme}://{bucket}/"
        store = self._others.get(start)
        if store is None:
            root = "/" if start == "file:///" else start
            store = self._others.setdefault(start, open_storage(root, self._aws))
        return start, store, below

    def _own_key(self, key: str) -> str:
        if is_address(key):
            raise StorageError(
                f"Expected a key of the lake in {self.root} to change; found {key!r}, which lies "
                "outside of it. Adopted files are read and never changed."
            )
        return key
