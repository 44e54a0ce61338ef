"""The servers as fixtures, for the folders of tests that import them into their `conftest.py`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from resources.aws import AwsSettings, aws_client
from resources.mysql_settings import PACKAGE
from resources.storage import S3Storage
from tests.packages import WANTED
from tests.servers.mariadb import MariaDb, ServerMissingError, mariadb_server, programs_missing
from tests.servers.moto import moto_server
from tests.servers.needed import missing

if not programs_missing():
    WANTED.append(PACKAGE)


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A server that stands for AWS; tests keep apart by buckets of their own."""
    with moto_server() as url:
        yield url


@pytest.fixture
def aws_settings(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> AwsSettings:
    """How that server is reached, with credentials in the environment as on a laptop."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    services = ("athena", "emr", "glue", "s3", "secretsmanager", "sns", "sqs", "sts")
    return AwsSettings(region="us-east-1", endpoints=dict.fromkeys(services, moto_url))


_BUCKETS = itertools.count(1)


@pytest.fixture
def s3_lake(aws_settings: AwsSettings) -> S3Storage:
    """A prefix, with characters that URLs encode, of a bucket that holds something else too."""
    storage = S3Storage(f"lake-{next(_BUCKETS)}", "the lake/a+b%20", aws_settings)
    client = aws_client(aws_settings, "s3")
    client.create_bucket(Bucket=storage.bucket)
    client.put_object(Bucket=storage.bucket, Key="the lake/a+b%20 beside", Body=b"not ours")
    return storage


@pytest.fixture(scope="session")
def mariadb(spark: SparkSession) -> Iterator[MariaDb]:
    """A private MariaDB server, with the driver for it in the session."""
    if PACKAGE not in str(spark.conf.get("spark.jars.packages", "")):
        missing(f"Spark's session has no MySQL driver: {programs_missing() or PACKAGE}")
    try:
        with mariadb_server() as server:
            yield server
    except ServerMissingError as error:
        missing(str(error))
