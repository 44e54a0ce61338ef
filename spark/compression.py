"""Raw objects as bytes: compression told by the first bytes, never by the name.

What is broken is read as far as it goes and reported in words. What the bytes mean is not known
here.
"""

from __future__ import annotations

import bz2
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

#: How many bytes are handed to a decompressor at once: few at a member's start, as there may be
#: very many small members. After an error they go in one by one.
SMALLEST_PORTION_BYTES, LARGEST_PORTION_BYTES = 1024, 256 * 1024

_PADDING = re.compile(rb"\x00*")
_GZIP = b"\x1f\x8b"
#: A header with the first block, or, without any block, with the end of the stream.
_BZIP2 = tuple(
    b"BZh%d" % level + mark
    for level in range(1, 10)
    for mark in (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
)
_UNSUPPORTED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
}


class _Decompressor(Protocol):
    """What zlib's and bz2's decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def decompress(data: bytes) -> tuple[bytes, str | None]:
    """The content of an object as far as it can be read, and why that is not all of it.

    Takes gzip and bzip2, several members of them and padding with zeros included, and anything
    else as it stands. Counts in reasons are of bytes that could be read.
    """
    if data.startswith(_GZIP):
        return _members(data, "gzip", _GZIP, _gzip_decompressor)
    if data.startswith(_BZIP2):
        return _members(data, "bzip2", b"BZh", bz2.BZ2Decompressor)
    for magic, name in _UNSUPPORTED.items():
        if data.startswith(magic):
            return b"", f"compressed with {name}, which is not supported; use gzip or bzip2"
    return data, None


def _gzip_decompressor() -> _Decompressor:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _members(
    data: bytes, name: str, magic: bytes, new: Callable[[], _Decompressor]
) -> tuple[bytes, str | None]:
    content: list[bytes] = []
    size, at, trouble = 0, 0, None
    while trouble is None and data.startswith(magic, at):
        text, at, trouble = _member(data, at, new)
        content.append(text)
        size += len(text)
        at = _after_padding(data, at)
    if trouble is None and at < len(data):
        trouble = f"corrupt {{}} after {{}} bytes ({len(data) - at} bytes follow the end)"
    return b"".join(content), trouble and trouble.format(name, size)


def _member(
    data: bytes, start: int, new: Callable[[], _Decompressor]
) -> tuple[bytes, int, str | None]:
    """The content of the member at `start`, where it ends, and a message if it does not."""
    content: list[bytes] = []
    decompressor = new()
    at, portion = start, SMALLEST_PORTION_BYTES
    while at < len(data):
        try:
            content.append(decompressor.decompress(data[at : at + portion]))
        except (zlib.error, OSError) as error:
            text = _up_to_the_error(data, start, at, new)
            return text, len(data), "corrupt {} after {} bytes" + f" ({_detail(error)})"
        at = min(at + portion, len(data))
        if decompressor.eof:
            return b"".join(content), at - len(decompressor.unused_data), None
        portion = min(4 * portion, LARGEST_PORTION_BYTES)
    return b"".join(content), len(data), "truncated {} after {} bytes"


def _up_to_the_error(data: bytes, start: int, at: int, new: Callable[[], _Decompressor]) -> bytes:
    """What the member at `start` gives before the error in the portion at `at`."""
    decompressor = new()
    content = [decompressor.decompress(data[start:at])]
    single_bytes = (data[each : each + 1] for each in range(at, len(data)))
    with suppress(zlib.error, OSError):
        content.extend(decompressor.decompress(each) for each in single_bytes)
    return b"".join(content)


def _detail(error: Exception) -> str:
    return str(error).rpartition(": ")[2].replace("{", "").replace("}", "")


def _after_padding(data: bytes, at: int) -> int:
    padding = _PADDING.match(data, at)
    return padding.end() if padding else at
