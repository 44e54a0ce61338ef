"""Listing hours of a prefix of 100,000 objects: calls sent to S3, and seconds of a local server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.runs import declared
from resources.aws import aws_client
from resources.raw import list_raw
from resources.storage import S3Storage
from tests.servers.versitygw import KEYS, versitygw_server

OBJECTS, HOURS = 100_000, 168
#: What is asked for: an hour, a day, one hour of each day, all.
ASKED = {"1": slice(5, 6), "24": slice(24, 48), "7_apart": slice(5, None, 24), "168": slice(None)}


def figures() -> Iterator[tuple[str, float]]:
    """Calls and seconds by what is asked for."""
    os.environ.update(KEYS)
    _, table = declared()
    keys = table.partitions.between("2026-11-01-00", "2026-11-07-23")
    with versitygw_server() as server:
        storage = S3Storage("listing", "raw", server.aws)
        aws_client(server.aws, "s3").create_bucket(Bucket=storage.bucket)
        for number in range(OBJECTS):
            hour = table.partitions.raw_prefix(keys[number % HOURS])
            _put(server.folder / storage.bucket / "raw" / table.raw.prefix / hour, number)
        sent = _listings(storage)
        for name, asked in ASKED.items():
            sent.clear()
            began = time.perf_counter()
            found = list_raw(storage, table, keys[asked])
            yield f"list_{name}_hours_seconds", time.perf_counter() - began
            yield f"list_{name}_hours_objects", sum(len(each.objects) for each in found)
            yield f"list_{name}_hours_calls", len(sent)


def _put(folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:06d}.json.gz").touch()


def _listings(storage: S3Storage) -> list[object]:
    """The listings that are sent from here on."""
    sent: list[object] = []

    def note(request: object, **_: object) -> None:
        sent.append(request)

    storage.client.meta.events.register("before-sign.s3.ListObjectsV2", note)
    return sent
