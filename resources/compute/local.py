"""Spark in the process that asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import SparkSession

from resources.compute.engine import Usage
from resources.compute.figures import JobFigures
from resources.compute.s3a import aws_java_options, s3a_config
from resources.compute.s3a_errors import region_of, store_errors
from resources.mysql_settings import spark_config_for
from resources.settings import Settings
from resources.storage import is_on_s3
from spark.refining import RefineReport, refine_session, run_refine
from spark.snapshot import SnapshotReport, SnapshotSpec, take_snapshot
from spark.spec import RefineSpec


@dataclass(frozen=True)
class LocalCompute:
    """Runs jobs in the given session's application.

    Raises `StorageError` where the store fails Spark, `StorageUnavailable` where a retry can help.
    """

    spark: SparkSession

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Run the refine here and now."""
        with store_errors(region_of(self.spark)):
            return run_refine(self.spark, spec)

    def snapshot(self, spec: SnapshotSpec, known: Collection[str]) -> SnapshotReport:
        """Take the snapshot here and now."""
        with store_errors(region_of(self.spark)):
            return take_snapshot(refine_session(self.spark), spec, known.__contains__)


@dataclass
class MeasuredLocalCompute:
    """The same with a watch: what came before the first job is `seconds_waiting`."""

    compute: LocalCompute
    seconds_waiting: float
    figures: JobFigures | None = None

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Run the refine here and now."""
        with self._watch():
            return self.compute.refine(spec)

    def snapshot(self, spec: SnapshotSpec, known: Collection[str]) -> SnapshotReport:
        """Take the snapshot here and now."""
        with self._watch():
            return self.compute.snapshot(spec, known)

    @contextmanager
    def _watch(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            running = time.monotonic() - began
            usage = Usage(self.seconds_waiting + running)
            self.figures = JobFigures("local", self.seconds_waiting, running, usage)
            self.seconds_waiting = 0.0


def measured_local(session: Callable[[], SparkSession]) -> MeasuredLocalCompute:
    """Spark in this process; that a session had to be started counts as waiting."""
    began = time.monotonic()
    compute = LocalCompute(session())
    return MeasuredLocalCompute(compute, time.monotonic() - began)


def local_spark_config(settings: Settings) -> dict[str, str]:
    """Spark's configuration for `PySparkResource`: in process, quiet, no port but its own."""
    java_options = ["-XX:+UseParallelGC", "-Duser.timezone=UTC", *aws_java_options(settings)]
    return {
        "spark.app.name": "lake-assets",
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(java_options),
        # A refine has more generated classes than the 100 that are kept by default; compiled anew
        # in each run they would never be warm.
        "spark.sql.codegen.cache.maxEntries": "1000",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": f"{settings.local_folder}/.spark-warehouse",
        "spark.log.level": "FATAL",
        **({} if is_on_s3(settings.root) else _PLAIN_FILES),
        **_joined(s3a_config(settings), spark_config_for(settings.database)),
    }


def local_session(settings: Settings, **options: str) -> SparkSession:
    """Spark in this process for whoever is no asset; started when there is none yet."""
    builder = SparkSession.builder
    for name, value in {**local_spark_config(settings), **options}.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _joined(*configurations: dict[str, str]) -> dict[str, str]:
    """Several configurations in one, with the packages of all of them."""
    joined = {name: value for each in configurations for name, value in each.items()}
    packages = [each[_PACKAGES] for each in configurations if _PACKAGES in each]
    return {**joined, _PACKAGES: ",".join(packages)} if packages else joined


_PACKAGES = "spark.jars.packages"
#: Hadoop's default keeps a checksum file beside each file. Without its native library every file
#: and folder also costs a process that sets its mode: four a partition, here. Where Spark writes
#: to S3 the default stays: the connector's buffers on disk work with no other.
_PLAIN_FILES = {"spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem"}
