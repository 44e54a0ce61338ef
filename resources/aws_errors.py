"""What AWS's refusals mean: the words for people, and whether trying again can help."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError

#: What every call to AWS can raise.
AWS_FAILURES: tuple[type[Exception], ...] = (BotoCoreError, ClientError)

_DENIED = {"AccessDenied", "AccessDeniedException", "403", "AllAccessDisabled"}
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
}
_UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidToken"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "301"}
#: Beside every answer of 500 and above.
_TRANSIENT = {
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ConditionalRequestConflict",
    "OperationAborted",
}
#: No answer, half of one, or none from whoever hands out credentials.
_PASSING = (AwsConnectionError, CredentialRetrievalError, HTTPClientError, IncompleteReadError)


@dataclass(frozen=True)
class Refusal:
    """Why a call failed, as a sentence or two; `code` is AWS's own name for it."""

    words: str
    code: str
    retryable: bool


def refusal(error: Exception, action: str, resource: str) -> Refusal:
    """Explain what a call raised; `action` on `resource` is what IAM has to allow for it."""
    if isinstance(error, ClientError):
        if error.operation_name == "AssumeRole":
            action, resource = "sts:AssumeRole", "the role that LAKE_AWS_ROLE names"
        return _answered(error, action, resource)
    return _unanswered(error)


def is_transient(code: str) -> bool:
    """Whether an error of this code passes by itself."""
    return code in _TRANSIENT


def is_expired(error: ClientError) -> bool:
    """Whether the credentials of the client have expired; a new client may find fresh ones."""
    return error.response.get("Error", {}).get("Code", "") in _EXPIRED


def _answered(error: ClientError, action: str, resource: str) -> Refusal:
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = str(error.response.get("Error", {}).get("Message", "")) or code
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _DENIED:
        return Refusal(
            f"access denied ({said}). Allow `{action}` on `{resource}` to the role or user that "
            "runs this, in its policy and in the bucket's or key's",
            code,
            retryable=False,
        )
    if code in _EXPIRED:
        return Refusal(
            f"the credentials have expired ({said}). Renew them, for example with `aws sso "
            "login`, and run it again",
            code,
            retryable=True,
        )
    if code in _UNKNOWN:
        return Refusal(
            f"AWS does not know these credentials ({code}: {said}). Check AWS_ACCESS_KEY_ID or the "
            "profile, and that the endpoint is the one they are for",
            code,
            retryable=False,
        )
    if code in _ELSEWHERE:
        return Refusal(
            f"it is in another region ({said}). Set LAKE_AWS_REGION to that region",
            code,
            retryable=False,
        )
    if is_transient(code) or status >= 500:
        return Refusal(
            f"AWS could not answer ({code}: {said}), after several tries. Run it again later",
            code,
            retryable=True,
        )
    return Refusal(f"{code}: {said}", code, retryable=False)


def _unanswered(error: Exception) -> Refusal:
    code = type(error).__name__
    if isinstance(error, NoCredentialsError):
        return Refusal(
            "no AWS credentials were found. Set LAKE_AWS_PROFILE, sign in with `aws sso login`, "
            "or give the machine a role",
            code,
            retryable=False,
        )
    if isinstance(error, (SSOError, TokenRetrievalError)):
        return Refusal(
            f"the sign-in has ended ({error}). Run `aws sso login`, then this again",
            code,
            retryable=True,
        )
    if isinstance(error, _PASSING):
        return Refusal(
            f"there was no whole answer ({error}). Check network and endpoint, and run it again",
            code,
            retryable=True,
        )
    return Refusal(str(error), code, retryable=False)
