"""Waiting for what another process or thread does."""

from __future__ import annotations

import threading
from collections.abc import Callable

SECONDS = 300.0


def wait_for(condition: Callable[[], bool]) -> None:
    """Look until it is so; fails the test after five minutes."""
    over = threading.Event()
    for _ in range(int(SECONDS / 0.05)):
        if condition():
            return
        over.wait(0.05)
    raise AssertionError("it did not happen")
