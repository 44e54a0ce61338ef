"""Splitting bytes into documents and what is none, for whatever hypothesis comes up with."""

from __future__ import annotations

import json
import re
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from spark import json_objects
from spark.scanner import Scanned, scan_documents

SETTINGS = settings(max_examples=200, deadline=None)

SEPARATORS = re.compile(rb"(?:[ \t\r\n\x1e,\[\]]|\xef\xbb\xbf)*")
NASTY = st.lists(
    st.sampled_from(
        ["}{", '"', "\\", "{", "}", "[", "]", ",", ":", "\n", "😀", "é", '{"a":1}', "x"]
    ),
    max_size=6,
).map("".join)
STRINGS = NASTY | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def json_texts(draw: st.DrawFn, keys: st.SearchStrategy[str] = STRINGS, least: int = 0) -> str:
    """One JSON object as text, in one of the ways that writers write it."""
    value = draw(st.dictionaries(keys, VALUES, min_size=least, max_size=3))
    return json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, None, 2])),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])),
    )


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[str], str]:
    """Some documents, and one text that holds them in one layout."""
    texts = draw(st.lists(json_texts(), max_size=4))
    opening, between, closing = draw(
        st.sampled_from(
            [
                ("", "", ""),
                ("", "\n", "\n"),
                ("", "\r\n", ""),
                ("\ufeff", "\n\n", "\t"),
                ("\x1e", "\n\x1e", "\n"),
                ("[", ",", "]"),
                ("[\n  ", ",\n  ", "\n]\n"),
                ("[[", "],[", "]]"),
            ]
        )
    )
    return texts, opening + between.join(texts) + closing


TOKENS = st.sampled_from(
    [
        *(bytes([byte]) for byte in b'{}[]",:\\ \n\r1x\x00\x1e\xff\xc3'),
        *(b'{"', b'{"a":', b'{"a":1}', b"{}", b"tru", b"\xef\xbb\xbf", "é😀".encode(), b'{"a":"x'),
    ]
)
HOSTILE = st.lists(TOKENS, max_size=40).map(b"".join)


def spans(data: bytes, found: list[Scanned]) -> list[tuple[int, int]]:
    """First byte and end of each; the text of what is no UTF-8 is looked for in the bytes."""
    limits = [each.offset for each in found[1:]] + [len(data)]
    return [
        (each.offset, end_of(data, each, limit)) for each, limit in zip(found, limits, strict=False)
    ]


def end_of(data: bytes, scanned: Scanned, limit: int) -> int:
    start = scanned.offset
    for end in range(start + 1, limit + 1):
        if data[start:end].decode(errors="backslashreplace") == scanned.text:
            return end
    raise AssertionError(f"{scanned} is not what stands at its offset, before the next one")


def assert_nothing_is_lost(data: bytes, found: list[Scanned]) -> None:
    """Spans come in order, do not overlap, and leave separators only."""
    at = 0
    for start, end in spans(data, found):
        assert at <= start < end
        assert SEPARATORS.fullmatch(data, at, start)
        at = end
    assert SEPARATORS.fullmatch(data, at)


def fragments(data: bytes) -> set[tuple[int, bytes]]:
    """What a reader sees that cuts at every `}{` and puts the braces back, with offsets."""
    pieces = data.split(b"}{")
    seen, at = set(), 0
    for index, piece in enumerate(pieces):
        opening = b"{" if index > 0 else b""
        closing = b"}" if index < len(pieces) - 1 else b""
        seen.add((at - len(opening), opening + piece + closing))
        at += len(piece) + len(b"}{")
    return seen


def lines(data: bytes) -> set[tuple[int, bytes]]:
    """What a reader sees that cuts at every line feed and trims, with offsets."""
    seen, at = set(), 0
    for line in data.split(b"\n"):
        trimmed = line.lstrip(b" \t\r")
        seen.add((at + len(line) - len(trimmed), trimmed.rstrip(b" \t\r")))
        at += len(line) + 1
    return seen


