"""One AWS service that runs jobs: its client, and what its refusals mean to a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from botocore.exceptions import ClientError

from resources.aws_errors import AWS_FAILURES, is_expired, refusal
from resources.catalog.glue_errors import PASSING
from resources.errors import EngineError, EngineUnavailable

Client = TypeVar("Client")

#: Refusals that end when other runs do.
_FULL = {
    "ConcurrentRunsExceededException",
    "ResourceNumberLimitExceededException",
    "ServiceQuotaExceededException",
}
_MADE = {"AlreadyExistsException", "IdempotentParameterMismatchException"}
_MISSING = {"EntityNotFoundException", "ResourceNotFoundException"}
#: What AWS says of the action and the resource that a policy does not allow.
_NOT_ALLOWED = re.compile(r"not authorized to perform:? (\S+?)(?: on resource:? (\S+?))?[\s,.]")
#: Words of a refusal, and what to do about it.
_REMEDIES = (
    (
        re.compile(
            r"assum|trust|\brole\b.*(not exist|not found|cannot be found|invalid)", re.IGNORECASE
        ),
        "Check that role {role} is there and that its trust policy lets {principal} assume it "
        "(sts:AssumeRole).",
    ),
    (
        re.compile(r"nosuchbucket|bucket.*(not exist|not found|cannot be found)", re.IGNORECASE),
        "Check the buckets of LAKE_ROOT and LAKE_RAW_ROOT, and that they are in this region.",
    ),
    (
        re.compile(
            r"subnet.*(insufficient|not enough|free|no available)|ip address", re.IGNORECASE
        ),
        "A subnet has no addresses left: name a larger one, or more than one.",
    ),
)


class NotThere(EngineError):
    """What was asked about is not, or no longer, known to the service."""


class AlreadyMade(EngineError):
    """What was to be made is there: somebody was faster, or an answer got lost."""


@dataclass(frozen=True)
class Refused:
    """Says what a service refused; `iam` is how its actions begin, `role` what jobs run as."""

    service: str
    iam: str
    principal: str
    role: str

    def call(self, action: str, resource: str, error: Exception) -> EngineError:
        """For a call that was not carried out."""
        found = refusal(error, *self._denied(action, resource, error))
        words = f"Expected {self.service} to carry out {action} on {resource}; {found.words}."
        if found.code in _MISSING:
            return NotThere(words)
        if found.code in _MADE:
            return AlreadyMade(words)
        if found.code in _FULL:
            return EngineUnavailable(
                f"{words} A quota of {self.service} is reached: it can succeed once other runs have"
                " ended; if not, raise the quota in Service Quotas."
            )
        if found.retryable or found.code in PASSING:
            return EngineUnavailable(words)
        return EngineError(" ".join([words, *self._remedies(found.words)]))

    def _denied(self, action: str, resource: str, error: Exception) -> tuple[str, str]:
        """The action and the resource that IAM names, which need not be those of the call."""
        said = _NOT_ALLOWED.search(f"{error} ")
        if said is None:
            return f"{self.iam}:{action}", resource
        return said[1], said[2] or resource

    def _remedies(self, words: str) -> list[str]:
        return [
            remedy.format(role=self.role, principal=self.principal)
            for pattern, remedy in _REMEDIES
            if pattern.search(words)
        ]


class Service(Generic[Client]):
    """Makes a service's client on first use, and a new one once its credentials have expired."""

    def __init__(self, make: Callable[[], Client], refused: Refused) -> None:
        self._make = make
        self._refused = refused
        self._client: Client | None = None

    @contextmanager
    def asked(self, action: str, resource: str) -> Iterator[Client]:
        """The client, for a call of this action.

        Raises `EngineUnavailable` for what passes by itself, `NotThere` for what is unknown and
        `EngineError` for anything else that AWS refuses.
        """
        try:
            if self._client is None:
                self._client = self._make()
            yield self._client
        except AWS_FAILURES as error:
            if isinstance(error, ClientError) and is_expired(error):
                self._client = None
            raise self._refused.call(action, resource, error) from error
