"""Strict JSON: where an object that opens at a byte ends, and what a complete one may not hold.

Nothing here guesses. What an object that is *not* strict JSON takes with it is decided in
`spark/json_recovery.py`.

The bytes are parsed as Latin-1: a byte is a character then, so that positions need no counting, and
UTF-8 is only looked into for the documents that turn out to be complete.
"""

from __future__ import annotations

import re
from itertools import accumulate
from json import JSONDecodeError, JSONDecoder

#: A complete document may nest this deep; Spark's own parser gives up at 1,000.
MAX_DEPTH = 500
WHITESPACE = b" \t\r\n"

#: How many bytes are handed to the decoder at once. Its errors cost time in proportion to what
#: stands before them, so that they have to stay near the front.
WINDOW_BYTES = 8 * 1024
GROWTH = 4
#: No token but a string is longer, so an error further than this from the end of the window is
#: not one that more bytes would mend.
LONGEST_LITERAL = 16

#: Inside of a string, in portions: the engine keeps a frame for every repetition.
_INSIDE_STRING = re.compile(rb"(?:[^\"\\\n]+|\\[^\n]){0,500}")
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_STEP = {"{": 1, "[": 1, "}": -1, "]": -1}
#: Matches every escape; the group is set for a surrogate that is not half of a pair.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)",
    re.DOTALL,
)


def strict_decoder() -> JSONDecoder:
    """A decoder that only checks: numbers are not converted, however long they are."""
    return JSONDecoder(parse_int=len, parse_float=len, parse_constant=len)


class ObjectReader:
    """Finds the ends of objects in one run of bytes, in time linear in what it is asked about."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._raw_decode = strict_decoder().raw_decode
        self._base = 0
        self._window = ""
        #: Where the last object that failed stopped being strict JSON, as far as is known.
        self.failed_at = 0
        #: Whether it failed because of its depth alone.
        self.is_too_deep = False

    def end_of(self, start: int) -> int | None:
        """Where the object that opens at `start` ends, or None when it is not strict JSON."""
        at = start - self._base
        if not 0 <= at <= WINDOW_BYTES or at >= len(self._window):
            self._load(start, max(WINDOW_BYTES, len(self._window) // 2))
        while True:
            try:
                return self._base + self._raw_decode(self._window, start - self._base)[1]
            except JSONDecodeError as error:
                if self._is_final(error.pos):
                    self._fail(self._base + error.pos, is_too_deep=False)
                    return None
            except RecursionError:
                self._fail(len(self._data), is_too_deep=True)
                return None
            grow = GROWTH if start == self._base else 1
            self._load(start, grow * len(self._window))

    def _load(self, start: int, size: int) -> None:
        self._base = start
        self._window = self._data[start : start + size].decode("latin-1")

    def _fail(self, position: int, *, is_too_deep: bool) -> None:
        self.failed_at, self.is_too_deep = position, is_too_deep
        if len(self._window) > WINDOW_BYTES:
            self._window = ""

    def _is_final(self, position: int) -> bool:
        """Whether more bytes than the window has could not mend an error."""
        limit = self._base + len(self._window)
        if limit >= len(self._data):
            return True
        if position >= len(self._window) - LONGEST_LITERAL:
            return False
        start = self._base + position
        return self._data[start] != _QUOTE or end_of_string(self._data, start, limit)[0] < limit


def is_whole_object(text: bytes) -> bool:
    """Whether the text, from its first byte to its last, is one object."""
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return False
    try:
        return strict_decoder().raw_decode(text.decode("latin-1"))[1] == len(text)
    except (JSONDecodeError, RecursionError):
        return False


def end_of_string(data: bytes, start: int, limit: int) -> tuple[int, bool]:
    """Where the string that opens at `start` ends, and whether a quote closes it.

    A string that is not closed ends before the next line feed, which no JSON string may hold, or
    at `limit`.
    """
    at = start + 1
    while True:
        found = _INSIDE_STRING.match(data, at, limit)
        at = found.end() if found else at
        if at >= limit:
            return limit, False
        if data[at] == _QUOTE:
            return at + 1, True
        if data[at] == _BACKSLASH and at + 1 >= limit:
            return limit, False
        if data[at] == _BACKSLASH and data[at + 1 : at + 2] == b"\n":
            return at + 1, False
        if data[at : at + 1] == b"\n":
            return at, False


def is_nested_too_deep(text: str) -> bool:
    """Whether a complete object has more than MAX_DEPTH levels."""
    if len(text) <= 2 * MAX_DEPTH or text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    steps = (_STEP.get(each, 0) for each in _STRING_OR_BRACKET.findall(text))
    return max(accumulate(steps)) > MAX_DEPTH


def has_unpaired_surrogate(text: str) -> bool:
    r"""Whether a complete object has an escape such as `\ud800`, which is no character."""
    return ("\\ud" in text or "\\uD" in text) and any(_ESCAPE.findall(text))