@SETTINGS
@given(st.lists(layouts(), max_size=4))
def test_documents_come_out_as_they_are_from_any_mix_of_layouts(
    parts: list[tuple[list[str], str]],
) -> None:
    data = "".join(text for _, text in parts).encode()

    found = list(scan_documents(data))

    assert [each.text for each in found] == [text for texts, _ in parts for text in texts]
    assert all(each.reason is None for each in found)
    assert_nothing_is_lost(data, found)


#: Keys that cannot be taken for what JSON has behind a string: `{"a":"x` and `{"}":1}` in a row are
#: a complete document, and nothing can tell what was meant.
WORDS = st.from_regex("[a-z]+", fullmatch=True)


@st.composite
def mixtures(
    draw: st.DrawFn, keys: st.SearchStrategy[str] = STRINGS
) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Documents, cut ones and anything else in a row; with the offsets of the whole documents."""
    data, whole = b"", []
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["whole", "whole", "cut", "hostile"]))
        text = draw(HOSTILE) if kind == "hostile" else draw(json_texts(keys)).encode()
        if kind == "whole":
            whole.append((len(data), text))
        data += text[: draw(st.integers(0, len(text)))] if kind == "cut" else text
        data += draw(st.sampled_from([b"", b"", b"\n", b" , "]))
    return data, whole


@SETTINGS
@given(mixtures(WORDS))
def test_documents_among_anything_else_are_found_or_part_of_what_is_kept(
    mixture: tuple[bytes, list[tuple[int, bytes]]],
) -> None:
    data, whole = mixture

    found = list(scan_documents(data))

    assert_nothing_is_lost(data, found)
    taken = spans(data, found)
    for offset, text in whole:
        inside = [
            each for each, (start, end) in zip(found, taken, strict=True) if start <= offset < end
        ]
        is_found = [(each.offset, each.text.encode()) for each in inside] == [(offset, text)]
        is_kept = any(each.reason is not None for each in inside)
        is_part_of_another = any(text in data[start:end] for start, end in taken)
        assert text == b"{}" or is_found or is_kept or is_part_of_another


@SETTINGS
@given(
    json_texts(least=1),
    st.data(),
    st.lists(json_texts(WORDS, least=1), min_size=1, max_size=4),
)
def test_a_document_cut_off_anywhere_takes_at_most_the_next_with_it(
    broken: str, data: st.DataObject, good: list[str]
) -> None:
    cut = broken[: data.draw(st.integers(1, len(broken) - 1))]

    found = [
        each.text for each in scan_documents((cut + "".join(good)).encode()) if not each.reason
    ]

    could_be_a_value = cut.rstrip()[-1] in ":,["
    assert found[-len(good) :] == good or (could_be_a_value and found[-len(good) + 1 :] == good[1:])


@SETTINGS
@given(HOSTILE)
def test_no_bytes_are_lost_doubled_or_taken_for_a_document_wrongly(data: bytes) -> None:
    found = list(scan_documents(data))

    assert_nothing_is_lost(data, found)
    for each in found:
        if each.reason is None:
            assert isinstance(json.loads(each.text), dict)
            assert each.text.encode() == data[each.offset :][: len(each.text.encode())]


@SETTINGS
@given(HOSTILE | mixtures().map(lambda mixture: mixture[0]))
def test_plain_documents_are_those_that_a_mere_cut_finds(data: bytes) -> None:
    cut, lined = fragments(data), lines(data)

    for each in scan_documents(data):
        is_document = each.reason is None and bool(each.text[1:-1].strip(" \t\r\n"))
        assert each.plain == (is_document and (each.offset, each.text.encode()) in cut)
    for each in scan_documents(data, "\n"):
        assert each.plain == (each.reason is None and (each.offset, each.text.encode()) in lined)


@SETTINGS
@given(HOSTILE | mixtures().map(lambda mixture: mixture[0]), st.integers(1, 60))
def test_how_much_is_looked_at_at_once_changes_nothing(data: bytes, window_bytes: int) -> None:
    at_once = list(scan_documents(data))

    with patch.object(json_objects, "WINDOW_BYTES", window_bytes):
        assert list(scan_documents(data)) == at_once
