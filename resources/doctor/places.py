"""Checks of the lake's root and of the raw objects: what runs do there, on an object of our own.

All that is written lies below `_doctor/`, where nothing else does, and is removed again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from botocore.exceptions import ClientError

from resources.aws import arn
from resources.aws_errors import AWS_FAILURES, refusal
from resources.doctor.base import PROBES, Check, NotTried
from resources.errors import AlreadyThere, ObjectMissing, StorageError
from resources.storage import S3Storage, Storage

_CONTENT = b"written by lake doctor"
#: How much of a raw object is read.
_HEAD_BYTES = 16


def root_checks(storage: Storage) -> list[Check]:
    """List, write, write only if absent, read and delete; on S3 also uploads and the key."""
    probe = _Probe(storage)
    checks = [
        Check("root", f"list {storage.root}", probe.list),
        Check("root", "write an object", probe.write),
        Check("root", "be refused a second write if absent", probe.write_if_absent),
        Check("root", "read it back", probe.read),
    ]
    if isinstance(storage, S3Storage):
        bucket = _BucketProbe(storage, probe)
        if storage.aws.kms_key:
            checks.append(Check("root", "find it encrypted with the KMS key", bucket.is_sealed))
        checks.append(Check("root", "begin, list and abort an upload", bucket.upload))
    return [*checks, Check("root", "delete it", probe.delete)]


def raw_checks(storage: Storage, prefixes: Sequence[str]) -> list[Check]:
    """List the raw objects below each prefix, and read the first bytes of one of each.

    Without any prefix, as where no declaration can be loaded, the root itself is looked at.
    """
    checks = []
    for prefix in prefixes or [""]:
        place = f"{storage.root}/{prefix}".rstrip("/")
        probe = _RawProbe(storage, f"{prefix.strip('/')}/" if prefix else "")
        checks.append(Check("raw root", f"list {place}", probe.list))
        checks.append(Check("raw root", f"read an object of {prefix or 'it'}", probe.read))
    return checks


class _Probe:
    """An object that is written, read and deleted."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.key = f"{PROBES}{uuid.uuid4().hex}"
        self.is_written = False

    def list(self) -> str:
        next(iter(self.storage.list(PROBES)), None)
        return ""

    def write(self) -> str:
        try:
            self.storage.write(self.key, _CONTENT)
        except StorageError as error:
            raise with_key(error, self.storage) from error
        self.is_written = True
        return ""

    def write_if_absent(self) -> str:
        if not self.is_written:
            raise NotTried("the first write did not succeed")
        try:
            self.storage.write(self.key, b"a second writer's", if_absent=True)
        except AlreadyThere:
            return ""
        raise StorageError(
            f"{self.storage.root}: expected a second write of one key with If-None-Match to be "
            "refused, found it carried out. This server ignores the condition, so that of two "
            "runs publishing one partition neither learns of the other. Use AWS S3 or a server "
            "that keeps to conditional writes."
        )

    def read(self) -> str:
        """A missing object shows that reading is allowed: who may not is told that instead."""
        try:
            found = self.storage.read(self.key)
        except ObjectMissing:
            if self.is_written:
                raise
            return "allowed; there was no object to compare"
        except StorageError as error:
            raise with_key(error, self.storage) from error
        if self.is_written and found != _CONTENT:
            raise StorageError(
                f"{self.storage.root}: expected to read what was just written, found something "
                "else. The store must show a write to every later read."
            )
        return ""

    def delete(self) -> str:
        self.storage.delete([self.key])
        return ""


class _BucketProbe:
    """What only S3 has: encryption by a key, and uploads in parts."""

    def __init__(self, storage: S3Storage, probe: _Probe) -> None:
        self._storage = storage
        self._probe = probe

    def is_sealed(self) -> str:
        storage = self._storage
        if not self._probe.is_written:
            raise NotTried(f"nothing was written. Writing takes {_key_remedy(storage)}")
        name = f"{storage.target_uri(self._probe.key).removeprefix(f's3://{storage.bucket}/')}"
        try:
            found = storage.client.head_object(Bucket=storage.bucket, Key=name)
        except AWS_FAILURES as error:
            why = refusal(error, "s3:GetObject", arn(storage.aws, "s3", f"{storage.bucket}/*"))
            raise StorageError(f"Could not look at {name!r}: {why.words}.") from error
        if found.get("ServerSideEncryption") != "aws:kms":
            raise StorageError(
                f"{storage.root}: expected what is written to be encrypted with LAKE_S3_KMS_KEY, "
                f"found {found.get('ServerSideEncryption', 'no encryption')!r}. The server ignores "
                "the key: unset it, or use a server with KMS."
            )
        return found.get("SSEKMSKeyId", "")

    def upload(self) -> str:
        """Spark writes by uploads; a clean-up finds and aborts those that were interrupted."""
        storage = self._storage
        key = f"{PROBES}{uuid.uuid4().hex}"
        name = storage.target_uri(key).removeprefix(f"s3://{storage.bucket}/")
        sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": storage.aws.kms_key}
        try:
            begun = storage.client.create_multipart_upload(
                Bucket=storage.bucket,
                Key=name,
                **(sealed if storage.aws.kms_key else {}),  # type: ignore[arg-type]
            )["UploadId"]
        except AWS_FAILURES as error:
            below = f"{storage.root.removeprefix('s3://')}/*"
            why = refusal(error, "s3:PutObject", arn(storage.aws, "s3", below))
            raise StorageError(
                f"Could not begin an upload in {storage.root}: {why.words}."
            ) from error
        try:
            found = list(storage.unfinished(key))
        finally:
            self._abort(name, begun, key)
        return "" if found else "begun and aborted; the server did not list it"

    def _abort(self, name: str, upload: str, key: str) -> None:
        storage = self._storage
        try:
            storage.client.abort_multipart_upload(Bucket=storage.bucket, Key=name, UploadId=upload)
        except AWS_FAILURES as error:
            below = f"{storage.root.removeprefix('s3://')}/*"
            why = refusal(error, "s3:AbortMultipartUpload", arn(storage.aws, "s3", below))
            raise StorageError(
                f"Could not abort the upload of {key!r} in {storage.root}, which stays: {why.words}."
            ) from error


class _RawProbe:
    """The first object below a prefix."""

    def __init__(self, storage: Storage, prefix: str) -> None:
        self._storage = storage
        self._prefix = prefix
        self._first: str | None = None

    def list(self) -> str:
        infos = (each for each in self._storage.list(self._prefix) if each.size)
        self._first = next((each.key for each in infos), None)
        return "" if self._first else "nothing is there yet"

    def read(self) -> str:
        if self._first is None:
            raise NotTried("no object was found to read")
        try:
            with self._storage.open_input(self._first) as file:
                file.read(_HEAD_BYTES)
        except StorageError as error:
            raise with_key(error, self._storage) from error
        return self._first


def with_key(error: StorageError, storage: Storage) -> StorageError:
    """The error, with what the KMS key needs where it can be the key that was refused."""
    if not isinstance(storage, S3Storage) or not isinstance(error.__cause__, ClientError):
        return error
    if "kms" not in str(error).lower() and not storage.aws.kms_key:
        return error
    return type(error)(f"{error} If it is the key that refuses: {_key_remedy(storage)}.")


def _key_remedy(storage: S3Storage) -> str:
    key = storage.aws.kms_key or "the bucket's key"
    return (
        f"allow `kms:GenerateDataKey` and `kms:Decrypt` on `{key}`, there and in the role's policy"
    )
