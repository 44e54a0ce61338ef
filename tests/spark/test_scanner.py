"""Splitting bytes into documents and what is none, example by example."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import pytest

from spark.errors import SpecError
from spark.json_objects import MAX_DEPTH, WINDOW_BYTES
from spark.scanner import (
    INCOMPLETE,
    INVALID_UTF8,
    MALFORMED,
    NOT_AN_OBJECT,
    TOO_DEEP,
    UNPAIRED_SURROGATE,
    Scanned,
    scan_documents,
)


def documents(data: bytes) -> list[str]:
    return [each.text for each in scan_documents(data) if each.reason is None]


def rejected(data: bytes) -> list[tuple[str, str | None]]:
    return [(each.text, each.reason) for each in scan_documents(data) if each.reason is not None]


def plain(data: bytes, separator: str = "}{") -> list[str]:
    return [each.text for each in scan_documents(data, separator) if each.plain]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  \t\r\n\n",
        b"\xef\xbb\xbf",
        b"\x1e\n\x1e",
        b"[]",
        b" [ [ ] , [ ] ] ",
    ],
)
def test_separators_alone_are_nothing(data: bytes) -> None:
    assert list(scan_documents(data)) == []


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1}{"b":"}{"}',
        b'{"a":1}\n{"b":"}{"}\n',
        b'{"a":1}\r\n\r\n{"b":"}{"}\r\n',
        b'\xef\xbb\xbf{"a":1} \t {"b":"}{"}',
        b'\x1e{"a":1}\n\x1e{"b":"}{"}\n',
        b'[{"a":1},{"b":"}{"}]',
        b'[\n  {"a":1},\n  {"b":"}{"}\n]\n',
        b'[[{"a":1}],[{"b":"}{"}]]',
        b'[{"a":1}]{"b":"}{"}',
        b'{"a":1},{"b":"}{"}',
    ],
)
def test_every_layout_gives_the_same_documents(data: bytes) -> None:
    assert documents(data) == ['{"a":1}', '{"b":"}{"}']
    assert rejected(data) == []


def test_documents_are_given_as_written_with_their_byte_offsets() -> None:
    data = '\ufeff{"ü":"😀"}\n{ "b" : [1, {"c": "\\"}{\\\\"}] }'.encode()

    found = list(scan_documents(data))

    assert [each.text for each in found] == ['{"ü":"😀"}', '{ "b" : [1, {"c": "\\"}{\\\\"}] }']
    assert [each.offset for each in found] == [3, 3 + len('{"ü":"😀"}\n'.encode())]


def test_a_pretty_printed_document_is_one() -> None:
    text = json.dumps({"a": [{"b": 1}, {}], "c": {"d": None}}, indent=2)

    assert documents(f"{text}\n{text}".encode()) == [text, text]


@pytest.mark.parametrize("text", ['{"a":NaN}', '{"a":-Infinity}', '{"a":1,"a":2}', "{}", "{ \n }"])
def test_what_common_readers_accept_is_a_document(text: str) -> None:
    assert documents(text.encode()) == [text]


def test_numbers_may_have_any_number_of_digits() -> None:
    text = '{"a":' + "9" * 10_000 + "}"

    assert documents(text.encode()) == [text]


def test_scalars_and_strings_are_no_documents() -> None:
    data = b'[1, {"a":1}, "x, }{", null]\ntrue "y"'

    assert documents(data) == ['{"a":1}']
    assert rejected(data) == [
        ("1", NOT_AN_OBJECT),
        ('"x, }{"', NOT_AN_OBJECT),
        ("null", NOT_AN_OBJECT),
        ('true "y"', NOT_AN_OBJECT),
    ]


def test_a_log_line_between_documents_is_one_piece_of_text() -> None:
    data = b'{"a":1}\n[ERROR] lost, {x} "again"\n{"b":2} tail {"c":3}'

    assert documents(data) == ['{"a":1}', '{"b":2}', '{"c":3}']
    assert rejected(data) == [('[ERROR] lost, {x} "again"', NOT_AN_OBJECT), ("tail", NOT_AN_OBJECT)]


@pytest.mark.parametrize("data", [b"[", b"[1", b'"', b"\\", b"\x00\x00", b"[ [ foo"])
def test_a_rest_that_means_nothing_is_kept(data: bytes) -> None:
    assert rejected(data) == [(data.decode(), NOT_AN_OBJECT)]


@pytest.mark.parametrize(
    "cut",
    [
        "{",
        '{"',
        '{"a',
        '{"a"',
        '{"a":1',
        '{"a":12.',
        '{"a":tr',
        '{"a":1,',
        '{"a":"x',
        '{"a":"x\\',
        '{"a":"x\\u00',
        '{"a":"x{}',
        '{"a":"x:',
        '{"a":[1,2',
        '{"a":[{"b":1}',
        '{"a":{"b":{"c":1}',
        '{"a":{"b":"',
        '{"a":{',
    ],
)
@pytest.mark.parametrize(
    "following", ['{"k":1}', '{\n  "k": 1\n}', '[{"k":1}', '\n{"k":1}', '\x1e{"k":1}']
)
def test_a_document_cut_off_does_not_take_the_next_with_it(cut: str, following: str) -> None:
    data = f'{cut}{following}{{"m":"n"}}'.encode()

    assert [json.loads(each) for each in documents(data)] == [{"k": 1}, {"m": "n"}]
    assert [reason for _, reason in rejected(data)] == [INCOMPLETE]


@pytest.mark.parametrize("cut", ['{"a":', '{"a":[', '{"a":[{"b":1},', '{"a":{"b":'])
def test_a_document_cut_off_before_a_value_is_told_from_the_next_by_its_line(cut: str) -> None:
    data = f'{cut}\n{{"k":1}}\n{{"m":2}}\n'.encode()

    assert documents(data) == ['{"k":1}', '{"m":2}']
    assert rejected(data) == [(cut, INCOMPLETE)]


def test_a_document_cut_off_before_a_value_takes_at_most_one_other_with_it() -> None:
    data = b'{"a":{"k":1}{"m":2}{"n":3}'

    assert documents(data) == ['{"m":2}', '{"n":3}']
    assert rejected(data) == [('{"a":{"k":1}', INCOMPLETE)]


def test_many_documents_cut_off_in_a_string_are_as_many_pieces() -> None:
    data = b'{"a":"x' * 1000 + b'{"b":1}'

    assert rejected(data) == [('{"a":"x', INCOMPLETE)] * 1000
    assert documents(data) == ['{"b":1}']


@pytest.mark.parametrize(
    ("broken", "good_bytes"),
    [
        ('{"a":tru,"b":{"c":1}}', 5),
        ('{"a":[{"b":1},{"c":2},],"d":{"e":3}}', 22),
        ('{"a":"C:\\path","b":{"c":1}}', 8),
        ('{"a":"he said "hi"","b":{"c":1}}', 15),
        ('{"a":"5" pipe","b":1}', 9),
        ('{"a":"line\nline","b":{"c":1}}', 10),
        ('{"a":"5" pipe","b":[{"c":"x"},{"d":"y"},{"e":1}]}', 9),
        ('{"a":"tab\there","b":{"c":1}}', 9),
        ("{a:1,b:{}}", 1),
        ("{'a':{'b':1}}", 1),
        ('{"a":01}', 6),
        ('{"a":1 , }', 9),
        ('{"a":[1,2}', 9),
    ],
)
def test_a_malformed_document_is_kept_whole_and_nothing_inside_it_is_a_document(
    broken: str, good_bytes: int
) -> None:
    data = f'{{"k":1}}{broken}{{"m":2}}'.encode()

    assert documents(data) == ['{"k":1}', '{"m":2}']
    assert rejected(data) == [(broken, f"{MALFORMED} after {good_bytes} bytes")]


def test_an_array_broken_halfway_gives_its_good_elements() -> None:
    data = b'[{"a":1},{"b":tru},{"c":3},{"d":"x'

    assert documents(data) == ['{"a":1}', '{"c":3}']
    assert [text for text, _ in rejected(data)] == ['{"b":tru}', '{"d":"x']


def test_a_quote_too_many_costs_its_own_element_only() -> None:
    data = b'[{"a":"5" pipe","b":{"c":1}},{"d":2},{"e":"f"}]'

    assert documents(data) == ['{"d":2}', '{"e":"f"}']
    assert [text for text, _ in rejected(data)] == ['{"a":"5" pipe","b":{"c":1}},']


def test_a_bracket_ends_a_broken_element() -> None:
    data = b'[{"a":1},{"b":12]\nfoo\n{"c":3}'

    assert documents(data) == ['{"a":1}', '{"c":3}']
    assert rejected(data) == [('{"b":12', INCOMPLETE), ("foo", NOT_AN_OBJECT)]


def test_bytes_that_are_not_utf8_cost_their_own_document_only() -> None:
    data = b'{"a":1}{"b":"\xff\xc3"}{"c":"\xc3\xbc"}\xfe tail'

    assert documents(data) == ['{"a":1}', '{"c":"ü"}']
    assert rejected(data) == [('{"b":"\\xff\\xc3"}', INVALID_UTF8), ("\\xfe tail", INVALID_UTF8)]


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "\\ude00\\ud83d", "\\ud83d\\\\ude00"])
def test_an_escaped_surrogate_without_its_other_half_is_refused(half: str) -> None:
    text = f'{{"a":"{half}"}}'

    assert rejected(text.encode()) == [(text, UNPAIRED_SURROGATE)]


@pytest.mark.parametrize(
    "whole", ["\\ud83d\\ude00", "\\uDBFF\\uDFFF", "\\\\ud800", "\\\\\\\\udfff", "\\u0041"]
)
def test_escapes_that_are_characters_are_accepted(whole: str) -> None:
    text = f'{{"a":"{whole}"}}'

    assert documents(text.encode()) == [text]


def nested(depth: int) -> str:
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def test_nesting_has_a_limit_that_is_a_reason_and_not_an_error() -> None:
    deep = [nested(MAX_DEPTH), nested(MAX_DEPTH + 1), nested(5000), '{"b":"' + "[{" * 600 + '"}']

    found = list(scan_documents("".join(deep).encode()))

    assert [each.text for each in found] == deep
    assert [each.reason for each in found] == [None, TOO_DEEP, TOO_DEEP, None]


def test_a_wide_document_is_not_a_deep_one() -> None:
    text = json.dumps({"a": [{"b": [n]} for n in range(1000)]})

    assert documents(text.encode()) == [text]


def test_documents_larger_than_the_decoders_window_are_found() -> None:
    large = json.dumps({"a": "x{" * WINDOW_BYTES, "b": [{"c": n} for n in range(WINDOW_BYTES)]})
    data = f'{{"k":1}}{large}{large[:-1]}{large}{{"m":2}}'.encode()

    assert documents(data) == ['{"k":1}', large, large, '{"m":2}']
    assert rejected(data) == [(large[:-1], INCOMPLETE)]


def test_plain_is_what_a_cut_between_braces_would_find() -> None:
    data = b'{"a":1}{"b":2}{}{"c":"}{"}{"d":{"e":1}}{"f":1}'

    assert plain(data) == ['{"a":1}', '{"b":2}', '{"d":{"e":1}}', '{"f":1}']
    assert plain(b'{"a":1}\n') == []
    assert plain(b'{"a":1} {"b":1}') == []
    assert plain(b'[{"a":1}]') == []
    assert plain(b'\xef\xbb\xbf{"a":1}{"b":1}') == ['{"b":1}']


def test_plain_is_what_stands_alone_on_its_line() -> None:
    data = b' {"a":"}{"} \t\r\n{}\n\n{"c":1}{"d":1}\n{\n"e":1}\n[{"f":1}]\n{"g":1}\n{"h":1}'

    assert plain(data, "\n") == ['{"a":"}{"}', "{}", '{"g":1}', '{"h":1}']


def test_what_is_no_document_is_never_plain() -> None:
    data = b'{"a":"\\ud800"}{"a":"\xff"}{"a":tru}'

    assert [each.plain for each in scan_documents(data)] == [False, False, False]
    assert [each.plain for each in scan_documents(data, "\n")] == [False, False, False]


def test_another_separator_is_refused_in_words() -> None:
    with pytest.raises(SpecError, match="separator"):
        scan_documents(b"{}", ";")


@pytest.mark.parametrize("limit", [200, 1000])
def test_a_low_recursion_limit_is_no_error(limit: int) -> None:
    before = sys.getrecursionlimit()
    data = (nested(5000) + '{"a":1}').encode()
    try:
        sys.setrecursionlimit(limit)
        found: list[Scanned] = list(scan_documents(data))
    finally:
        sys.setrecursionlimit(before)

    assert [each.reason for each in found] == [TOO_DEEP, None]


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.mark.parametrize(
    "unit",
    [
        '{"a":"x',
        '{"',
        "{[",
        "[{",
        '{"a":',
        '{"a":[',
        '{"a":\n',
        '{"a":[\n{"b":1}\n,',
        '{"a":[\n{"b":1}\n,"' + "x" * 3000 + '",',
        '{"a":1,\n',
        "[1,",
        "[\n",
        '{"a"}',
        '"',
        '{"a":1 "b":"',
        '{"a":"\\',
        '{"a":{"b":1}{"c":1]',
        "{ ]",
        "\\",
        '[{"a":tru\n',
    ],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    small = (unit * (40_000 // len(unit) + 1)).encode()
    large = small * 5

    quick = min(seconds(lambda: list(scan_documents(small))) for _ in range(3))
    slow = min(seconds(lambda: list(scan_documents(large))) for _ in range(2))

    assert slow < 12 * quick + 0.05  # 5 when linear, 25 when quadratic
