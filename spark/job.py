"""The entry point on every engine: runs one specification and reports through Dagster Pipes.

    spark-submit --py-files lake.zip job.py --spec s3://bucket/spec.json --dagster-pipes-messages …

What is refined, and how, is in `spark/refining.py`; other arguments, as some engines add, are left
alone. A failure is reported in its own words before the process ends with it.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import pyspark
from pyspark.sql import SparkSession

from spark.aws import read_text, s3_client
from spark.errors import RuntimeUnfit
from spark.job_snapshot import run_snapshot
from spark.job_spec import JobSpec
from spark.job_watch import watching
from spark.pipes import open_pipes
from spark.refining import run_refine
from spark.reports import failure_payload, refine_payloads, snapshot_payload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from types_boto3_s3 import S3Client

    from spark.reports import Payload

_OLDEST_PYTHON = (3, 9)
_SPARKS = ((3, 5), (4, 1))


def main(arguments: Sequence[str]) -> None:
    """Run the specification that the arguments name; whatever goes wrong is reported and raised."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--spec", required=True, help="address of the specification, on S3")
    parser.add_argument("--dagster-pipes-messages", required=True, help="where messages go")
    known, _ = parser.parse_known_args(list(arguments))
    client = s3_client()
    with open_pipes(client, known.dagster_pipes_messages) as pipes:
        try:
            _require_fit(sys.version_info[:2], pyspark.__version__)
            for payload in _run(client, JobSpec.from_json(read_text(client, known.spec))):
                pipes.report(payload)
        except Exception as error:
            pipes.report(failure_payload(error))
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


if __name__ == "__main__":
    main(sys.argv[1:])
