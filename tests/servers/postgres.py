"""A private PostgreSQL server on a free port; no system service.

Debian's package `postgresql` brings the programs. The server lies in one folder, listens on
127.0.0.1 only and ends with whoever started it. It refuses to run as root, and then runs as the
user `postgres` that the package made.
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

PASSWORD = "p%40ss'word /?#"
_VERSIONS = Path("/usr/lib/postgresql")


class PostgresMissingError(Exception):
    """The programs are not installed; the message says what to install."""


@dataclass(frozen=True)
class Postgres:
    """A running server with a database `dagster` and its user of that name."""

    port: int

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which `deploy/dagster.yaml` finds it."""
        return {
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(self.port),
            "DAGSTER_POSTGRES_USER": "dagster",
            "DAGSTER_POSTGRES_DB": "dagster",
            "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
        }


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start a server in a temporary folder and stop it afterwards; two or three seconds.

    Raises `PostgresMissingError` when its programs are not installed.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="lake-postgres-") as name:
        folder = Path(name)
        password = folder / "password"
        password.write_text(PASSWORD)
        if user := _user():
            for path in (folder, password):
                shutil.chown(path, user)
        data, port = f"{folder}/data", free_port()
        _run([f"{programs}/initdb", "--pgdata", data, "--username=dagster", "--no-sync",
              "--auth=scram-sha-256", f"--pwfile={password}"])  # fmt: skip
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -k {folder}"
        server = [f"{programs}/pg_ctl", "--pgdata", data, "--wait", f"--log={folder}/log"]
        _run([*server, "--options", options, "start"])
        try:
            _run(
                [f"{programs}/createdb", "--host=127.0.0.1", f"--port={port}", "--username=dagster",
                 "--no-password", "dagster"],
                {"PGPASSWORD": PASSWORD},
            )  # fmt: skip
            yield Postgres(port)
        finally:
            _run([*server, "--mode=immediate", "stop"])


def _programs() -> Path:
    versions = sorted(_VERSIONS.glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    if not versions:
        raise PostgresMissingError("initdb not found: apt-get install postgresql")
    return versions[-1].parent


def _user() -> str | None:
    return "postgres" if os.geteuid() == 0 else None


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    # Into no pipe: the server that `pg_ctl` leaves behind would keep it open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            user=_user(),
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
        )
        output.seek(0)
        if done.returncode:
            said = output.read().decode(errors="replace")
            raise RuntimeError(f"{command[0]} failed: {said[-2000:]}")
