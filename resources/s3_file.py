"""An object of S3 as a file that is read in any order, each read being a request for a range."""

from __future__ import annotations

import io
from collections.abc import Callable

from resources.errors import StorageError

#: How much of the end comes with the first request: most footers, and all of a small object.
TAIL_BYTES = 64 * 1024

#: Bytes of a range such as `bytes=0-9`, the size of the whole, and the version's ETag, which the
#: object must still have if one is given.
Fetch = Callable[[str, str | None], tuple[bytes, int, str]]


class S3File(io.RawIOBase):
    """Reads ranges through `fetch`; nothing is asked for before the first read.

    Without `size_bytes`, moving to the end asks too.
    """

    def __init__(self, fetch: Fetch, root: str, key: str, size_bytes: int | None = None) -> None:
        super().__init__()
        self._fetch = fetch
        self._where = f"{key!r} in {root}"
        self._position = 0
        self._size_bytes = size_bytes
        self._fetched: tuple[bytes, int, str] | None = None

    @property
    def _tail(self) -> tuple[bytes, int, str]:
        if self._fetched is None:
            self._fetched = self._fetch(f"bytes=-{TAIL_BYTES}", None)
        return self._fetched

    @property
    def size(self) -> int:
        """Bytes of the whole object."""
        return self._tail[1] if self._size_bytes is None else self._size_bytes

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read starts."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; beyond the end is allowed, and reads nothing."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        self._position = max((self.size if start is None else start) + offset, 0)
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fill the buffer from here on, short only at the object's end."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type] # any writable buffer
        data = self._range(self._position, len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _range(self, start: int, count: int) -> bytes:
        tail, size, etag = self._tail
        end = min(start + count, size)
        if start >= end:
            return b""
        before_tail = size - len(tail)
        if start >= before_tail:
            return tail[start - before_tail : end - before_tail]
        data, _, _ = self._fetch(f"bytes={start}-{end - 1}", etag)
        if len(data) != end - start:
            raise StorageError(
                f"Expected {end - start:,} bytes of {self._where} from {start:,}; got {len(data):,}."
            )
        return data
