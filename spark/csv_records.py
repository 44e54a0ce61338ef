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
from itertools import chain
from typing import NamedTuple, Optional

from spark.errors import SpecError

UNCLOSED_QUOTE = "a quoted value is not closed"
TEXT_AFTER_QUOTE = "text after a closing quote"
STRAY_QUOTE = "a quote inside an unquoted value"

#: How often over the text may be read again to look behind a broken record's first line.
_PATIENCE = 4
_MARKING = "lake_assets.mark"
_MARKED = re.compile(r"[\ud800-\udfff]")
_LINE = re.compile(r"[^\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
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
            b"a".decode(self.encoding)
        except UnicodeError:  # the encoding is known, and one byte is too few for it
            pass
        except LookupError as error:
            raise SpecError(
                f"CSV encoding: expected a text encoding that Python knows, such as utf-8, cp949 or "
                f"utf-16, found {self.encoding!r}"
            ) from error


class CsvRecord(NamedTuple):
    r"""One record: its first line (from 1), its text, and its values or why there are none.

    Bytes that the encoding does not know stand in the text as `\xNN`.
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
        for row in chain([header], rows):
            yield CsvRecord(row.line, row.text, None, row.reason or trouble)
        return
    places = [names.index(column) for column in columns]
    for row in rows:
        reason = row.reason
        if reason is None and len(row.fields) != len(names):
            reason = f"expected {len(names)} values, found {len(row.fields)}"
        values = None if reason else tuple([row.fields[place] for place in places])
        yield CsvRecord(row.line, row.text, values, reason)


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


def _decoded(data: bytes, encoding: str) -> str:
    """The text, without byte order mark; undecodable bytes are lone surrogates that stand for them."""
    try:
        text = data.decode(encoding, errors=_MARKING)
    except UnicodeError:  # a codec that does not ask what to do with an error
        text = data.decode("ascii", errors=_MARKING)
    return text.removeprefix("\ufeff")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(_BYTE_MARKS + byte) for byte in bad), error.end


codecs.register_error(_MARKING, _mark)


def _readable(text: str) -> str:
    r"""The text with `\xNN` for the bytes that could not be decoded."""
    return _MARKED.sub(lambda found: _escape(ord(found.group())), text)


def _escape(code: int) -> str:
    return f"\\x{code - _BYTE_MARKS:02x}" if 0 <= code - _BYTE_MARKS < 256 else f"\\u{code:04x}"


class _Reader:
    """Cuts text into rows, in time linear in its length."""

    def __init__(self, text: str, options: CsvOptions) -> None:
        self._text = text
        self._options = options
        self._has_marks = _MARKED.search(text) is not None
        specials = re.escape(options.quote) + re.escape(options.escape)
        self._specials = re.compile(f"[{specials}]") if options.quote else _LINE
        self._patience = _PATIENCE * len(text)
        #: Lines before this position may be the remains of a broken record.
        self._doubtful_until = 0

    def rows(self) -> Iterator[_Row]:
        text, quote, delimiter = self._text, self._options.quote, self._options.delimiter
        null_value = self._options.null_value
        at, line = 0, 1
        while at < len(text):
            end = self._line_end(at)
            record = text[at:end]
            lines = 1
            if quote and quote in record:
                fields, end, reason = self._record(at, end)
                record = text[at:end]
                lines += len(_LINE_END.findall(record))
            else:
                fields = [None if f == null_value else f for f in record.split(delimiter)]
                reason = None
            if record:
                yield self._row(line, record, fields, reason)
            at = end + (2 if text.startswith("\r\n", end) else 1)
            line += lines

    def _row(
        self, line: int, record: str, fields: list[Optional[str]], reason: Optional[str]
    ) -> _Row:
        if self._has_marks and _MARKED.search(record):
            name = codecs.lookup(self._options.encoding).name
            return _Row(line, _readable(record), [], f"invalid {name.upper()}")
        return _Row(line, record, fields, reason)

    def _line_end(self, at: int) -> int:
        found = _LINE.match(self._text, at)
        return found.end() if found else at

    def _record(self, start: int, first_end: int) -> tuple[list[Optional[str]], int, Optional[str]]:
        """Fields, end and fault of the record at `start`, whose first line ends at `first_end`."""
        text, quote, delimiter = self._text, self._options.quote, self._options.delimiter
        fields: list[Optional[str]] = []
        at, line_end, is_stray = start, first_end, False
        while True:
            if text.startswith(quote, at):
                value, at = self._quoted(at)
                if value is None:
                    return fields, self._broken_end(first_end, len(text)), UNCLOSED_QUOTE
                line_end = self._line_end(at) if at > line_end else line_end
                if at < line_end and not text.startswith(delimiter, at):
                    return fields, self._broken_end(first_end, line_end, at), TEXT_AFTER_QUOTE
                fields.append(value)
            else:
                end = text.find(delimiter, at, line_end)
                value, at = text[at : end if end >= 0 else line_end], end if end >= 0 else line_end
                is_stray = is_stray or quote in value
                fields.append(None if value == self._options.null_value else value)
            if at >= line_end:
                is_broken = is_stray and start < self._doubtful_until
                return fields, line_end, STRAY_QUOTE if is_broken else None
            at += len(delimiter)

    def _broken_end(self, first_end: int, line_end: int, fault: int | None = None) -> int:
        """Where a broken record ends: with its first line, as long as looking behind it is cheap."""
        fault = line_end if fault is None else fault
        self._patience -= line_end - first_end
        if self._patience < 0:
            return line_end
        self._doubtful_until = max(self._doubtful_until, fault)
        return first_end

    def _quoted(self, start: int) -> tuple[Optional[str], int]:
        """The quoted value at `start`, or None if it is not closed, and what follows it."""
        text, quote, escape = self._text, self._options.quote, self._options.escape
        parts: list[str] = []
        at = start + 1
        while True:
            found = self._specials.search(text, at)
            if found is None:
                return None, len(text)
            here = found.start()
            after = text[here + 1 : here + 2]
            if after == quote or (after and found.group() != quote):
                kept = after if after in {quote, escape} else text[here : here + 2]
                parts += (text[at:here], kept)
                at = here + 2
            elif found.group() == quote:
                return "".join((*parts, text[at:here])), here + 1
            else:
                return None, len(text)
