"""Moto's server: S3, Glue, Secrets Manager, STS and IAM over HTTP, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, NoReturn

import pytest

#: What it says once it takes requests, on a port that the system chose.
_READY = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@contextmanager
def moto_server() -> Iterator[str]:
    """Start a server with nothing in it, give its URL, and stop it afterwards.

    Skips the test where moto is not installed; fails it where `CI` is set.
    """
    if importlib.util.find_spec("moto") is None:
        is_missing("moto is not installed: pip install 'moto[server]'")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        drain = threading.Thread(target=_drain, args=(process.stderr,))
        try:
            url = _wait_for_url(process.stderr)
            drain.start()
            yield url
        finally:
            process.terminate()
            process.wait()
            if drain.ident is not None:
                drain.join()


def _wait_for_url(output: IO[str]) -> str:
    """Read until it says where it is; the end of its output means that it has ended."""
    lines = []
    for line in output:
        lines.append(line)
        if found := _READY.search(line):
            return found[1]
    raise RuntimeError("Expected moto's server to start; it ended and said: " + "".join(lines))


def _drain(output: IO[str]) -> None:
    """A line a request; unread they would fill the pipe and stop the server."""
    for _ in output:
        pass


def is_missing(reason: str) -> NoReturn:
    """Skip for want of a server, or fail where `CI` is set."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI every server must be there")
    pytest.skip(reason)
