"""`dagster dev` as a person starts it, on a free port and a lake of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.graphql import ask
from tests.servers.ports import free_port
from tests.servers.starting import end_group, wait_until_up

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 240.0
_LOADED = "{ repositoriesOrError { __typename } }"


@contextmanager
def dagster_dev(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Start it, give its address once the code location is loaded, and end all of it afterwards."""
    port = free_port()
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
            wait_until_up(
                "dagster dev", process, lambda: _is_loaded(url), _PATIENCE_SECONDS, log.read_text
            )
            yield url
        finally:
            end_group(process, signal.SIGINT, 30)


def _is_loaded(url: str) -> bool:
    try:
        found: str = ask(url, _LOADED)["repositoriesOrError"]["__typename"]
        return found == "RepositoryConnection"
    except OSError:
        return False
