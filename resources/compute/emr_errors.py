"""What EMR's refusals mean: the words for people, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from resources.aws import AwsSettings, arn
from resources.aws_errors import AWS_FAILURES, refusal
from resources.errors import EngineError, EngineUnavailable

#: EMR says ValidationException of everything; these are of a cluster that ended meanwhile.
_ENDING = ("shutting down, terminating, or finished", "is not valid for this operation: TERMINAT")
#: And this of too many steps at a time, or too many calls.
_FULL = ("Maximum number of active steps", "Rate exceeded")


@contextmanager
def asking(aws: AwsSettings, verb: str, action: str, resource: str = "*") -> Iterator[None]:
    """Turn what EMR refuses into an `EngineError`; `action` is what it needs of IAM."""
    try:
        yield
    except AWS_FAILURES as error:
        where = resource if resource == "*" else arn(aws, "elasticmapreduce", resource)
        why = refusal(error, f"elasticmapreduce:{action}", where)
        said = str(error)
        passes = why.retryable or any(each in said for each in (*_ENDING, *_FULL))
        kind = EngineUnavailable if passes else EngineError
        raise kind(f"EMR did not {verb}: {why.words}.{_remedy(error)}") from error


def _remedy(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return ""
    said = str(error)
    if "iam:PassRole" in said or "not authorized to perform: iam:PassRole" in said:
        return " Allow iam:PassRole on the roles that LAKE_EMR_* name."
    if "ServiceRole" in said or "InstanceProfile" in said or "is not well-formed" in said:
        return " Check LAKE_EMR_SERVICE_ROLE and LAKE_EMR_INSTANCE_PROFILE."
    if "ubnet" in said:
        return " Check LAKE_EMR_SUBNETS."
    return ""
