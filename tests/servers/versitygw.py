"""versitygw: an S3 server over a folder, quick enough to be put under load.

`make test-load` builds it into the project's environment. Objects are files whose ETags and
metadata are extended attributes.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from resources.aws import AwsSettings
from tests.servers.needed import missing
from tests.servers.ports import free_port
from tests.servers.starting import wait_until_up

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
_START_SECONDS = 30.0


def program() -> str | None:
    """Where versitygw is, or None where it is not built."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("versitygw", path=beside) or shutil.which("versitygw")


@dataclass(frozen=True)
class Versitygw:
    """A running server; below `folder` each bucket is a folder, and each object a file of its key."""

    aws: AwsSettings
    folder: Path


@contextmanager
def versitygw_server() -> Iterator[Versitygw]:
    """Start a server with nothing in it, and stop it afterwards; its credentials are `KEYS`.

    Skips the test where it is not built; fails it where `CI` is set.
    """
    found = program()
    if found is None:
        missing("versitygw is not built: make test-load")
    with tempfile.TemporaryDirectory(prefix="lake-versitygw-") as folder:
        port = free_port()
        process = subprocess.Popen(
            [found, "--port", f"127.0.0.1:{port}", "--access", KEYS["AWS_ACCESS_KEY_ID"],
             "--secret", KEYS["AWS_SECRET_ACCESS_KEY"], "--quiet", "--keep-alive", "posix", folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until_up(
                "versitygw",
                process,
                lambda: _is_up(port),
                _START_SECONDS,
                lambda: f"{process.args!r}",
            )
            url = f"http://127.0.0.1:{port}"
            aws = AwsSettings(region="us-east-1", endpoints={"s3": url})
            yield Versitygw(aws, Path(folder))
        finally:
            process.terminate()
            process.wait()


def _is_up(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
