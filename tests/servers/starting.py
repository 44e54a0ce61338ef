"""Waiting for a server that starts, and ending it with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

#: Neither a server's port nor its log can be waited for otherwise than by looking again.
_LOOK_SECONDS = 0.1


def wait_until_up(
    name: str,
    process: subprocess.Popen[bytes],
    is_up: Callable[[], bool],
    seconds: float,
    said: Callable[[], str],
) -> None:
    """Wait until a server answers; raises `RuntimeError` with what it `said` if it never does."""
    began = time.monotonic()
    while not is_up():
        if process.poll() is not None or time.monotonic() - began > seconds:
            raise RuntimeError(f"{name} did not start: {said()[-3000:]}")
        time.sleep(_LOOK_SECONDS)


def end_group(process: subprocess.Popen[bytes], politely: signal.Signals, seconds: float) -> None:
    """Ask a process and its group to end, and kill what has not after so many seconds."""
    for number in (politely, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
