"""What goes on beside a job: telling how far Spark is, and ending when nobody waits any more.

Cancelling a step of EMR kills what launched the job and not the job, which runs elsewhere in the
cluster; so the job itself looks whether it is still wanted.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

from pyspark import SparkContext

from spark.aws import is_there

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_log = logging.getLogger(__name__)
#: From one look to the next: 720 requests an hour.
LOOK_SECONDS = 5.0
#: Progress is told at most so often.
TELL_SECONDS = 15.0
#: As of a process that was told to end.
_EXIT_CODE = 143


class Watch(threading.Thread):
    """Looks every few seconds until it is stopped."""

    def __init__(self, client: S3Client, stop: str) -> None:
        super().__init__(name="lake-job-watch", daemon=True)
        self._client = client
        self._address = stop
        self._over = threading.Event()
        self._context: Optional[SparkContext] = None
        self._told = ""

    def follow(self, context: SparkContext) -> None:
        """Tell of this application's stages from now on."""
        self._context = context

    def end(self) -> None:
        """Look no more."""
        self._over.set()

    def run(self) -> None:
        """End the process if the job is not wanted; a look that fails is tried again."""
        looks = 0
        while not self._over.wait(LOOK_SECONDS):
            looks += 1
            if self._is_unwanted():
                _log.warning("nobody waits for this job any more: it ends")
                # Not an exception: the main thread is inside Spark, and would not see it.
                os._exit(_EXIT_CODE)
            if looks * LOOK_SECONDS >= TELL_SECONDS:
                looks = 0
                self._tell()

    def _is_unwanted(self) -> bool:
        try:
            return is_there(self._client, self._address)
        except Exception as error:  # noqa: BLE001 - boto3's errors are not known here
            _log.warning("could not look for %s: %s", self._address, error)
            return False

    def _tell(self) -> None:
        told = _progress(self._context) if self._context is not None else ""
        if told and told != self._told:
            self._told = told
            _log.info("%s", told)


@contextmanager
def watching(client: S3Client, stop: str) -> Iterator[Watch]:
    """Watch for as long as the block lasts. A job that is not wanted any more never starts."""
    if is_there(client, stop):
        raise SystemExit(_EXIT_CODE)
    watch = Watch(client, stop)
    watch.start()
    try:
        yield watch
    finally:
        watch.end()
        watch.join()


def _progress(context: SparkContext) -> str:
    """How many tasks of the stages that run now are done; nothing where none runs."""
    tracker = context.statusTracker()
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    tasks = [(each.numCompletedTasks, each.numTasks) for each in stages if each is not None]
    if not tasks:
        return ""
    done, total = (sum(numbers) for numbers in zip(*tasks))
    return f"Spark: {done:,} of {total:,} tasks of {len(tasks)} running stages are done"
