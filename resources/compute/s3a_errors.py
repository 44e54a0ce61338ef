"""What S3 did not do for Spark's connector, as the same errors that boto3's calls end in.

Of an exception in a task only the text is left. Its form is that of Hadoop's
`S3AUtils.translateException`, with the SDK's "(Service: S3, Status Code: 403, …)" in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pyspark.sql import SparkSession

from resources.aws import AwsSettings, arn
from resources.aws_errors import refusal
from resources.errors import StorageError, StorageUnavailable
from spark.errors import SPARK_FAILURES, is_of_the_store

if TYPE_CHECKING:
    from botocore.exceptions import _ResponseMetadataTypeDef

_ANSWER = re.compile(
    r"S3Exception: (?P<said>[^\n]*?) \(Service: S3, Status Code: (?P<status>\d+)[^)]*\)"
    r"(?: \(SDK Attempt Count: \d+\))?(?::(?P<code>\w+))?"
)
_ADDRESS = re.compile(r"s3[an]?://(?P<bucket>[^/\s:]+)[^\s:]*")
_READING = re.compile(r"\b(?:open|reopen|read|getFileStatus|HEAD|GET) ", re.IGNORECASE)
_CAUSE = re.compile(r"[^\n]*(?:fs\.s3a|awssdk|java\.nio|java\.net)\.[^\n]*")


@contextmanager
def store_errors(region: str) -> Iterator[None]:
    """Turn what Spark raises for want of the store into a `StorageError`; the rest passes.

    It is a `StorageUnavailable` where a retry can help: throttling, no answer, credentials that
    expired.
    """
    try:
        yield
    except SPARK_FAILURES as error:
        if not is_of_the_store(error):
            raise
        raise _refused(str(error), AwsSettings(region=region)) from error


def region_of(spark: SparkSession) -> str:
    """The region that a session's connector was told, or nothing."""
    return spark.conf.get("spark.hadoop.fs.s3a.endpoint.region", "") or ""


def _refused(text: str, aws: AwsSettings) -> StorageError:
    place = _ADDRESS.search(text)
    where = place[0].rstrip(".,;") if place else "the lake's storage"
    said = _ANSWER.search(text)
    if said is None:
        return _unanswered(text, where)
    reads = _READING.search(text[: said.start()]) is not None
    action = "s3:GetObject" if reads else "s3:PutObject"
    metadata: _ResponseMetadataTypeDef = {
        "HTTPStatusCode": int(said["status"]),
        "HTTPHeaders": {},
        "RequestId": "",
        "HostId": "",
        "RetryAttempts": 0,
    }
    answer = ClientError(
        {
            "Error": {"Code": _code(said), "Message": said["said"].rstrip(".")},
            "ResponseMetadata": metadata,
        },
        action,
    )
    why = refusal(answer, action, arn(aws, "s3", f"{place['bucket'] if place else '*'}/*"))
    kind = StorageUnavailable if why.retryable else StorageError
    return kind(f"Spark could not {'read' if reads else 'write'} {where}: {why.words}.")


def _code(said: re.Match[str]) -> str:
    """S3's own code; without the connector's words around it only the message tells."""
    if said["code"] is None and "token has expired" in said["said"]:
        return "ExpiredToken"
    return said["code"] or said["status"]


def _unanswered(text: str, where: str) -> StorageError:
    found = _CAUSE.search(text)
    cause = (found[0] if found else text.partition("\n")[0]).strip()[:300]
    if "AccessDenied" in cause:
        return StorageError(f"Spark could not reach {where}: {cause}. Check its permissions.")
    return StorageUnavailable(
        f"Spark got no whole answer of {where}: {cause}. Check network and endpoint, and run it again."
    )
