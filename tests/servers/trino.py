"""Trino: the engine that Athena is made of, reading what is in moto's Glue and S3.

The server is `io.trino:trino-server` from Maven Central, 821 MB, fetched by the Ivy that comes with
Spark and unpacked once a machine. It needs Java 24 or later, which Spark does not take.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark
from trino.dbapi import connect

from tests.servers.needed import missing
from tests.servers.ports import free_port
from tests.servers.starting import wait_until_up

VERSION = "476"
_JAVA_MINIMUM = 24
#: What a catalog of Hive tables needs; the others are half a gigabyte.
_PLUGIN = "hive"
#: Ten seconds on an idle machine.
_START_SECONDS = 300.0
_IVY = f"""<ivy-module version="2.0">
  <info organisation="lake" module="tests"/>
  <dependencies>
    <dependency org="io.trino" name="trino-server" rev="{VERSION}" transitive="false">
      <artifact name="trino-server" type="tar.gz" ext="tar.gz"/>
    </dependency>
  </dependencies>
</ivy-module>
"""


@dataclass(frozen=True)
class Trino:
    """A running server."""

    port: int

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of a query; timestamps are shown in UTC."""
        where = {"host": "127.0.0.1", "port": self.port, "catalog": "lake", "timezone": "UTC"}
        with closing(connect(user="tests", **where)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]


@contextmanager
def trino_server(aws_url: str, region: str = "us-east-1") -> Iterator[Trino]:
    """Start a server whose catalog `lake` is the Glue at `aws_url`, and stop it afterwards.

    Skips the test without a Java or the server's files; fails it where `CI` is set.
    """
    java, home = _java(), _home()
    with tempfile.TemporaryDirectory(prefix="lake-trino-") as name:
        folder, port = Path(name), free_port()
        _configure(folder, home, port, aws_url, region)
        command = [
            java, "-Xmx1g", "-Duser.timezone=UTC", "-XX:+EnableDynamicAgentLoading",
            # It lives for a few queries: compiling them well takes longer than running them.
            "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "--add-modules=jdk.incubator.vector", "-Djdk.attach.allowAttachSelf=true",
            "--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED",
            f"-Dconfig={folder}/config.properties", f"-Dlog.levels-file={folder}/log.properties",
            "-cp", f"{home}/lib/*", "io.trino.server.TrinoServer",
        ]  # fmt: skip
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT) as process,
        ):
            try:
                wait_until_up(
                    "Trino",
                    process,
                    lambda: _is_up(port),
                    _START_SECONDS,
                    (folder / "log").read_text,
                )
                yield Trino(port)
            finally:
                process.kill()
                process.wait()


def _java() -> str:
    """A Java that is new enough: of TRINO_JAVA_HOME, JAVA_HOME, or installed as Debian does."""
    named = (os.environ.get("TRINO_JAVA_HOME"), os.environ.get("JAVA_HOME"))
    homes = [Path(home) for home in named if home]
    homes += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    javas = (home / "bin" / "java" for home in homes)
    java = next((each for each in javas if _java_version(each) >= _JAVA_MINIMUM), None)
    if java is None:
        missing(f"Trino needs Java {_JAVA_MINIMUM} or later: name its home in TRINO_JAVA_HOME")
    return str(java)


def _java_version(java: Path) -> int:
    if not java.is_file():
        return 0
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def _home() -> Path:
    """The unpacked server, fetched the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lake-assets"
    home = cache / f"trino-server-{VERSION}"
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:
            _unpack(_fetch(Path(name)), Path(name) / "unpacked")
            (Path(name) / "unpacked" / home.name).rename(home)
    return home


def _fetch(folder: Path) -> Path:
    """Let Ivy fetch the archive from Maven Central."""
    [ivy] = (Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar")
    (folder / "ivy.xml").write_text(_IVY)
    done = subprocess.run(
        [shutil.which("java") or _java(), "-jar", ivy, "-cache", folder / "cache",
         "-ivy", folder / "ivy.xml", "-retrieve", f"{folder}/[artifact].[ext]", "-warn"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    archive = folder / "trino-server.tar.gz"
    if done.returncode or not archive.is_file():
        missing(f"Trino could not be had from Maven Central: {(done.stdout + done.stderr)[-2000:]}")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    """All of it first: a file that plugins share is in the archive once, and links to it."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    for plugin in (folder / f"trino-server-{VERSION}" / "plugin").iterdir():
        if plugin.name != _PLUGIN:
            shutil.rmtree(plugin)


def _configure(folder: Path, home: Path, port: int, aws_url: str, region: str) -> None:
    _properties(
        folder / "config.properties",
        [
            "node.environment=tests",
            f"plugin.dir={home}/plugin",
            f"catalog.config-dir={folder}/catalog",
            "coordinator=true",
            "node-scheduler.include-coordinator=true",
            f"http-server.http.port={port}",
            "node.internal-address=127.0.0.1",
            "node.bind-ip=127.0.0.1",
            f"discovery.uri=http://127.0.0.1:{port}",
        ],
    )
    _properties(folder / "log.properties", ["io.trino=WARN"])
    _properties(
        folder / "catalog" / "lake.properties",
        [
            "connector.name=hive",
            "hive.metastore=glue",
            "hive.timestamp-precision=MICROSECONDS",
            f"hive.metastore.glue.region={region}",
            f"hive.metastore.glue.endpoint-url={aws_url}",
            "hive.metastore.glue.aws-access-key=testing",
            "hive.metastore.glue.aws-secret-key=testing",
            "fs.native-s3.enabled=true",
            f"s3.endpoint={aws_url}",
            f"s3.region={region}",
            "s3.path-style-access=true",
            "s3.aws-access-key=testing",
            "s3.aws-secret-key=testing",
        ],
    )


def _properties(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def _is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=5) as answer:
            return b'"starting":false' in answer.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
