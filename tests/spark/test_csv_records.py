"""Reading CSV records, the readable and the broken ones."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.csv_records import (
    STRAY_QUOTE,
    TEXT_AFTER_QUOTE,
    UNCLOSED_QUOTE,
    CsvOptions,
    CsvRecord,
    read_csv,
    unknown_columns,
)
from spark.errors import SpecError

DEFAULTS = CsvOptions()
AB = ("a", "b")


def values(data: bytes, options: CsvOptions = DEFAULTS) -> list[tuple[str | None, ...] | None]:
    return [each.values for each in read_csv(data, AB, options)]


def reasons(data: bytes, options: CsvOptions = DEFAULTS) -> list[tuple[int, str, str | None]]:
    found = read_csv(data, AB, options)
    return [(each.line, each.text, each.reason) for each in found if each.reason is not None]


@pytest.mark.parametrize("data", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"a,b", b"a,b\n\n"])
def test_an_object_without_rows_gives_no_records(data: bytes) -> None:
    assert list(read_csv(data, AB, DEFAULTS)) == []


def test_columns_are_matched_by_name_in_any_order() -> None:
    data = b"\xef\xbb\xbfb, c,a\n1,2,3\n"

    assert list(read_csv(data, AB, DEFAULTS)) == [CsvRecord(2, "1,2,3", ("3", "1"), None)]
    assert unknown_columns(data, AB, DEFAULTS) == ("c",)


def test_one_column_is_read_as_well() -> None:
    assert [each.values for each in read_csv(b"a\nx\n", ["a"], DEFAULTS)] == [("x",)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_kind_are_read_and_counted(end: str) -> None:
    data = end.join(["a,b", '1,"x', 'y"', "", "2,z"]).encode()

    assert list(read_csv(data, AB, DEFAULTS)) == [
        CsvRecord(2, f'1,"x{end}y"', ("1", f"x{end}y"), None),
        CsvRecord(5, "2,z", ("2", "z"), None),
    ]


def test_quoted_values_hold_delimiters_quotes_and_line_feeds() -> None:
    data = b'a,b\n"x,""y""\nz","1"\n"",5" pipe\n'

    assert values(data) == [('x,"y"\nz', "1"), ("", '5" pipe')]


def test_null_is_what_is_not_quoted() -> None:
    assert values(b'a,b\n,""\n') == [(None, "")]
    assert values(b'a,b\nNULL,"NULL"\n,\n', CsvOptions(null_value="NULL")) == [
        (None, "NULL"),
        ("", ""),
    ]


def test_an_escape_takes_a_quote_or_itself_literally() -> None:
    data = rb"""a,b
