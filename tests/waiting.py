"""Waiting for what another process or thread does."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: For a machine that is busy with other things; alone it takes seconds.
SECONDS = 600.0


def wait_for(condition: Callable[[], bool]) -> None:
    """Look until it is so; fails the test after ten minutes."""
    over = threading.Event()
    for _ in range(int(SECONDS / 0.05)):
        if condition():
            return
        over.wait(0.05)
    raise AssertionError("it did not happen")
