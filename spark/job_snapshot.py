"""A snapshot of a reference by a job that logs in to the database itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spark.aws import database_login
from spark.refining import refine_session
from spark.snapshot import take_snapshot

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.job_spec import SnapshotJob
    from spark.snapshot_spec import SnapshotReport


def run_snapshot(spark: SparkSession, job: SnapshotJob) -> SnapshotReport:
    """Take the snapshot; a password is in memory only, and in no message."""
    spec = job.spec
    if spec.login is not None:
        user, password = database_login(spec.login)
        spec = replace(spec, jdbc={**spec.jdbc, "user": user, "password": password})
    return take_snapshot(refine_session(spark), spec, job.known.__contains__)
