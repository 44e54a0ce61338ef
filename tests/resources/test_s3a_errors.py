"""What becomes of Spark's exceptions: those of the store in words, the others as they are."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkException

from resources.compute.s3a_errors import store_errors
from resources.errors import StorageError, StorageUnavailable
from spark.errors import is_of_the_store

#: As Spark tells of a task that failed: the message, then frames of the driver.
IN_A_TASK = (
    "Job aborted due to stage failure: Task 0 in stage 1.0 failed 1 times, most recent failure: "
    "Lost task 0.0 in stage 1.0 (TID 1) (127.0.0.1 executor driver): {cause}\n"
    "\tat org.apache.hadoop.fs.s3a.S3AUtils.translateException(S3AUtils.java:337)\n"
    "\tat java.base/java.lang.Thread.run(Thread.java:840)\n\nDriver stacktrace:"
)
SAID = "(Service: S3, Status Code: {0}, Request ID: C7VGJA131SXAAXK1) (SDK Attempt Count: 1)"
EXPIRED = (
    "org.apache.hadoop.fs.s3a.AWSBadRequestException: initiate MultiPartUpload on "
    "s3a://lake/refined/part-0.parquet: software.amazon.awssdk.services.s3.model.S3Exception: The "
    f"provided token has expired. {SAID.format(400)}:ExpiredToken: The provided token has expired."
)
DENIED = (
    "java.nio.file.AccessDeniedException: s3a://raw/plays/a.parquet: open s3a://raw/plays/a.parquet "
    "at 0: software.amazon.awssdk.services.s3.model.S3Exception: Access Denied "
    f"{SAID.format(403)}:AccessDenied: Access Denied"
)
THROTTLED = (
    "org.apache.hadoop.fs.s3a.AWSServiceThrottledException: PUT 0-byte object on s3a://lake/a: "
    "software.amazon.awssdk.services.s3.model.S3Exception: Please reduce your request rate. "
    f"{SAID.format(503)}:SlowDown: Please reduce your request rate."
)
NO_ANSWER = (
    "org.apache.hadoop.fs.s3a.AWSClientIOException: read on s3a://raw/a: software.amazon.awssdk.core."
    "exception.SdkClientException: Unable to execute HTTP request: Connection reset"
)
BROKEN_FILE = (
    "org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file "
    "s3a://raw/a.parquet.\nCaused by: java.lang.RuntimeException: s3a://raw/a.parquet is not a Parquet"
    " file"
)


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (
            EXPIRED,
            StorageUnavailable,
            "could not write s3a://lake/refined/part-0.parquet: the cred",
        ),
        (DENIED, StorageError, "Allow `s3:GetObject` on `arn:aws-cn:s3:::raw/*`"),
        (THROTTLED, StorageUnavailable, "could not write s3a://lake/a: AWS could not answer"),
        (NO_ANSWER, StorageUnavailable, "no whole answer of s3a://raw/a"),
    ],
)
def test_what_the_store_refused_is_told_and_whether_a_retry_helps(
    cause: str, kind: type[StorageError], words: str
) -> None:
    with pytest.raises(StorageError) as caught, store_errors("cn-north-1"):
        raise PySparkException(IN_A_TASK.format(cause=cause))
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_a_broken_file_is_no_matter_of_the_store() -> None:
    error = PySparkException(IN_A_TASK.format(cause=BROKEN_FILE))
    assert not is_of_the_store(error)
    with pytest.raises(PySparkException), store_errors("eu-west-1"):
        raise error
