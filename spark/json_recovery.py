"""How far text that is not a JSON document reaches, and where the next document may begin.

This is the only place that guesses, and it never drops a byte: it only draws the line between
what is broken and what may be read again. It goes over the bytes once, with no more grammar than
strings and brackets, and it looks back at nothing, so that hostile input costs no more than its
length.

A broken object, one that opens with `{` and is not strict JSON, ends

1. behind the bracket that balances its first, when there is one: `{"a":tru,"b":{"c":1}}`;
2. before a document that opens where JSON allows no value, which is anywhere but behind `:`,
   behind `[` or behind a comma in an array: `{"a":12{"b":1}`, `{"a":1,{"b":1}`, `{"a":1[{"b":1}]`;
3. before a document that opens at the end of what seemed a string, when what follows that string
   could not follow one: in `{"a":"x{"b":1}` the string `"x{"` is followed by `b`; but not when
   that string reads like what stands *between* two strings and opens a value, which is what a
   quote too many or too few makes of the rest of a document: `"a":"5" pipe","b":{"c":1}`;
4. before a line that is, from its first column, one complete object: a document even where the
   broken one, cut off behind a `:`, would take it for a value of its own;
5. in a top-level array, before a `]` that closes nothing in the broken object;
6. at the end of the bytes.

A document opens where `{` is followed, white space aside, by `"` or `}`; inside what seemed a
string, by `"` only. So what nests inside a broken object stays part of it and never becomes a
document by accident, and what was cut off takes at most one good document with it: one that
follows `:`, `[` or `,` on the same line and cannot be told from a value.

Text outside any object ends before a document, at a line feed or record separator, and in an
array at a comma or closing bracket; strings in it are respected in the same way.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from spark.json_objects import WHITESPACE, end_of_string, is_whole_object

_DOCUMENT_OPENS = re.compile(rb"\{[ \t\r\n]*[\"}]")
_ARRAY_OPENS = re.compile(rb"\[[ \t\r\n]*\{[ \t\r\n]*[\"}]")
_GOES_ON = re.compile(rb"[ \t\r\n]*[:,}\]]")
_SPACE = re.compile(rb"[ \t\r\n]*")
_IN_OBJECT = re.compile(rb"[\"\[\]}]|\{+")
_IN_TEXT = re.compile(rb"[\"\n\x1e]|\{+")
_IN_ELEMENT = re.compile(rb"[\"\n\x1e,\]]|\{+")
_BRACKETS = re.compile(rb"\[[\[ \t\r\n]*")

_OPEN_OBJECT, _OPEN_ARRAY = ord("{"), ord("[")
#: How often over the bytes may be parsed again behind lines that rule 4 took out of a broken object.
_PATIENCE = 4


class Extent(NamedTuple):
    """Where a broken object ends, and whether a bracket balances its first."""

    end: int
    is_closed: bool


class Recovery:
    """Finds the ends of what is broken in one run of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._patience = _PATIENCE * len(data)

    def end_of_object(self, start: int, failed_at: int, *, in_array: bool) -> Extent:
        """The extent of the broken object at `start`, which is strict JSON up to `failed_at`."""
        extent = _BrokenObject(self._data, in_array=in_array, takes_lines=self._patience > 0)
        found = extent.run(start)
        if not found.is_closed:
            self._patience -= max(0, failed_at - found.end)
        return found

    def end_of_text(self, start: int, *, in_array: bool) -> int:
        """Where the text at `start`, which is neither separator nor object, ends."""
        data, at = self._data, start
        brackets = _BRACKETS.match(data, start)
        if brackets:
            at = brackets.end()
        stops = _IN_ELEMENT if in_array else _IN_TEXT
        while True:
            found = stops.search(data, at)
            if found is None:
                return len(data)
            char = found.group()
            if char == b'"':
                at, is_closed = end_of_string(data, found.start(), len(data))
                opens = _opens_in_string(
                    data, found.start(), at, is_closed=is_closed, in_array=in_array
                )
                if opens is not None:
                    return opens
            elif char[0] != _OPEN_OBJECT:
                return found.start()
            elif _DOCUMENT_OPENS.match(data, found.end() - 1):
                return found.end() - 1
            else:
                at = found.end()


