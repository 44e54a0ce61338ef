"""The logs that EMR puts into a bucket: a step's, and of its driver in YARN.

EMR uploads them every few minutes and when a cluster ends, so that a job's may not be there yet
when it has failed. Source: Amazon EMR Management Guide, "View log files".
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from resources.aws import AwsSettings
from resources.errors import ObjectMissing
from resources.storage import Storage, open_storage

_APPLICATION = re.compile(r"application_\d+_\d+")
#: The first container of an application is its driver's.
_DRIVER = re.compile(r"/container_(e\d+_)?\d+_\d+_\d+_0+1/(stderr|stdout)(\.txt)?\.gz$")
#: Last what is read first: a driver's traceback is in its stderr or stdout, a refusal in the step's.
_STEP_FILES = ("stderr", "stdout")


class EmrLog:
    """The logs of one cluster."""

    def __init__(self, aws: AwsSettings, log_uri: str, cluster: str) -> None:
        bucket, _, prefix = log_uri.partition("://")[2].strip("/").partition("/")
        self._storage: Storage = open_storage(f"s3://{bucket}", aws)
        self._below = "/".join(each for each in (prefix, cluster) if each)

    def tail(self, step: str, lines: int) -> list[str]:
        """The last lines of the driver's log, then of its launcher's; empty where there is none."""
        launcher = [line for name in _STEP_FILES for line in self._step_lines(step, name)]
        applications = dict.fromkeys(_APPLICATION.findall("\n".join(launcher)))
        driver = [line for each in applications for line in self._driver_lines(each)]
        return [*_last(driver, lines), *_last(launcher, lines)]

    def _step_lines(self, step: str, name: str) -> Iterator[str]:
        for ending in (".gz", ".txt.gz"):
            with suppress(ObjectMissing):
                yield from self._lines(f"{self._below}/steps/{step}/{name}{ending}")

    def _driver_lines(self, application: str) -> Iterator[str]:
        for info in self._storage.list(f"{self._below}/containers/{application}/"):
            if _DRIVER.search(info.key):
                yield from self._lines(info.key)

    def _lines(self, key: str) -> list[str]:
        return gzip.decompress(self._storage.read(key)).decode(errors="replace").splitlines()


def _last(lines: Sequence[str], count: int) -> list[str]:
    return [line for line in lines if line.strip()][-count:]
