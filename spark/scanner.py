"""The exact splitter: bytes of one raw object to its JSON documents and to what is none.

Layouts may be mixed freely: documents with nothing between them, one a line, pretty printed, as
the elements of (nested) top-level arrays, after a byte order mark or record separators, with text
that is no JSON in between. Every byte that is not a separator belongs to exactly one `Scanned`;
separators are white space, U+FEFF, the record separator 0x1E and the brackets and commas between
the documents of arrays. Strict JSON is `spark/json_objects.py`; where the line is drawn around what
is not is described in `spark/json_recovery.py`. Typing documents is not done here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

from spark.errors import SpecError
from spark.json_objects import (
    MAX_DEPTH,
    WHITESPACE,
    ObjectReader,
    end_of_string,
    has_unpaired_surrogate,
    is_nested_too_deep,
)
from spark.json_recovery import Recovery

NOT_AN_OBJECT = "not a JSON object"
INCOMPLETE = "incomplete JSON object"
MALFORMED = "malformed JSON object"
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
INVALID_UTF8 = "invalid UTF-8"
UNPAIRED_SURROGATE = "unpaired surrogate"

_SEPARATORS = re.compile(rb"(?:[ \t\r\n\x1e,\]]+|\xef\xbb\xbf){0,500}")
_ARRAY_OPENS = re.compile(rb"\[[\[ \t\r\n]*")
_SCALAR = re.compile(rb"(?:-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null)")
_AFTER_ELEMENT = re.compile(rb"[ \t\r\n]*[,\]]")
_TRAILING_COMMA = re.compile(rb",[ \t\r\n]*[}\]]")
#: What a number, a literal or an escape is made of, or is cut off by.
_WORD = re.compile(rb"[-+.\\\[A-Za-z0-9]*")
_OPEN_OBJECT, _CLOSE_OBJECT, _QUOTE = ord("{"), ord("}"), ord('"')
_AROUND_LINE = b" \t\r"
_TRIMMED = WHITESPACE + b"\x1e"


class Scanned(NamedTuple):
    r"""One document, or one piece of text that is none.

    `offset` is in bytes. `reason` is None for one complete JSON object and says otherwise why the
    text is none; bytes that are not UTF-8 stand in the text as `\xNN`. `plain`, of a complete
    document only, says that a reader that merely cuts at the separator finds this very document.
    """

    offset: int
    text: str
    reason: Optional[str]
    plain: bool


def scan_documents(data: bytes, separator: str = "}{") -> Iterator[Scanned]:
    r"""Split one decompressed object into documents and what is none, in order.

    `separator` only decides what is called plain. `}{`: nothing stands around the document but
    braces of its neighbours or the ends of the object, it holds no `}{` and is not empty. `\n`: it
    stands alone on its line, blanks, tabs and carriage returns aside.

    No bytes make it raise, and it takes time linear in them. Raises `SpecError` for another
    separator.
    """
    is_plain = {"}{": _is_plain_cut, "\n": _is_plain_line}.get(separator)
    if is_plain is None:
        raise SpecError(
            f"Expected the separator '}}{{' or a line feed, found {separator!r}; declare one of them"
        )
    return _scan(data, is_plain)


def _scan(data: bytes, is_plain: Callable[[bytes, int, int], bool]) -> Iterator[Scanned]:
    objects, recovery = ObjectReader(data), Recovery(data)
    size, at, depth = len(data), 0, 0
    while at < size:
        if data[at] != _OPEN_OBJECT:
            at, depth = _after_separators(data, at, depth)
            if at == size:
                return
        start = at
        if data[at] == _OPEN_OBJECT:
            end = objects.end_of(at)
            if end is not None:
                at = end
                yield _document(data, start, end, is_plain)
                continue
            at, is_closed = recovery.end_of_object(at, objects.failed_at, in_array=depth > 0)
            if is_closed and objects.is_too_deep:
                reason = TOO_DEEP
            else:
                reason = _what_is_wrong(data, start, at, objects.failed_at)
        else:
            at = recovery.end_of_text(at, in_array=depth > 0)
            reason = NOT_AN_OBJECT
        yield _rejected(data, start, at, reason)


def _document(
    data: bytes, start: int, end: int, is_plain: Callable[[bytes, int, int], bool]
) -> Scanned:
    try:
        text = data[start:end].decode()
    except UnicodeDecodeError:
        return _rejected(data, start, end, INVALID_UTF8)
    if has_unpaired_surrogate(text):
        return Scanned(start, text, UNPAIRED_SURROGATE, plain=False)
    if is_nested_too_deep(text):
        return Scanned(start, text, TOO_DEEP, plain=False)
    return Scanned(start, text, None, is_plain(data, start, end))


def _rejected(data: bytes, start: int, end: int, reason: str) -> Scanned:
    raw = data[start:end].rstrip(_TRIMMED)
    try:
        return Scanned(start, raw.decode(), reason, plain=False)
    except UnicodeDecodeError:
        return Scanned(start, raw.decode(errors="backslashreplace"), INVALID_UTF8, plain=False)


def _what_is_wrong(data: bytes, start: int, end: int, failed_at: int) -> str:
    """Whether a broken object was good as far as it goes, or where it stopped being so."""
    end = start + len(data[start:end].rstrip(_TRIMMED))
    if failed_at >= end or _WORD.fullmatch(data, failed_at, end):
        return INCOMPLETE
    if data[failed_at] == _QUOTE and end_of_string(data, failed_at, end) == (end, False):
        return INCOMPLETE
    # Since Python 3.13 the error is the comma before a closing bracket, earlier it is the bracket.
    comma = _TRAILING_COMMA.match(data, failed_at)
    position = comma.end() - 1 if comma else failed_at
    return f"{MALFORMED} after {position - start} bytes"


def _after_separators(data: bytes, at: int, depth: int) -> tuple[int, int]:
    """The next byte that is not a separator, and how many top-level arrays are open there."""
    while True:
        found = _SEPARATORS.match(data, at)
        if found and found.end() > at:
            if depth:
                depth = max(0, depth - data.count(b"]", at, found.end()))
            at = found.end()
            if data[at : at + 1] == b"{":
                return at, depth
            continue
        if data[at : at + 1] != b"[":
            return at, depth
        brackets = _ARRAY_OPENS.match(data, at)
        end = brackets.end() if brackets else at
        if not _is_element(data, end):
            return at, depth
        depth += data.count(b"[", at, end)
        at = end


def _is_element(data: bytes, at: int) -> bool:
    """Whether what stands behind an opening bracket shows that it opens an array."""
    if data[at : at + 1] in (b"{", b"]"):
        return True
    if data[at : at + 1] == b'"':
        end, is_closed = end_of_string(data, at, len(data))
        return is_closed and _AFTER_ELEMENT.match(data, end) is not None
    scalar = _SCALAR.match(data, at)
    return scalar is not None and _AFTER_ELEMENT.match(data, scalar.end()) is not None


def _is_plain_cut(data: bytes, start: int, end: int) -> bool:
    return (
        (start == 0 or data[start - 1] == _CLOSE_OBJECT)
        and (end == len(data) or data[end] == _OPEN_OBJECT)
        and data.find(b"}{", start, end) < 0
        and (data[start + 1] == _QUOTE or bool(data[start + 1 : end - 1].strip()))
    )


def _is_plain_line(data: bytes, start: int, end: int) -> bool:
    if data.find(b"\n", start, end) >= 0:
        return False
    while start > 0 and data[start - 1] in _AROUND_LINE:
        start -= 1
    while end < len(data) and data[end] in _AROUND_LINE:
        end += 1
    is_first, is_last = start == 0, end == len(data)
    return (is_first or data[start - 1 : start] == b"\n") and (
        is_last or data[end : end + 1] == b"\n"
    )
