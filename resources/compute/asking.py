"""Calls to AWS outside of a job, with refusals in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from resources.aws_errors import AWS_FAILURES, refusal
from resources.errors import EngineError, EngineUnavailable


@contextmanager
def asking(service: str, action: str, resource: str) -> Iterator[None]:
    """Raise `EngineUnavailable` or `EngineError` for what AWS refuses of an action on a resource."""
    try:
        yield
    except AWS_FAILURES as error:
        found = refusal(error, action, resource)
        kind = EngineUnavailable if found.retryable else EngineError
        raise kind(f"Expected {service} to allow {action} on {resource}: {found.words}") from error
