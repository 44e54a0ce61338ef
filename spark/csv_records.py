"""The exact splitter for CSV: bytes to records in the contract's column order.

Fields are text or null here; typing them is not done here. Every line that holds anything belongs
to exactly one record, readable or with a reason.

How a broken record is told from the next good one: a quoted field that is never closed, or whose
closing quote is followed by more text, ends its record at the end of the *first* line, and reading
goes on there. So a stray quote costs its own line and not the rest of the object. On the lines up to
where the fault showed, which may be the remains of the broken record, a field that is not quoted
may hold no quote.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, Optional

from spark.errors import SpecError

UNCLOSED_QUOTE = "a quoted value is not closed"
TEXT_AFTER_QUOTE = "text after a closing quote"
STRAY_QUOTE = "a quote inside an unquoted value"

#: How often over the text may be read again to look behind a broken record's first line.
_PATIENCE = 4
_MARKING = "lake_assets.mark"
_MARKED = re.compile("[\ud800-\udfff]")
_LINE = re.compile(r"[^\r\n]*")
_BYTE_MARKS = 0xDC00


@dataclass(frozen=True)
class CsvOptions:
    """How CSV is written; refuses with `SpecError` what cannot work.

    Without an `escape`, quotes in quoted values are doubled; with one, they may be. A value that is
    not quoted and equals `null_value` is null.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"
    null_value: str = ""

    def __post_init__(self) -> None:
        for name, value, most in (("quote", self.quote, 1), ("escape", self.escape, 1)):
            if len(value) > most:
                raise SpecError(f"CSV {name}: expected one character or none, found {value!r}")
        if not self.delimiter or set(self.delimiter) & {"\r", "\n", self.quote}:
            raise SpecError(
                f"CSV delimiter: expected text without line ends and quotes, found {self.delimiter!r}"
            )
        if {self.quote, self.escape} & {"\r", "\n"}:
            raise SpecError("CSV quote and escape: expected characters that end no line")
        try:
            b"".decode(self.encoding)
        except LookupError as error:
            raise SpecError(
                f"CSV encoding: expected a text encoding that Python knows, such as utf-8, cp949 or "
                f"utf-16, found {self.encoding!r}"
            ) from error


class CsvRecord(NamedTuple):
    """One record: its first line (from 1), its text, and its values or why there are none.

    Bytes that the encoding does not know stand in the text as `\\xNN`.
    """

    line: int
    text: str
    values: Optional[tuple[Optional[str], ...]]
    reason: Optional[str]


class _Row(NamedTuple):
    """One record as it stands, before the header says what its fields are."""

    line: int
    text: str
    fields: list[Optional[str]]
    reason: Optional[str]


def read_csv(data: bytes, columns: Sequence[str], options: CsvOptions) -> Iterator[CsvRecord]:
    """Read one decompressed object with a header; values come in the order of `columns`.

    A header that lacks a column or names it twice makes every record, itself included, one with a
    reason: it may be that there is no header. Empty lines are no records. Never raises.
    """
    rows = _Reader(_decoded(data, options.encoding), options).rows()
    header = next(rows, None)
    if header is None:
        return
    names = _names(header)
    trouble = header.reason or _header_trouble(names, columns)
    if trouble is not None:
        for row in (header, *rows) if header.line else rows:
            yield CsvRecord(row.line, row.text, None, row.reason or trouble)
        return
    places = [names.index(column) for column in columns]
    pick = itemgetter(*places) if len(places) > 1 else None
    width = len(names)
    for row in rows:
        if row.reason is not None:
            yield CsvRecord(row.line, row.text, None, row.reason)
        elif len(row.fields) != width:
            reason = f"expected {width} values, found {len(row.fields)}"
            yield CsvRecord(row.line, row.text, None, reason)
        else:
            fields = row.fields
            values = pick(fields) if pick else tuple(fields[place] for place in places)
            yield CsvRecord(row.line, row.text, values, None)


def unknown_columns(data: bytes, columns: Sequence[str], options: CsvOptions) -> tuple[str, ...]:
    """Names in the header that `columns` lacks, in the header's order; none of a broken header."""
    header = next(_Reader(_decoded(data, options.encoding), options).rows(), None)
    if header is None or header.reason is not None:
        return ()
    return tuple(name for name in _names(header) if name not in set(columns))


def _names(header: _Row) -> list[str]:
    return [(field or "").strip() for field in header.fields]


def _header_trouble(names: Sequence[str], columns: Sequence[str]) -> str | None:
    missing = [column for column in columns if column not in names]
    if missing:
        return f"columns missing from the header: {', '.join(missing)}"
    twice = [column for column in columns if names.count(column) > 1]
    return f"columns twice in the header: {', '.join(twice)}" if twice else None
