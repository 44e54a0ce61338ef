"""A folder of this machine as a store: atomic writes by renaming, nothing half-written in sight."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from resources.errors import AlreadyThere, ObjectMissing, StorageError
from resources.objects import ObjectInfo, check_key, glob_escaped

_UNFINISHED = ".lake-unfinished-"


class FolderStorage:
    """A folder as a store. Symbolic links in it are followed; keys cannot lead out of it."""

    def __init__(self, root: str | Path) -> None:
        """Take `root` as it is; the first write makes the folder."""
        self.root: str = os.path.normpath(Path(root).absolute())

    def __repr__(self) -> str:
        """Show the folder."""
        return f"FolderStorage({self.root!r})"

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`; what vanishes meanwhile is left out."""
        for info in self._walk(prefix, after):
            if not _is_unfinished(info.key):
                yield info

    def unfinished(self, prefix: str) -> Iterator[ObjectInfo]:
        """Temporary files of writes that were killed, or that are under way."""
        return (info for info in self._walk(prefix) if _is_unfinished(info.key))

    def discard(self, unfinished: Iterable[ObjectInfo]) -> None:
        """Remove temporary files; they have names of their own."""
        self.delete(info.key for info in unfinished)

    def read(self, key: str) -> bytes:
        """The file's bytes, those of one version even while it is being replaced."""
        with self._missing_or_refused(key):
            return self._path(key).read_bytes()

    def open_input(self, key: str, size_bytes: int | None = None) -> BinaryIO:  # noqa: ARG002
        """The file, opened."""
        with self._missing_or_refused(key):
            return self._path(key).open("rb")

    def write(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write beside the target, flush to the disk, then rename (or link, if absent)."""
        target = self._path(key)
        temporary = target.parent / unfinished_name()
        try:
            _write_through(temporary, data)
            if if_absent:
                os.link(temporary, target)
            else:
                temporary.replace(target)
            _flush_folder(target.parent)
        except FileExistsError:
            raise AlreadyThere(
                f"Expected no object {key!r} in {self.root}; there is one, left as it is."
            ) from None
        except OSError as error:
            raise _refusal("write", key, self.root, error) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove files, then the folders that this left empty."""
        parents: set[Path] = set()
        for key in keys:
            path = self._path(key)
            try:
                path.unlink(missing_ok=True)
            except NotADirectoryError:
                continue
            except OSError as error:
                raise _refusal("delete", key, self.root, error) from error
            parents.add(path.parent)
        for parent in parents:
            self._remove_empty(parent)

    def exists(self, key: str) -> bool:
        """Whether there is a file of exactly this key."""
        return self._path(key).is_file()

    def uri(self, key: str) -> str:
        """`file://` and the path, as Spark reads it: characters of globs are escaped."""
        return "file://" + glob_escaped(self._target(key))

    def target_uri(self, key: str) -> str:
        """`file://` and the path as it is: Spark's writers do not undo an escape."""
        return "file://" + self._target(key)

    def local_path(self, key: str) -> Path:
        """The file or folder of this key."""
        return self._path(key)

    def _target(self, key: str) -> str:
        path = str(self._path(key))
        return path + "/" if key.endswith("/") else path

    def _path(self, key: str) -> Path:
        return Path(self.root, check_key(key, self.root))

    @contextlib.contextmanager
    def _missing_or_refused(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing(
                f"Expected an object {key!r} in {self.root}; there is none."
            ) from None
        except OSError as error:
            raise _refusal("read", key, self.root, error) from error

    def _walk(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        folder = prefix.rpartition("/")[0]
        start = self._path(folder) if folder else Path(self.root)
        wanted = _Wanted(prefix, after)
        yield from _walk_folder(str(start), folder + "/" if folder else "", wanted, frozenset())

    def _remove_empty(self, folder: Path) -> None:
        root = Path(self.root)
        while folder != root and root in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def unfinished_name() -> str:
    """A file name for what is not complete yet: `list` leaves it out, a clean-up finds it."""
    return f"{_UNFINISHED}{uuid.uuid4().hex}"


def _is_unfinished(key: str) -> bool:
    return key.rpartition("/")[2].startswith(_UNFINISHED)


@dataclass(frozen=True)
class _Wanted:
    """Keys that start with `prefix` and sort after `after`."""

    prefix: str
    after: str

    def has(self, key: str) -> bool:
        return key.startswith(self.prefix) and key > self.after

    def may_be_below(self, folder: str) -> bool:
        is_on_the_way = folder.startswith(self.prefix) or self.prefix.startswith(folder)
        return is_on_the_way and (folder > self.after or self.after.startswith(folder))


def _walk_folder(
    folder: str, base: str, wanted: _Wanted, above: frozenset[tuple[int, int]]
) -> Iterator[ObjectInfo]:
    """Objects below `folder`; `above` are the folders on the way, so that link loops end."""
    try:
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return
        with os.scandir(folder) as scan:
            entries = sorted((each.name + "/" * each.is_dir(), each) for each in scan)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _refusal("list", base, folder, error) from error
    for name, entry in entries:
        key = base + name
        if name.endswith("/"):
            if wanted.may_be_below(key):
                yield from _walk_folder(entry.path, key, wanted, above | {identity})
        elif wanted.has(key) and (info := _describe(entry, key)):
            yield info


def _describe(entry: os.DirEntry[str], key: str) -> ObjectInfo | None:
    try:
        status = entry.stat()
    except FileNotFoundError:
        return None
    etag = f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"
    modified = datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)
    return ObjectInfo(key, status.st_size, etag, modified)


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        _flush_folder(folder.parent)


def _write_through(path: Path, data: bytes) -> None:
    try:
        _make_folders(path.parent)
        file = path.open("xb")
    except FileNotFoundError:  # a deletion emptied the folder and removed it in between
        _make_folders(path.parent)
        file = path.open("xb")
    with file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refusal(verb: str, key: str, where: str, error: OSError) -> StorageError:
    return StorageError(
        f"Could not {verb} {key!r} in {where}: {error.strerror or error}. "
        "Check the folder's permissions, free space and that no folder has the object's name."
    )