"x\"y","\\"
"C:\n","a""b"
"\","x"
"""

    assert values(data, CsvOptions(escape="\\")) == [
        ('x"y', "\\"),
        ("C:\\n", 'a"b'),
        None,
    ]


def test_other_delimiters_and_quotes_are_read() -> None:
    assert values(b"a\tb\n'x\ty'\t2\n", CsvOptions(delimiter="\t", quote="'")) == [("x\ty", "2")]
    assert values(b'a||b\n"x"||y|z\n', CsvOptions(delimiter="||")) == [("x", "y|z")]
    assert values(b'a,b\n"x,y"\n', CsvOptions(quote="")) == [('"x', 'y"')]


@pytest.mark.parametrize("encoding", ["cp949", "utf-16", "utf-16-le", "utf-8", "gb18030", "utf-32"])
def test_a_declared_encoding_is_read(encoding: str) -> None:
    data = 'a,b\n서울,"한\n글"\n'.encode(encoding)

    assert values(data, CsvOptions(encoding=encoding)) == [("서울", "한\n글")]


@pytest.mark.parametrize("encoding", ["cp949", "euc-kr", "shift-jis", "gb18030", "big5", "utf-8"])
def test_bytes_that_cannot_be_decoded_cost_their_own_record_only(encoding: str) -> None:
    data = b'a,b\n1,x\n2,"\xfd\xff\n\xff"\n3,\xff\n4,y\n'

    assert values(data, CsvOptions(encoding=encoding)) == [("1", "x"), None, None, ("4", "y")]
    assert [line for line, _, _ in reasons(data, CsvOptions(encoding=encoding))] == [3, 5]


def test_bytes_that_cannot_be_decoded_are_shown() -> None:
    assert reasons(b"a,b\n1,\xe9\xff\n") == [(2, r"1,\xe9\xff", "invalid UTF-8")]
    odd = "a,b\n1,2".encode("utf-16-le") + b"\x41"
    assert reasons(odd, CsvOptions(encoding="utf-16-le")) == [(2, r"1,2\x41", "invalid UTF-16-LE")]


def test_rows_of_another_width_have_a_reason() -> None:
    assert reasons(b"a,b\n1\n1,2\n1,2,3\n") == [
        (2, "1", "expected 2 values, found 1"),
        (4, "1,2,3", "expected 2 values, found 3"),
    ]


def test_a_header_without_a_column_makes_every_record_one_with_a_reason() -> None:
    reason = "columns missing from the header: b"

    assert reasons(b"a,c\n1,2\n3,4\n") == [
        (1, "a,c", reason),
        (2, "1,2", reason),
        (3, "3,4", reason),
    ]
    assert unknown_columns(b"a,c\n1,2\n", AB, DEFAULTS) == ("c",)


def test_a_header_with_a_column_twice_makes_every_record_one_with_a_reason() -> None:
    reason = "columns twice in the header: a"

    assert reasons(b"a,b,a\n1,2,3\n") == [(1, "a,b,a", reason), (2, "1,2,3", reason)]


def test_a_broken_header_makes_every_record_one_with_a_reason() -> None:
    assert reasons(b'a,"b\n1,2\n') == [(1, 'a,"b', UNCLOSED_QUOTE), (2, "1,2", UNCLOSED_QUOTE)]
    assert unknown_columns(b'a,"b\n1,2\n', AB, DEFAULTS) == ()


def test_a_quote_that_is_never_closed_costs_its_own_line() -> None:
    data = b'a,b\n1,"x\n2,y\n3,z\n'

    assert values(data) == [None, ("2", "y"), ("3", "z")]
    assert reasons(data) == [(2, '1,"x', UNCLOSED_QUOTE)]


def test_a_quote_that_the_next_one_seems_to_close_costs_its_own_line() -> None:
    data = b'a,b\n1,"x\n2,y\n"3","z"\n5" pipe,6\n'

    assert values(data) == [None, ("2", "y"), ("3", "z"), ('5" pipe', "6")]
    assert reasons(data) == [(2, '1,"x', TEXT_AFTER_QUOTE)]


def test_the_rest_of_a_broken_record_is_not_taken_for_one() -> None:
    data = b'a,b\n1,"x\ny" junk,2\n3,z\n'

    assert values(data) == [None, None, ("3", "z")]
    assert [reason for _, _, reason in reasons(data)] == [TEXT_AFTER_QUOTE, STRAY_QUOTE]


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoding": "utf-ate"},
        {"encoding": "rot13"},
        {"delimiter": ""},
        {"delimiter": "\n"},
        {"quote": "''"},
        {"quote": ","},
        {"escape": "\n"},
    ],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SpecError, match="CSV"):
        CsvOptions(**wrong)


@pytest.mark.parametrize(
    "unit", ['"x\n', '"a""\n', '"', '"x",', '"\\"\n', "\n", 'x"\n"y"z\n', '""""",""\n']
)
def test_hostile_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    options = CsvOptions(escape="\\")

    def seconds(data: bytes) -> float:
        began = time.process_time()
        for _ in read_csv(data, AB, options):
            pass
        return time.process_time() - began

    small = b"a,b\n" + (unit * (40_000 // len(unit))).encode()
    large = b"a,b\n" + (unit * (200_000 // len(unit))).encode()

    quick = min(seconds(small) for _ in range(3))
    slow = min(seconds(large) for _ in range(2))

    assert slow < 12 * quick + 0.05  # 5 when linear, 25 when quadratic


CELLS = st.text(st.sampled_from('",\n\r x\\é한'), max_size=6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_what_a_writer_quotes_is_read_as_written(rows: list[tuple[str, str]], end: str) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerows([AB, *rows])

    assert values(text.getvalue().encode()) == rows


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ['"', '""', ",", "\n", "\r\n", "\r", "x", "\\", "1,2\n", '"a","b"\n', "\xff"]
        ),
        max_size=30,
    ).map("".join),
    st.sampled_from(["utf-8", "latin-1"]),
    st.sampled_from(["", "\\"]),
)
def test_no_text_is_lost_or_doubled(text: str, encoding: str, escape: str) -> None:
    data = f"a,b\n{text}".encode("latin-1")

    found = list(read_csv(data, AB, CsvOptions(escape=escape, encoding=encoding)))

    kept = "".join(each.text for each in found)
    without_ends = re.compile(r"[\r\n]")
    shown = text if encoding == "latin-1" else text.replace("\xff", r"\xff")
    assert without_ends.sub("", kept) == without_ends.sub("", shown)
    assert [each.line for each in found] == sorted({each.line for each in found})
    assert all((each.values is None) == (each.reason is not None) for each in found)
