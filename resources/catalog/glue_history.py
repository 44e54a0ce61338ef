"""What was published when: one record a change, written before the catalog is changed.

Records are objects `catalog/<table>/log/<token>@<first>..<last>.json`, never changed. The token is
that of the lease under which it was written, so records sort by time; the names of the first and
last partition save reading records that cannot matter. A record says of each partition which
version was current until then. Thereby a version was published exactly if it is current, or if a
record found it so: a record whose change a crash prevented is evidence of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from pydantic import TypeAdapter, ValidationError

from resources.catalog.base import Pointer
from resources.catalog.glue_versions import Version
from resources.errors import StorageError
from resources.storage import Storage

_LONGEST_NAME = 80


@dataclass(frozen=True)
class Move:
    """One partition's change from a version's record to another's; empty stands for nothing.

    `published` is the pointer of a new version; going back names an older record in `after`.
    An expiry leads to nothing and, unlike a first publication withdrawn, can be undone.
    """

    before: str
    after: str
    published: Pointer | None = None
    is_expiry: bool = False


@dataclass(frozen=True)
class Record:
    """One change of a table, by partition."""

    written: str
    moves: dict[str, Move]


_RECORD = TypeAdapter(Record)


class History:
    """The records of one table."""

    def __init__(self, storage: Storage, table: str) -> None:
        self._storage = storage
        self._folder = f"catalog/{table}/log"

    def key(self, token: int, partitions: list[str]) -> str:
        """The key of the record of a change of these partitions, under a lease's token."""
        first, last = (quote(each(partitions), safe="=:+ ") for each in (min, max))
        span = f"{first}..{last}"
        return f"{self._folder}/{token:010d}@{span if len(span) <= _LONGEST_NAME else ''}.json"

    def write(self, key: str, moves: Mapping[str, Move]) -> None:
        """Write a record; call before the change that it announces."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        data = _RECORD.dump_json(Record(now, dict(moves)))
        self._storage.write(key, data, if_absent=True)

    def read(self, key: str) -> Record:
        """A record by its key. Raises `StorageError` for what is none."""
        try:
            return _RECORD.validate_json(self._storage.read(key))
        except ValidationError as error:
            raise StorageError(
                f"Expected a record of publications in {key!r} of {self._storage.root}; found "
                f"{error.error_count()} problems. Records are never edited: restore the object."
            ) from error

    def published(self, partition: str, current: Callable[[Pointer], str]) -> list[Pointer]:
        """Every pointer that readers of a partition ever followed, newest first.

        `current` gives the key of the current version's record, or an empty text, for the
        partition of a pointer.
        """
        moves = self._moves(partition)
        known = next((move.published for move in moves.values() if move.published), None)
        if known is None:
            return []
        now = current(known)
        if now and now not in moves:
            # Published while the records were read; what it replaced is evident from its own.
            moves = self._moves(partition)
        was_current = {now, *(move.before for move in moves.values())}
        return [
            move.published
            for key, move in reversed(moves.items())
            if move.published is not None and key in was_current
        ]

    def expired(self, partition: str) -> str | None:
        """The record of what a partition showed when it expired, if nothing happened since."""
        last = next(reversed(self._moves(partition).values()), None)
        return last.before if last is not None and last.is_expiry else None

    def expired_since(self, since: datetime) -> dict[str, str]:
        """The same of every partition that expired at or after a moment."""
        last: dict[str, Move] = {}
        for info in self._storage.list(f"{self._folder}/"):
            if info.modified >= since:
                last.update(self.read(info.key).moves)
        return {name: move.before for name, move in last.items() if move.is_expiry}

    def _moves(self, partition: str) -> dict[str, Move]:
        """A partition's moves by the keys of their records, oldest first."""
        moves = ((key, self.read(key).moves.get(partition)) for key in self._keys(partition))
        return {key: move for key, move in moves if move is not None}

    def _keys(self, partition: str) -> Iterator[str]:
        """Records that may name a partition, oldest first."""
        for info in self._storage.list(f"{self._folder}/"):
            span = info.key.rpartition("@")[2].removesuffix(".json")
            first, _, last = span.partition("..")
            if not span or unquote(first) <= partition <= unquote(last):
                yield info.key


class Chain:
    """Reads versions by way of their records, each record once."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._records: dict[str, Record] = {}

    def pointer(self, record: str, partition: str) -> Pointer:
        """What was published for a partition with a record."""
        return self.version(record, partition).pointer

    def previous(self, version: Version) -> Version | None:
        """What a version replaced, or None for the first."""
        if not version.previous:
            return None
        return self.version(version.previous, version.pointer.partition)

    def version(self, record: str, partition: str) -> Version:
        """The version that a record published for a partition."""
        if record not in self._records:
            self._records[record] = self._history.read(record)
        move = self._records[record].moves.get(partition)
        if move is None or move.published is None:
            raise StorageError(
                f"Expected the record {record!r} to hold partition {partition!r}; it does not. "
                "Records are never edited: restore the object."
            )
        return Version(record, move.before, move.published)
