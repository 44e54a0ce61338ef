"""Spark's settings that a job needs on every engine, beside those that it sets itself."""

from __future__ import annotations

from resources.settings import Settings


def remote_spark_config(settings: Settings) -> dict[str, str]:
    """What must be said when a job is submitted: it cannot be set in a session that runs.

    EMR (7.10 and later) and Glue read and write S3 by the same connector as this machine.
    """
    config = {
        "spark.sql.codegen.cache.maxEntries": "1000",
        "spark.sql.session.timeZone": "UTC",
        # Two directories of an attempt are written at once: see `resources/compute/s3a.py`.
        "spark.hadoop.fs.s3a.committer.abort.pending.uploads": "false",
    }
    if settings.aws.kms_key:
        config["spark.hadoop.fs.s3a.encryption.algorithm"] = "SSE-KMS"
        config["spark.hadoop.fs.s3a.encryption.key"] = settings.aws.kms_key
    if settings.aws.requester_pays:
        config["spark.hadoop.fs.s3a.requester.pays.enabled"] = "true"
    return config
