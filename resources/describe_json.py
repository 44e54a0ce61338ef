"""JSON objects as raw columns could be declared, from a sample of them.

Only a proposal: a sample does not show what it does not hold, so what is ambiguous is said in
`notes`. The real reading is in `spark/`; here documents are read one after another, in memory.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from resources.errors import StorageError
from resources.storage import Storage
from spark.contract import Column, Contract

#: How much is looked at, so that a large prefix costs no more than a small one.
OBJECTS, DOCUMENTS = 20, 5_000
_BETWEEN = re.compile(r"[\s,\x00\x1e\ufeff]*")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Sample:
    """Columns that hold every document of a sample; `notes` are sentences on what is unsure."""

    objects: int
    documents: int
    contract: Contract
    notes: tuple[str, ...]


@dataclass
class _Seen:
    """What was found in one place of the documents, by JSON's types."""

    kinds: set[str] = field(default_factory=set)
    times: int = 0
    largest: int = 0
    fields: dict[str, _Seen] = field(default_factory=dict)
    items: _Seen | None = None

    def add(self, value: object) -> None:
        self.times += 1
        if isinstance(value, dict):
            self.kinds.add("struct")
            for name, each in value.items():
                self.fields.setdefault(name, _Seen()).add(each)
        elif isinstance(value, list):
            self.kinds.add("array")
            self.items = self.items or _Seen()
            for each in value:
                self.items.add(each)
        else:
            self.kinds.add(_kind(value))
            if isinstance(value, int):
                self.largest = max(self.largest, abs(value))


def sample_json(storage: Storage, prefix: str) -> Sample:
    """Look at the first objects below a prefix; raises `StorageError` when none has a document."""
    notes: list[str] = []
    root, documents, objects = _Seen(), 0, 0
    for info in islice((each for each in storage.list(prefix) if each.size), OBJECTS):
        objects += 1
        text = _text(storage.read(info.key))
        for document in islice(_documents(text, info.key, notes), DOCUMENTS - documents):
            documents += 1
            root.add(document)
        if documents >= DOCUMENTS:
            break
    if not root.fields:
        raise StorageError(
            f"Expected JSON documents in objects below {prefix!r} of {storage.root}, found none in"
            f" {objects} objects."
        )
    columns = [Column(name, _type(seen, name, notes)) for name, seen in root.fields.items()]
    notes += [
        f"column {name} is missing in {documents - seen.times:,} of {documents:,} documents"
        for name, seen in root.fields.items()
        if seen.times < documents
    ]
    return Sample(objects, documents, Contract(tuple(columns)), tuple(dict.fromkeys(notes)))


def _text(data: bytes) -> str:
    plain = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return plain.decode("utf-8", errors="replace")


def _documents(text: str, key: str, notes: list[str]) -> Iterator[dict[str, object]]:
    """Documents one after another, with nothing, a comma or blanks between, or in an array."""
    decoder, at = json.JSONDecoder(), 0
    while (at := _after(text, at)) < len(text):
        try:
            found, at = decoder.raw_decode(text, at)
        except ValueError as error:
            notes.append(f"{key} cannot be read from character {at:,} on: {error}")
            return
        for each in found if isinstance(found, list) else [found]:
            if isinstance(each, dict):
                yield each
            else:
                notes.append(f"{key} holds documents that are no objects")


def _after(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "bigint"
    if isinstance(value, float):
        return "double"
    text = str(value)
    return "timestamp" if _MOMENT.fullmatch(text) else "date" if _DAY.fullmatch(text) else "string"


def _type(seen: _Seen, place: str, notes: list[str]) -> str:
    kinds = seen.kinds - {"null"}
    if not kinds:
        notes.append(f"column {place} holds nulls only: its type is a guess")
        return "string"
    if kinds == {"bigint", "double"}:
        kinds = {"double"}
    if kinds <= {"date", "timestamp", "string"} and len(kinds) > 1:
        kinds = {"string"}
    if len(kinds) > 1:
        notes.append(f"column {place} holds {' and '.join(sorted(kinds))}: kept as text")
        return "string"
    kind = next(iter(kinds))
    if kind == "array" and seen.items is not None:
        return f"array<{_type(seen.items, f'{place}[]', notes)}>"
    if kind == "struct":
        return _struct(seen, place, notes)
    if kind == "bigint" and seen.largest >= 2**63:
        notes.append(f"column {place} holds numbers beyond bigint: kept as decimal")
        return "decimal(38,0)"
    if kind in ("date", "timestamp"):
        notes.append(f"column {place} holds texts that read as {kind}; without a zone, UTC")
    return kind


def _struct(seen: _Seen, place: str, notes: list[str]) -> str:
    if not seen.fields or not all(re.fullmatch(r"\w+", name) for name in seen.fields):
        notes.append(f"column {place} holds objects whose keys are no names: a map of texts")
        return "map<string,string>"
    inner = (
        f"{name}:{_type(each, f'{place}.{name}', notes)}" for name, each in seen.fields.items()
    )
    return f"struct<{','.join(inner)}>"
