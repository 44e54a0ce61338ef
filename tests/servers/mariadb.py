"""A private MariaDB server on a free port, with certificates of its own; no system service.

Debian's package `mariadb-server` brings the programs. The server is told to read no configuration
of the machine, lies in one folder, listens on 127.0.0.1 only and ends with whoever started it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.starting import wait_until_up

#: The programs that a server needs, as Debian's packages name them.
PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb", "openssl")
#: A user that may read everything and write nothing, and its password.
READER, READER_PASSWORD = "lake_reader", "r3ad-0nly 'quoted' \\pass"
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


class ServerMissingError(Exception):
    """A program that is not installed; the message says what to install."""


@dataclass
class MariaDb:
    """A running server. `host` is a name that its certificate is made out to."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    host: str = "localhost"

    @property
    def ca(self) -> Path:
        """The certificate, as PEM, that signed the server's."""
        return self.folder / "ca.pem"

    def url(self, schema: str, user: str = READER, host: str = "") -> str:
        """The address, as the setting `LAKE_DATABASE` takes it."""
        return f"mysql://{user}@{host or self.host}:{self.port}/{schema}"

    def run(self, sql: str, schema: str = "") -> list[list[str]]:
        """Run SQL as root by the `mariadb` client; its rows, as it prints them in UTC."""
        sql = "SET time_zone='+00:00'; " + sql
        done = subprocess.run(
            [_program("mariadb"), "--no-defaults", f"--socket={self.folder}/socket", "--user=root",
             "--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4",
             *([schema] if schema else [])],
            input=sql.encode(), capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{done.stderr.decode().strip()} in: {sql[:500]}")
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    def kill(self) -> None:
        """End the server at once, as a machine that fails does."""
        self.process.kill()
        self.process.wait()


def programs_missing() -> str:
    """A sentence naming the programs that are not installed; empty when all are there."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    return f"{', '.join(missing)} not found: apt-get install mariadb-server openssl" * bool(missing)


@contextmanager
def mariadb_server() -> Iterator[MariaDb]:
    """Start a server in a temporary folder and stop it afterwards; a second or two each time.

    Raises `ServerMissingError` when its programs are not installed.
    """
    if reason := programs_missing():
        raise ServerMissingError(reason)
    with tempfile.TemporaryDirectory(prefix="lake-mariadb-") as name:
        folder = Path(name)
        _make_certificates(folder)
        _run(["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data",
              "--auth-root-authentication-method=normal", "--skip-test-db", *_as_root()])  # fmt: skip
        server = _start(folder)
        try:
            wait_until_up(
                "mariadbd",
                server.process,
                lambda: _answers(server),
                _START_SECONDS,
                (folder / "log").read_text,
            )
            _create_reader(server)
            yield server
        finally:
            server.process.terminate()
            try:
                server.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()


_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def _start(folder: Path) -> MariaDb:
    port = free_port()
    options = [
        f"--datadir={folder}/data", f"--socket={folder}/socket", f"--pid-file={folder}/pid",
        f"--port={port}", "--bind-address=127.0.0.1", f"--log-error={folder}/log",
        f"--ssl-ca={folder}/ca.pem", f"--ssl-cert={folder}/server.pem",
        f"--ssl-key={folder}/server.key", "--innodb-buffer-pool-size=64M", "--default-time-zone=+09:00",
        "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve", "--max-connections=50",
        *_as_root(),
    ]  # fmt: skip
    process = subprocess.Popen(
        [_program("mariadbd"), "--no-defaults", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return MariaDb(folder, port, process)


def _answers(server: MariaDb) -> bool:
    try:
        server.run("SELECT 1")
    except RuntimeError:
        return False
    return True


def _create_reader(server: MariaDb) -> None:
    password = READER_PASSWORD.replace("\\", "\\\\").replace("'", "''")
    server.run(
        f"CREATE USER {READER}@'%' IDENTIFIED BY '{password}' REQUIRE SSL;"
        f" GRANT SELECT ON *.* TO {READER}@'%'"
    )


def _make_certificates(folder: Path) -> None:
    """An authority, and a certificate by it for the name `localhost` and for no address."""
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    new_key = ["-newkey", "rsa:2048", "-nodes"]
    _run(["openssl", "req", "-x509", *new_key, "-days", "2", "-subj", "/CN=Lake test authority",
          "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem"])  # fmt: skip
    _run(["openssl", "req", *new_key, "-subj", "/CN=localhost",
          "-keyout", f"{folder}/server.key", "-out", f"{folder}/server.csr"])  # fmt: skip
    _run(["openssl", "x509", "-req", "-days", "2", "-in", f"{folder}/server.csr",
          "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial",
          "-extfile", f"{folder}/san", "-out", f"{folder}/server.pem"])  # fmt: skip


def _run(command: list[str]) -> None:
    done = subprocess.run([_program(command[0]), *command[1:]], capture_output=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise RuntimeError(f"{command[0]} failed: {said[-2000:]}")


def _program(name: str) -> str:
    return shutil.which(name, path=_PATH) or name


def _as_root() -> list[str]:
    """The server refuses to run as root unless told to."""
    return ["--user=root"] if os.geteuid() == 0 else []
