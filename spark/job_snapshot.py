"""A snapshot of a reference by a job that logs in to the database itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spark.aws import database_login
from spark.errors import SPARK_FAILURES, ReadError
from spark.refining import refine_session
from spark.snapshot import take_snapshot
from spark.trust_store import share_trust_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.job_spec import SnapshotJob
    from spark.snapshot_spec import SnapshotReport


def run_snapshot(spark: SparkSession, job: SnapshotJob) -> SnapshotReport:
    """Take the snapshot; a password is in memory only, and in no message."""
    if job.spec.login is None:
        return take_snapshot(refine_session(spark), job.spec, job.known.__contains__)
    user, password = database_login(job.spec.login)
    if job.spec.login.authorities:
        share_trust_store(spark, job.spec.login.authorities)
    spec = replace(job.spec, jdbc={**job.spec.jdbc, "user": user, "password": password})
    try:
        return take_snapshot(refine_session(spark), spec, job.known.__contains__)
    except SPARK_FAILURES as error:
        said = str(error).replace(password, "[a password]")
        raise ReadError(f"reference/{spec.name}: {said}") from None
