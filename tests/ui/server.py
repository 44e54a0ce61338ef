"""`dagster dev` as a person starts it, on a free port and a lake of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 240.0
_LOADED = {"query": "{ repositoriesOrError { __typename } }"}


@contextmanager
def dagster_dev(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Start it, give its address once the code location is loaded, and end all of it afterwards."""
    port = _free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield url
        finally:
            _end(process)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    began = time.monotonic()
    while not _is_loaded(url):
        if process.poll() is not None or time.monotonic() - began > _PATIENCE_SECONDS:
            raise RuntimeError(f"dagster dev did not start: {log.read_text()[-3000:]}")
        time.sleep(0.5)


def _is_loaded(url: str) -> bool:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{url}/graphql", json.dumps(_LOADED).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return b"RepositoryConnection" in answer.read()
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, which goes to the whole group; what is left after a while is killed."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(30)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
