"""The entry point on every engine: runs one specification and reports through Dagster Pipes.

    spark-submit --py-files lake.zip job.py --spec s3://bucket/spec.json --dagster-pipes-context …

What is refined, and how, is in `spark/refining.py`; other arguments, as some engines add, are left
alone. A failure is reported in its own words before the process ends with it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

import pyspark
from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesS3MessageWriter,
    open_dagster_pipes,
)
from pyspark.sql import SparkSession

from spark.aws import read_text, s3_client
from spark.errors import RuntimeUnfit
from spark.job_snapshot import run_snapshot
from spark.job_spec import JobSpec
from spark.job_watch import watching
from spark.refining import run_refine
from spark.reports import failure_payload, refine_payloads, snapshot_payload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from types_boto3_s3 import S3Client

    from spark.reports import Payload

#: Seconds from one upload of messages to the next.
_MESSAGES_SECONDS = 2
_OLDEST_PYTHON = (3, 9)
_SPARKS = ((3, 5), (4, 1))


def main(arguments: Sequence[str]) -> None:
    """Run the specification that the arguments name; whatever goes wrong is reported and raised."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--spec", required=True, help="address of the specification, on S3")
    known, _ = parser.parse_known_args(list(arguments))
    client = s3_client()
    with open_dagster_pipes(
        params_loader=PipesCliArgsParamsLoader(),  # type: ignore[no-untyped-call]
        message_writer=PipesS3MessageWriter(client, interval=_MESSAGES_SECONDS),
    ) as pipes:
        _forward_logs(pipes)
        try:
            _require_fit(sys.version_info[:2], pyspark.__version__)
            for payload in _run(client, JobSpec.from_json(read_text(client, known.spec))):
                pipes.report_custom_message(payload)
        except Exception as error:
            pipes.report_custom_message(failure_payload(error))
            raise


def _run(client: S3Client, job: JobSpec) -> Iterator[Payload]:
    with watching(client, job.stop) as watch:
        spark = SparkSession.builder.getOrCreate()
        watch.follow(spark.sparkContext)
        if job.refine is not None:
            yield from refine_payloads(run_refine(spark, job.refine))
        if job.snapshot is not None:
            yield snapshot_payload(run_snapshot(spark, job.snapshot))


def _require_fit(python: tuple[int, ...], spark: str) -> None:
    """Raise `RuntimeUnfit` where the engine runs something that this code was not made for."""
    major, minor = (int(part) for part in spark.split(".")[:2])
    if python < _OLDEST_PYTHON or not _SPARKS[0] <= (major, minor) <= _SPARKS[1]:
        raise RuntimeUnfit(
            f"Expected Python 3.9 or later and Spark 3.5 to 4.1, found Python "
            f"{'.'.join(map(str, python))} and Spark {spark}. Choose another release of the engine."
        )


class _PipesHandler(logging.Handler):
    """Sends what the shipped code logs to whoever waits for the job."""

    def __init__(self, pipes: PipesContext) -> None:
        super().__init__(logging.INFO)
        self._pipes = pipes

    def emit(self, record: logging.LogRecord) -> None:
        self._pipes.log.log(record.levelno, "%s", record.getMessage())


def _forward_logs(pipes: PipesContext) -> None:
    ours = logging.getLogger("spark")
    ours.setLevel(logging.INFO)
    ours.addHandler(_PipesHandler(pipes))


if __name__ == "__main__":
    main(sys.argv[1:])
