"""Checks of Java and of Spark's session, which fetches the packages that the settings need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING

from resources.compute.local import local_spark_config
from resources.doctor.base import Check, NotTried
from resources.errors import SettingsError
from resources.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OLDEST_JAVA = 17
#: Spark 4 asks for it; trimmed runtimes lack it.
_MODULE = "jdk.incubator.vector"
_INSTALL = (
    "Install a full Java 17 or later (Debian: openjdk-17-jre-headless) and point JAVA_HOME at it"
)


def java_checks(environment: Mapping[str, str]) -> list[Check]:
    """The Java that Spark would start."""
    return [Check("java", "ask Java for its modules", lambda: java(environment))]


def java(environment: Mapping[str, str]) -> str:
    """Version and place of the Java that Spark takes; raises `SettingsError` for one too old."""
    home = environment.get("JAVA_HOME", "")
    program = f"{home}/bin/java" if home else shutil.which("java", path=environment.get("PATH"))
    where = "JAVA_HOME" if home else "PATH"
    if not program or not os.access(program, os.X_OK):
        raise SettingsError(
            f"{where}: expected Java, found none at {program or where}. {_INSTALL}."
        )
    try:
        done = subprocess.run(
            [program, "--list-modules"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(f"{where}: {program} did not start: {error}. {_INSTALL}.") from error
    version = re.search(r"^java\.base@(\d+)(\S*)", done.stdout, re.MULTILINE)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        # Java 8 and older do not know the question.
        found = version[1] if version else "one that cannot list its modules"
        raise SettingsError(
            f"{where}: expected Java {_OLDEST_JAVA} or later at {program}, found {found}. {_INSTALL}."
        )
    if f"{_MODULE}@" not in done.stdout:
        raise SettingsError(
            f"{where}: expected a full Java at {program}, found one without the module {_MODULE}, "
            f"which Spark 4 needs. {_INSTALL}."
        )
    return f"{version[1]}{version[2]} at {program}"


class Session:
    """Spark's session as a run would have it, started when it is first asked for."""

    def __init__(self, settings: Settings, *, may_start: bool) -> None:
        """With `may_start` false nothing is started: a JVM takes seconds and fetches packages."""
        self._settings = settings
        self._may_start = may_start
        self._spark: SparkSession | None = None
        self._has_failed = False

    def checks(self) -> list[Check]:
        """Start it."""
        return [Check("spark", "start a session, with the packages it needs", self._try)]

    def get(self) -> SparkSession:
        """The session; raises `NotTried` where there is to be none, or it did not start."""
        if self._has_failed:
            raise NotTried("Spark did not start")
        if self._spark is None:
            self._spark = self._started()
        return self._spark

    def _try(self) -> str:
        self.get()
        return local_spark_config(self._settings).get("spark.jars.packages", "")

    def _started(self) -> SparkSession:
        if not self._may_start:
            raise NotTried("it takes a JVM: add --spark")
        from py4j.protocol import Py4JError  # noqa: PLC0415 only here
        from pyspark.errors import PySparkException  # noqa: PLC0415 slow to import
        from pyspark.sql import SparkSession  # noqa: PLC0415 slow to import

        config = local_spark_config(self._settings)
        builder = SparkSession.builder
        for name, value in config.items():
            builder = builder.config(name, value)
        packages = config.get("spark.jars.packages", "")
        try:
            return builder.getOrCreate()
        except (PySparkException, Py4JError, RuntimeError, OSError) as error:
            self._has_failed = True
            raise SettingsError(
                f"Expected Spark to start{f' with {packages}' if packages else ''}, found: "
                f"{str(error).strip().partition(chr(10))[0][:300].rstrip('.')}. What it wrote above says why: "
                "without a network to Maven Central, name a mirror in `spark.jars.ivySettings` or "
                "copy ~/.ivy2.5.2 from a machine that has the packages."
            ) from error
