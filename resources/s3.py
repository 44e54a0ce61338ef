"""A bucket of S3, or a prefix in one, as a store.

Every call says in its error which IAM action on which resource it needs. Reading is by key and by
range; listing takes as many pages as there are.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from resources.aws import AwsSettings, aws_client
from resources.errors import AlreadyThere, ObjectMissing, StorageError
from resources.objects import ObjectInfo, check_key, glob_escaped
from resources.s3_errors import Refusals
from resources.s3_file import S3File

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef, ObjectIdentifierTypeDef

#: S3's limit of one request.
_DELETED_AT_ONCE = 1000
#: From here on in parts, several at once. A conditional write is one request, of up to 5 GB.
_LARGE = TransferConfig(multipart_threshold=64 << 20, multipart_chunksize=16 << 20)
#: Whose write it was, so that one whose answer got lost is known when it is sent again.
_WRITER = "lake-writer"
#: How often a body that breaks off is asked for.
_BODIES = 5


class S3Storage:
    """A prefix of a bucket. Nothing is opened before the first call; safe between threads."""

    def __init__(self, bucket: str, prefix: str = "", aws: AwsSettings | None = None) -> None:
        """Keys start below `prefix`, which has no final slash."""
        self.bucket = bucket
        self.aws = aws or AwsSettings()
        self.root: str = f"s3://{bucket}/{prefix}".rstrip("/")
        self._below = f"{prefix}/" if prefix else ""
        self._refusals = Refusals(bucket, self._below, self.root, self.aws)
        self._payer: dict[str, Any] = (
            {"RequestPayer": "requester"} if self.aws.requester_pays else {}
        )
        self._sealed: dict[str, Any] = {}
        if self.aws.kms_key:
            self._sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.aws.kms_key}

    def __repr__(self) -> str:
        """Show the address."""
        return f"S3Storage({self.root!r})"

    @cached_property
    def client(self) -> S3Client:
        """The client, made on first use."""
        return aws_client(self.aws, "s3")

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, a thousand to a page."""
        pages = self.client.get_paginator("list_objects_v2")
        start: dict[str, Any] = {"StartAfter": self._below + after} if after else {}
        with self._refusals.asking("list", prefix, "s3:ListBucket"):
            for page in pages.paginate(
                Bucket=self.bucket, Prefix=self._start(prefix), **start, **self._payer
            ):
                for each in page.get("Contents", []):
                    yield ObjectInfo(
                        each["Key"][len(self._below) :],
                        each["Size"],
                        each["ETag"].strip('"'),
                        each["LastModified"].astimezone(UTC),
                    )

    def unfinished(self, prefix: str) -> Iterator[ObjectInfo]:
        """Multipart uploads that were neither completed nor given up; S3 bills for their parts."""
        pages = self.client.get_paginator("list_multipart_uploads")
        with self._refusals.asking("list the uploads of", prefix, "s3:ListBucketMultipartUploads"):
            for page in pages.paginate(Bucket=self.bucket, Prefix=self._start(prefix)):
                for each in page.get("Uploads", []):
                    yield ObjectInfo(
                        each["Key"][len(self._below) :],
                        self._uploaded_bytes(each["Key"], each["UploadId"]),
                        each["UploadId"],
                        each["Initiated"].astimezone(UTC),
                    )

    def discard(self, unfinished: Iterable[ObjectInfo]) -> None:
        """Abort multipart uploads; what was uploaded of them is gone, objects stay."""
        for info in unfinished:
            with self._refusals.asking("abort the upload of", info.key, "s3:AbortMultipartUpload"):
                try:
                    self.client.abort_multipart_upload(
                        Bucket=self.bucket, Key=self._key(info.key), UploadId=info.etag
                    )
                except self.client.exceptions.NoSuchUpload:
                    continue  # completed or aborted meanwhile

    def read(self, key: str) -> bytes:
        """The object's bytes, all of one version."""
        with self._refusals.asking("read", key, "s3:GetObject"):
            return self._get(key)[1]

    def open_input(self, key: str, size_bytes: int | None = None) -> BinaryIO:
        """The object, read by ranges; its end is fetched at once, where Parquet's footer is."""

        def fetch(span: str, etag: str | None) -> tuple[bytes, int, str]:
            same: dict[str, Any] = {"IfMatch": etag} if etag else {}
            with self._refusals.asking("read", key, "s3:GetObject"):
                try:
                    answer, data = self._get(key, Range=span, **same)
                except ClientError as error:
                    if error.response["Error"]["Code"] == "InvalidRange":
                        return b"", 0, ""  # an empty object has no last bytes
                    raise
                size = answer.get("ContentRange", "").rpartition("/")[2] or len(data)
                return data, int(size), answer["ETag"]

        return cast("BinaryIO", S3File(fetch, self.root, key, size_bytes))

    def write(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Put the object in one request, or in parts when it is large."""
        check_key(key, self.root)
        where: dict[str, Any] = {"Bucket": self.bucket, "Key": self._key(key)}
        with self._refusals.asking("write", key, "s3:PutObject"):
            if if_absent:
                self._put_if_absent(key, data, where)
            elif len(data) < _LARGE.multipart_threshold:
                self.client.put_object(Body=data, **where, **self._sealed, **self._payer)
            else:
                self.client.upload_fileobj(
                    io.BytesIO(data), **where, ExtraArgs=self._sealed | self._payer, Config=_LARGE
                )

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, a thousand a request. Raises when any of them could not be removed."""
        names = [self._key(key) for key in keys]
        for start in range(0, len(names), _DELETED_AT_ONCE):
            batch = names[start : start + _DELETED_AT_ONCE]
            objects: list[ObjectIdentifierTypeDef] = [{"Key": name} for name in batch]
            with self._refusals.asking("delete", batch[0], "s3:DeleteObject"):
                answer = self.client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True}, **self._payer
                )
            if errors := answer.get("Errors"):
                raise self._refusals.not_deleted(
                    [
                        (each.get("Key", ""), each.get("Code", ""), each.get("Message", ""))
                        for each in errors
                    ]
                )

    def exists(self, key: str) -> bool:
        """Whether there is an object of exactly this key."""
        try:
            with self._refusals.asking("look for", key, "s3:GetObject"):
                self.client.head_object(Bucket=self.bucket, Key=self._key(key), **self._payer)
        except ObjectMissing:
            return False
        return True

    def uri(self, key: str) -> str:
        """`s3://` and the key, as Spark reads it: characters of globs are escaped."""
        return f"s3://{self.bucket}/{glob_escaped(self._path(key))}"

    def target_uri(self, key: str) -> str:
        """`s3://` and the key as it is: Spark's writers do not undo an escape."""
        return f"s3://{self.bucket}/{self._path(key)}"

    def local_path(self, key: str) -> Path | None:  # noqa: ARG002 - of the protocol
        """None: it is no path of this machine."""
        return None

    def _key(self, key: str) -> str:
        if not key:
            raise StorageError(f"Expected a key relative to {self.root}; found an empty one.")
        return self._below + key

    def _path(self, key: str) -> str:
        check_key(key, self.root)
        return self._below + key

    def _start(self, prefix: str) -> str:
        folder = prefix.rpartition("/")[0]
        if folder:
            check_key(folder, self.root)
        return self._below + prefix

    def _get(self, key: str, **part: Any) -> tuple[GetObjectOutputTypeDef, bytes]:
        """An object or a part of it. boto3 asks again for an answer, but not for a broken body."""
        tries = 0
        while True:
            tries += 1
            answer = self.client.get_object(
                Bucket=self.bucket, Key=self._key(key), **part, **self._payer
            )
            try:
                # Not `with answer["Body"]`: that gives the bare stream, whose errors are urllib3's.
                with closing(answer["Body"]) as body:
                    return answer, body.read()
            except (ReadTimeoutError, ResponseStreamingError, IncompleteReadError):
                if tries == _BODIES:
                    raise

    def _uploaded_bytes(self, name: str, upload: str) -> int:
        pages = self.client.get_paginator("list_parts")
        try:
            parts = [
                part["Size"]
                for page in pages.paginate(Bucket=self.bucket, Key=name, UploadId=upload)
                for part in page.get("Parts", [])
            ]
        except self.client.exceptions.NoSuchUpload:
            return 0  # completed or aborted meanwhile
        return sum(parts)

    def _put_if_absent(self, key: str, data: bytes, where: dict[str, Any]) -> None:
        """A lost answer makes boto3 send it again, and the second one meets what the first wrote."""
        writer = uuid.uuid4().hex
        try:
            self.client.put_object(
                Body=data,
                IfNoneMatch="*",
                Metadata={_WRITER: writer},
                **where,
                **self._sealed,
                **self._payer,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise
            with self._refusals.asking("look for", key, "s3:GetObject"):
                found = self.client.head_object(**where, **self._payer)
            if found["Metadata"].get(_WRITER) != writer:
                raise AlreadyThere(
                    f"Expected no object {key!r} in {self.root}; there is one, left as it is."
                ) from None
