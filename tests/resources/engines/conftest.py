"""What the tests of engines share: a lake with a plain address, and files of a job in it."""

from __future__ import annotations

import io
import itertools
import zipfile

import pytest

from resources.aws import AwsSettings, aws_client
from resources.compute.engine import JobRequest
from resources.storage import S3Storage
from tests.servers.fixtures import aws_settings, moto_url

__all__ = ["aws_settings", "moto_url"]

KEY, OTHER_KEY = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
_BUCKETS = itertools.count(1)
#: Says where it runs and with what, without starting Spark unless it is told to.
_SCRIPT = b"""
import os, sys, time
from importlib.util import find_spec
from shipped import WORDS
print("arguments:", *sys.argv[1:])
print("shipped:", WORDS, "dagster" if find_spec("dagster") else "no dagster")
if "fail" in sys.argv:
    raise ValueError("as it was told to")
if "wait" in sys.argv:
    time.sleep(600)
if "spark" in sys.argv:
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.getOrCreate()
    print("setting:", spark.conf.get("spark.lake.words"))
    print("rows:", spark.read.text(sys.argv[sys.argv.index("--rows") + 1]).count())
"""


@pytest.fixture
def lake(aws_settings: AwsSettings) -> S3Storage:
    storage = S3Storage(f"jobs-{next(_BUCKETS)}", "analytics/lake=1", aws_settings)
    aws_client(aws_settings, "s3").create_bucket(Bucket=storage.bucket)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("shipped.py", "WORDS = 'by zip'")
    storage.write("code/job.py", _SCRIPT)
    storage.write("code/shipped.zip", archive.getvalue())
    storage.write("raw/rows.txt", b"one\ntwo\nthree\n")
    return storage


@pytest.fixture
def request_of(lake: S3Storage) -> JobRequest:
    """A job that says something and ends."""
    return JobRequest(
        key=KEY,
        name="refined/plays 2026-11-01-05",
        entry_point=f"{lake.root}/code/job.py",
        code=f"{lake.root}/code/shipped.zip",
        arguments=("--do", "nothing"),
        spark_config={"spark.lake.words": "some=words"},
        timeout_seconds=600,
    )
