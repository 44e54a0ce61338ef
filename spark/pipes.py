"""Dagster Pipes as a job speaks it: version 0.1 of its protocol, in numbered objects on S3.

Dagster's own package asks for Python 3.10, and EMR 7 runs 3.9. What is sent is what its
`PipesS3MessageWriter` sends.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from spark.reports import Payload

_log = logging.getLogger(__name__)
_VERSION = "0.1"
#: Seconds from one upload to the next.
UPLOAD_SECONDS = 2.0


class Pipes:
    """Messages to whoever waits for the job: a line each, uploaded some at a time."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket, self._prefix = bucket, prefix
        self._lines: list[str] = []
        self._sent = 0
        self._changing = threading.Lock()

    def report(self, payload: Payload) -> None:
        """Send a custom message."""
        self.send("report_custom_message", {"payload": payload})

    def send(self, method: str, params: Mapping[str, Any]) -> None:
        """Send any message of the protocol, with the next upload."""
        line = json.dumps({"__dagster_pipes_version": _VERSION, "method": method, "params": params})
        with self._changing:
            self._lines.append(line)

    def upload(self) -> None:
        """Upload what is waiting, if anything. What fails to go stays for the next time."""
        with self._changing:
            lines = list(self._lines)
        if not lines:
            return
        key = f"{self._prefix}/{self._sent + 1}.json"
        body = "".join(f"{line}\n" for line in lines).encode()
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
        self._sent += 1
        with self._changing:
            del self._lines[: len(lines)]


@contextmanager
def open_pipes(client: S3Client, parameter: str) -> Iterator[Pipes]:
    """Send messages for as long as the block lasts, and what `spark` logs; all are there after it.

    `parameter` is that of `--dagster-pipes-messages`: JSON, deflated, in base64.
    """
    place = json.loads(zlib.decompress(base64.b64decode(parameter)))
    pipes = Pipes(client, place["bucket"], place["key_prefix"])
    over = threading.Event()
    uploads = threading.Thread(
        target=_upload_until, args=(pipes, over), name="lake-job-pipes", daemon=True
    )
    handler = _Handler(pipes)
    ours = logging.getLogger("spark")
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)
    pipes.send("opened", {"extras": {}})
    uploads.start()
    try:
        yield pipes
    finally:
        ours.removeHandler(handler)
        over.set()
        uploads.join()
        pipes.send("closed", {})
        pipes.upload()


def _upload_until(pipes: Pipes, over: threading.Event) -> None:
    while not over.wait(UPLOAD_SECONDS):
        try:
            pipes.upload()
        except Exception as error:  # noqa: BLE001 - boto3's errors are not known here
            _log.warning("messages wait for the next upload: %s", error)


class _Handler(logging.Handler):
    """Sends what the shipped code logs."""

    def __init__(self, pipes: Pipes) -> None:
        super().__init__(logging.INFO)
        self._pipes = pipes

    def emit(self, record: logging.LogRecord) -> None:
        self._pipes.send("log", {"message": record.getMessage(), "level": record.levelname})
