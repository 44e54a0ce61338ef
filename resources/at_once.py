"""Many requests to a store at the same time, because on S3 each is a wait of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_AT_ONCE = 16
T = TypeVar("T")
R = TypeVar("R")


def at_once(ask: Callable[[T], R], of: Iterable[T]) -> list[R]:
    """What `ask` gives of each, in order. Raises what the first of them raised that failed."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(ask, of))
