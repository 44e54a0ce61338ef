"""What S3 refused, in words: which object, which action on which resource, whether a retry helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from resources.aws import AwsSettings, arn
from resources.aws_errors import AWS_FAILURES, Refusal, is_transient, refusal
from resources.errors import ObjectMissing, StorageError, StorageUnavailable

_MISSING = {"NoSuchKey", "404"}


@dataclass(frozen=True)
class Refusals:
    """Of one prefix of a bucket; `below` ends with a slash, or is empty for a whole bucket."""

    bucket: str
    below: str
    root: str
    aws: AwsSettings

    @contextmanager
    def asking(self, verb: str, key: str, action: str) -> Iterator[None]:
        """Turn what AWS refuses into a `StorageError`; `action` is what it needs of IAM."""
        try:
            yield
        except AWS_FAILURES as error:
            is_listing = action.startswith("s3:ListBucket")
            resource = self.bucket if is_listing else f"{self.bucket}/{self.below}*"
            why = refusal(error, action, arn(self.aws, "s3", resource))
            if why.code in _MISSING:
                raise ObjectMissing(
                    f"Expected an object {key!r} in {self.root}; there is none."
                ) from None
            raise self._refused(f"Could not {verb} {key!r} in {self.root}", why) from error

    def _refused(self, what: str, why: Refusal) -> StorageError:
        words = f"{what}: {why.words}."
        if why.code == "NoSuchBucket":
            words = (
                f"{what}: there is no bucket {self.bucket!r}. Check LAKE_ROOT and LAKE_RAW_ROOT, "
                "and that it is in this account or shared with it."
            )
        elif why.code in ("AccessDenied", "403"):
            words += (
                f" For an object that is not there S3 answers so as well, unless `s3:ListBucket` "
                f"is allowed on `{arn(self.aws, 's3', self.bucket)}`."
            )
        return StorageUnavailable(words) if why.retryable else StorageError(words)

    def not_deleted(self, errors: Sequence[tuple[str, str, str]]) -> StorageError:
        """For objects that a request could not delete: key, code and message of each."""
        shown = "; ".join(f"{key!r}: {code} {said}".strip() for key, code, said in errors[:3])
        kind = (
            StorageUnavailable if all(is_transient(code) for _, code, _ in errors) else StorageError
        )
        return kind(
            f"Could not delete {len(errors):,} objects in {self.root}: {shown}. If access is denied,"
            f" allow `s3:DeleteObject` on `{arn(self.aws, 's3', f'{self.bucket}/{self.below}*')}`."
        )
