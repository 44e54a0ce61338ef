"""A proxy in front of moto's server that lets calls fail as they do on AWS.

Errors are those of the vendor's documents: S3's "List of error codes" (`SlowDown` 503,
`InternalError` 500, `ExpiredToken` 400, `AccessDenied` 403), Glue's "Common errors"
(`ThrottlingException` 400, `InternalServiceException` 500). Connections end before a call, after it,
or in its answer.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SLOW_DOWN, INTERNAL = "slow down", "internal error"
EXPIRED, DENIED = "expired token", "access denied"
NO_CALL, NO_ANSWER, HALF_AN_ANSWER = "no call", "no answer", "half an answer"
FAULTS = (SLOW_DOWN, INTERNAL, NO_CALL, NO_ANSWER, HALF_AN_ANSWER)
_CODES = {
    ("s3", SLOW_DOWN): (503, "SlowDown"),
    ("s3", INTERNAL): (500, "InternalError"),
    ("s3", EXPIRED): (400, "ExpiredToken"),
    ("s3", DENIED): (403, "AccessDenied"),
    ("glue", SLOW_DOWN): (400, "ThrottlingException"),
    ("glue", INTERNAL): (500, "InternalServiceException"),
}
_NOT_PASSED_ON = {"connection", "content-length", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


#: What a call meets, by its method, path and action, and by how often it has come.
Decide = Callable[[str, int], "str | None"]


@dataclass
class Faulty:
    """A running proxy: its address, how many calls came, and which faults they met."""

    url: str
    backend: str
    decide: Decide
    calls: int = 0
    met: Counter[str] = field(default_factory=Counter)
    _made: Counter[str] = field(default_factory=Counter)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def fault_of(self, call: str) -> str | None:
        """What this call meets now."""
        with self._counting:
            self.calls += 1
            self._made[call] += 1
            fault = self.decide(call, self._made[call])
            if fault is not None:
                self.met[fault] += 1
            return fault


def a_tenth(seed: int) -> Decide:
    """A tenth of all calls meets any of `FAULTS`, the same ones in whatever order threads come."""

    def decide(call: str, made: int) -> str | None:
        drawn = hashlib.sha256(f"{seed} {made} {call}".encode()).digest()
        return FAULTS[drawn[4] % len(FAULTS)] if drawn[0] * 256 + drawn[1] < 6554 else None

    return decide


@contextmanager
def faulty_proxy(backend: str, decide: Decide) -> Iterator[Faulty]:
    """Start a proxy to the server at `backend`, and stop it afterwards."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        faulty = Faulty(f"http://127.0.0.1:{server.server_port}", backend, decide)
        Handler.faulty = faulty
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield faulty
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Takes calls one after another on a connection, as HTTP/1.1 has it."""

    faulty: Faulty
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        target = self.headers.get("X-Amz-Target", "")
        body = self._body()
        fault = self.faulty.fault_of(f"{self.command} {self.path} {target}")
        if fault == NO_CALL:
            self.close_connection = True
            return
        if found := _CODES.get(("glue" if target else "s3", fault or "")):
            self._give(_error(*found, is_json=bool(target)))
            return
        answer = self._forwarded(body)
        if fault == NO_ANSWER:
            self.close_connection = True
            return
        self._give(answer, is_cut=fault == HALF_AN_ANSWER)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the names that the class wants

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the base class
        """Say nothing."""

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _forwarded(self, body: bytes) -> _Answer:
        connection = HTTPConnection(urlsplit(self.faulty.backend).netloc, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in _NOT_PASSED_ON | {"expect"}:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            said = connection.getresponse()
            return _Answer(said.status, tuple(said.getheaders()), said.read())
        finally:
            connection.close()

    def _give(self, answer: _Answer, *, is_cut: bool = False) -> None:
        """Send an answer; one that is cut ends in its body, or before its headers without one."""
        length = str(len(answer.body))
        if self.command == "HEAD":
            length = dict(answer.headers).get("Content-Length", "0")
        self.close_connection = is_cut
        if is_cut and (self.command == "HEAD" or not answer.body):
            return
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if is_cut else answer.body)


def _error(status: int, code: str, *, is_json: bool) -> _Answer:
    if is_json:
        body = json.dumps({"__type": code, "message": "of the proxy's making"}).encode()
        return _Answer(status, (("Content-Type", "application/x-amz-json-1.1"),), body)
    text = f"<Error><Code>{code}</Code><Message>of the proxy's making</Message></Error>"
    return _Answer(status, (("Content-Type", "application/xml"),), text.encode())
