"""A real Spark Connect server: PySpark's own Spark, started by its own `spark-submit`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.spark_runtime import spark_home
from tests.servers.starting import end_group, wait_until_up

_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
_START_SECONDS, _STOP_SECONDS = 240.0, 10.0


@dataclass
class SparkConnect:
    """A server on a port of this machine."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"sc://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it as a machine that is switched off ends it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def spark_connect(
    folder: Path, port: int = 0, config: Mapping[str, str] | None = None
) -> Iterator[SparkConnect]:
    """Start a server and stop it afterwards; some ten seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = port or free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(chosen),
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        **(config or {}),
    }
    command = [
        str(spark_home() / "bin" / "spark-submit"),
        *("--master", "local[2]", "--class", _CLASS),
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        "spark-internal",
    ]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={**os.environ, "SPARK_HOME": str(spark_home())}, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until_up(
            "Spark Connect", process, lambda: _listens(chosen), _START_SECONDS, log.read_text
        )
        yield SparkConnect(chosen, process)
    finally:
        with suppress(ProcessLookupError):
            end_group(process, signal.SIGTERM, _STOP_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
