"""How figures read."""

from __future__ import annotations

import pytest

from lake_assets.metadata import size


@pytest.mark.parametrize(
    ("total_bytes", "count", "shown"),
    [
        (0, 0, "0 B in 0 files"),
        (999, 1, "999 B in 1 file"),
        (76_266, 2, "76.3 kB in 2 files"),
        (3_644_523, 1_096, "3.6 MB in 1,096 files"),
        (2 * 10**18, 2, "2000.0 PB in 2 files"),
    ],
)
def test_a_size_is_read_at_a_glance(total_bytes: int, count: int, shown: str) -> None:
    assert size(total_bytes, count, "file") == shown
