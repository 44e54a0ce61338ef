"""Attempts to publish: small files in a folder, and the pointers to them."""

from __future__ import annotations

from resources.attempts import FileEntry, refined_prefix
from resources.catalog.base import Pointer
from resources.storage import FolderStorage

FIVE = "2014-06-16-05"
SIX = "2014-06-16-06"


def written_attempt(
    storage: FolderStorage, table: str, name: str, partition: str = FIVE, files: int = 1
) -> Pointer:
    """An attempt whose files are in storage, each filled with the attempt's name."""
    values = {"dt": partition[:10], "hour": partition[11:13]}
    directory = f"{refined_prefix(table, name)}/dt={values['dt']}/hour={values['hour']}"
    entries = [
        FileEntry(f"{directory}/part-{number}.parquet", rows=10, bytes=len(name))
        for number in range(files)
    ]
    for entry in entries:
        storage.write(entry.key, name.encode())
    return Pointer(
        partition=partition,
        values=values,
        attempt=name,
        directory=directory,
        files=entries,
        rows=10 * files,
        bytes=len(name) * files,
        ledger={"documents": 10 * files, "quarantined": {}},
        inputs={"raw": "f1", "tracks": "v1"},
    )


def attempts(pointers: list[Pointer]) -> list[str]:
    return [pointer.attempt for pointer in pointers]