class _BrokenObject:
    """One walk over a broken object; the stack holds the brackets that are open."""

    def __init__(self, data: bytes, *, in_array: bool, takes_lines: bool) -> None:
        self._data = data
        self._in_array = in_array
        self._takes_lines = takes_lines
        self._stack = bytearray()
        self._arrays = 0
        self._at = 0
        #: The last byte that means something before the place looked at.
        self._before = b""

    def run(self, start: int) -> Extent:
        data = self._data
        self._stack += b"{"
        self._at, self._before = start + 1, b"{"
        while True:
            found = _IN_OBJECT.search(data, self._at)
            if found is None:
                return Extent(len(data), is_closed=False)
            gap = data[self._at : found.start()].rstrip(WHITESPACE)
            self._before = gap[-1:] or self._before
            self._at = found.end()
            cut = self._step(found.group(), found.start())
            if cut is not None:
                return Extent(cut, is_closed=False)
            if not self._stack:
                return Extent(self._at, is_closed=True)

    def _step(self, char: bytes, at: int) -> int | None:
        """Take one token; returns where the broken object ends when it ends before it."""
        if char == b'"':
            return self._string(at)
        cut = None
        if char == b"[":
            cut = self._array(at)
        elif char == b"]":
            cut = self._close_array(at)
        elif char == b"}":
            self._drop_to(self._stack.rfind(b"{"))
        else:
            cut = self._objects(char, at)
        self._before = char[-1:]
        return cut

    def _string(self, at: int) -> int | None:
        self._at, is_closed = end_of_string(self._data, at, len(self._data))
        self._before = b'"'
        return _opens_in_string(
            self._data, at, self._at, is_closed=is_closed, in_array=self._in_array
        )

    def _objects(self, braces: bytes, at: int) -> int | None:
        if len(braces) > 1:
            self._stack += braces[:-1]
            at, self._before = at + len(braces) - 1, b"{"
        if not self._takes_value():
            if _DOCUMENT_OPENS.match(self._data, at):
                return at
        elif self._takes_lines and self._data[at - 1 : at] == b"\n" and self._is_line(at):
            return at
        self._stack += b"{"
        return None

    def _array(self, at: int) -> int | None:
        if not self._takes_value() and _ARRAY_OPENS.match(self._data, at):
            return at
        self._stack += b"["
        self._arrays += 1
        return None

    def _close_array(self, at: int) -> int | None:
        if self._arrays:
            self._drop_to(self._stack.rfind(b"["))
            return None
        return at if self._in_array else None

    def _drop_to(self, depth: int) -> None:
        self._arrays -= self._stack.count(b"[", depth)
        del self._stack[depth:]

    def _takes_value(self) -> bool:
        """Whether JSON allows a value at this place."""
        if self._before == b",":
            return self._stack[-1] == _OPEN_ARRAY
        return self._before in {b":", b"["}

    def _is_line(self, at: int) -> bool:
        end = self._data.find(b"\n", at)
        line = self._data[at : end if end >= 0 else len(self._data)]
        return is_whole_object(line.rstrip(WHITESPACE))


def _opens_in_string(
    data: bytes, start: int, end: int, *, is_closed: bool, in_array: bool
) -> int | None:
    """Where a document opens at the end of what seemed a string and cannot be one, if any does."""
    space = _SPACE.match(data, end)
    after = data[space.end() : space.end() + 1] if space else b""
    if not after or (after in b",:}]" if is_closed else after not in b'"}'):
        return None
    inside = data[start + 1 : end - 1 if is_closed else end].rstrip(WHITESPACE)
    if not inside.endswith(b"{"):
        return None
    before = inside[:-1].rstrip(WHITESPACE)[-1:]
    is_value = before in {b":", b"["} or (before == b"," and not in_array)
    return None if is_value and _GOES_ON.match(inside) else start + len(inside)
