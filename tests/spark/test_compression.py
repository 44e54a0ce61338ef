"""Decompressing raw objects, whole and broken ones."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.compression import LARGEST_PORTION_BYTES, decompress

TEXT = b'{"a":1}\n' * 1000
NOISE = random.Random(7).randbytes(3 * LARGEST_PORTION_BYTES)


@pytest.mark.parametrize("data", [b"", b"{}", b"BZhello", b"\x1f", TEXT, NOISE])
def test_what_is_not_compressed_is_left_alone(data: bytes) -> None:
    assert decompress(data) == (data, None)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("text", [b"", TEXT, NOISE])
def test_members_and_padding_are_read(compress: type[bytes], text: bytes) -> None:
    assert decompress(compress(text)) == (text, None)
    assert decompress(compress(text) + compress(b"") + compress(TEXT)) == (text + TEXT, None)
    assert decompress(compress(text) + bytes(512) + compress(TEXT)) == (text + TEXT, None)
    assert decompress(compress(text) + bytes(512)) == (text, None)


def test_truncated_gzip_is_read_up_to_where_it_ends() -> None:
    packed = gzip.compress(NOISE)

    read, reason = decompress(packed[: len(packed) // 2])

    assert len(read) > len(NOISE) // 3
    assert NOISE.startswith(read)
    assert reason == f"truncated gzip after {len(read)} bytes"
    assert decompress(packed[:-1]) == (NOISE, f"truncated gzip after {len(NOISE)} bytes")
    assert decompress(packed[:2]) == (b"", "truncated gzip after 0 bytes")


def test_truncated_bzip2_is_read_up_to_its_last_block() -> None:
    packed = bz2.compress(NOISE, compresslevel=1)

    read, reason = decompress(packed[:-100])

    assert read
    assert NOISE.startswith(read)
    assert reason == f"truncated bzip2 after {len(read)} bytes"


def test_corrupt_gzip_is_read_up_to_the_fault() -> None:
    packed = bytearray(gzip.compress(TEXT * 100))
    packed[-6] ^= 0xFF  # the checksum

    assert decompress(bytes(packed)) == (
        TEXT * 100,
        f"corrupt gzip after {len(TEXT) * 100} bytes (incorrect data check)",
    )


def test_a_fault_in_a_later_member_keeps_the_members_before_it() -> None:
    broken = bytearray(gzip.compress(NOISE))
    broken[len(broken) // 2 :] = b"\xff" * (len(broken) - len(broken) // 2)

    read, reason = decompress(gzip.compress(TEXT) + bytes(broken))

    assert read.startswith(TEXT + NOISE[: len(NOISE) // 3])
    assert reason is not None
    assert reason.startswith(f"corrupt gzip after {len(read)} bytes (")


def test_what_follows_the_end_is_reported() -> None:
    packed = gzip.compress(TEXT) + b"\x00{}"

    assert decompress(packed) == (
        TEXT,
        f"corrupt gzip after {len(TEXT)} bytes (2 bytes follow the end)",
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x28\xb5\x2f\xfd rest", "zstd"),
        (b"\xff\x06\x00\x00sNaPpY rest", "snappy"),
        (lzma.compress(TEXT), "xz"),
    ],
)
def test_other_compressions_are_named(data: bytes, name: str) -> None:
    assert decompress(data) == (
        b"",
        f"compressed with {name}, which is not supported; use gzip or bzip2",
    )


def test_very_many_members_take_time_in_proportion() -> None:
    data = gzip.compress(b"{}") * 20_000
    began = time.process_time()

    assert decompress(data) == (b"{}" * 20_000, None)
    assert time.process_time() - began < 10


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300), st.binary(max_size=5))
def test_no_bytes_make_it_raise(text: bytes, at: int, fault: bytes) -> None:
    for packed in (gzip.compress(text, mtime=0), bz2.compress(text)):
        data = packed[:at] + fault + packed[at + len(fault) :]

        read, reason = decompress(data)

        assert reason is not None or data == packed or read in {text, data}
