"""What a job says while it runs: Dagster Pipes' messages, in numbered objects that it uploads.

They are read by number and not by listing, so that a look costs one request, and from the first on
by whoever comes back to a job. `spark/pipes.py` writes them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from resources.errors import ObjectMissing
from resources.storage import Storage
from spark.reports import FAILURE, Payload


@dataclass(frozen=True)
class Failure:
    """What a job failed of: the error's class, its words, and whether it said that a retry helps."""

    kind: str
    words: str
    retryable: bool


class Messages:
    """The messages of one job, as far as they have been read."""

    def __init__(self, storage: Storage, prefix: str, log: logging.Logger) -> None:
        self.payloads: list[Payload] = []
        #: Whether the job has said its last word: its program is about to end.
        self.is_closed = False
        self._storage = storage
        self._prefix = prefix
        self._log = log
        self._read = 0

    @property
    def has_any(self) -> bool:
        """Whether the job has said anything: its program has started."""
        return self._read > 0

    @property
    def failure(self) -> Failure | None:
        """What the job said it failed of, last."""
        said = [each[FAILURE] for each in self.payloads if FAILURE in each]
        return Failure(said[-1]["kind"], said[-1]["words"], said[-1]["retryable"]) if said else None

    def read(self) -> None:
        """Take in what came since the last time, and log what is for people."""
        for text in self._chunks():
            for line in text.splitlines():
                message = json.loads(line)
                said = message["params"] or {}
                if message["method"] == "report_custom_message":
                    self.payloads.append(said["payload"])
                elif message["method"] == "closed":
                    self.is_closed = True
                elif message["method"] == "log":
                    level = logging.getLevelNamesMapping().get(said["level"].upper(), logging.INFO)
                    self._log.log(level, "%s", said["message"])

    def _chunks(self) -> Iterator[str]:
        while True:
            try:
                data = self._storage.read(f"{self._prefix}/{self._read + 1}.json")
            except ObjectMissing:
                return
            self._read += 1
            yield data.decode()
