"""Listing many folders of a store with few calls, whether they lie side by side or far apart.

What lies in the folders belongs to those who ask.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from itertools import islice
from os.path import commonprefix

from resources.objects import ObjectInfo, Storage

#: What S3 gives at a time; more would be another call.
_PAGE = 1000


def list_folders(storage: Storage, folders: Collection[str]) -> dict[str, list[ObjectInfo]]:
    """The objects below each of these folders, in order of keys.

    Folders end with a slash, and none lies in another. Takes no more calls than listing each of
    them would, and no more than listing everything from the first of them to the last.
    """
    found: dict[str, list[ObjectInfo]] = {folder: [] for folder in folders}
    ordered = sorted(found)
    shared = commonprefix(ordered)  # noqa: RUF071 - a prefix of keys is text, no path
    position, after = 0, ""
    while position < len(ordered):
        # Before the slash, as there may be an object of the folder's own name.
        after = max(after, ordered[position].removesuffix("/"))
        page = list(islice(storage.list(shared, after), _PAGE))
        for info in page:
            folder = ordered[bisect_right(ordered, info.key) - 1]
            if info.key.startswith(folder):
                found[folder].append(info)
        if len(page) < _PAGE:
            break
        after = page[-1].key
        position = bisect_right(ordered, after)
        if position and after.startswith(ordered[position - 1]):
            position -= 1
    return found
