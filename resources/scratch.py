"""What analysts write: results below `_scratch/` of the lake, for colleagues, and for a while.

Each time a result is saved it gets a directory of its own, `_scratch/<name>/save=<moment>/`, which is
complete once `_SUCCESS` is in it. Readers of published tables never look here. Writing is in
`explore_save.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from resources.attempts import new_attempt_id
from resources.errors import StorageError
from resources.objects import ObjectInfo, Storage

SCRATCH = "_scratch/"
#: The name of the empty object that completes a result; Spark writes it last.
COMPLETE = "_SUCCESS"
_NAME = re.compile(r"\w[\w-]{0,99}")


@dataclass(frozen=True)
class Saved:
    """A complete result; `saved` is when it was, in UTC."""

    name: str
    directory: str
    files: int
    bytes: int
    saved: datetime


def new_directory(name: str, now: datetime) -> str:
    """A directory for a result of this name, by its key; `StorageError` for one that cannot be."""
    if not _NAME.fullmatch(name):
        raise StorageError(
            f"Expected a name of letters, digits, '_' and '-', 100 at most, found {name!r}."
        )
    return f"{SCRATCH}{name}/save={new_attempt_id(now)}"


def saved_results(storage: Storage) -> list[Saved]:
    """Every complete result, by name and moment."""
    found = []
    for directory, objects in _directories(storage):
        if f"{directory}/{COMPLETE}" in {each.key for each in objects}:
            files = [each for each in objects if _is_read(each.key.removeprefix(directory))]
            name = directory.split("/")[1]
            size = sum(each.size for each in files)
            moment = max(each.modified for each in objects)
            found.append(Saved(name, directory, len(files), size, moment))
    return found


def stale_results(storage: Storage, cutoff: datetime) -> Iterator[ObjectInfo]:
    """Objects of results that were last written to before `cutoff`, complete or not."""
    for _, objects in _directories(storage):
        if max(each.modified for each in objects) < cutoff:
            yield from objects


def _is_read(path: str) -> bool:
    """Whether readers see it: not what begins with '_' or '.', nor the marker of a folder."""
    return not path.endswith("/") and not any(
        part.startswith(("_", ".")) for part in path.split("/")
    )


def _directories(storage: Storage) -> Iterator[tuple[str, list[ObjectInfo]]]:
    directories: defaultdict[str, list[ObjectInfo]] = defaultdict(list)
    for info in storage.list(SCRATCH):
        directories["/".join(info.key.split("/")[:3])].append(info)
    yield from directories.items()
