"""Errors that the data itself can cause.

Everything the project raises on purpose derives from `LakeError`; what the world outside causes
(storage, database, catalog, settings) lives in `resources/errors.py`.
"""

from __future__ import annotations

import re

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException


class LakeError(Exception):
    """What was expected, what was found, where, and what to do about it."""

    #: Whether running the same thing again, unchanged, can succeed.
    retryable: bool = False


class ContractError(LakeError):
    """A column, type or name that the contract cannot hold."""


class SpecError(LakeError):
    """A job specification that this version of the job cannot run."""


class ReadError(LakeError):
    """Raw input that could not be read at all, as against documents that go to quarantine."""


class ReferenceRefused(LakeError):
    """A reference table whose content would multiply or lose rows in a join."""


class LedgerImbalance(LakeError):
    """Documents read are not accounted for by what became of them."""


class ReportIncomplete(LakeError):
    """A job that ended well without having reported all that it was asked for, or twice."""


class LoginMissing(LakeError):
    """A secret that holds no login, found by the job that was to use it."""


class CertificatesRefused(LakeError):
    """A text that was to hold certificates, and holds none."""


class RuntimeUnfit(LakeError):
    """An engine whose Spark or Python the shipped code does not run on."""


#: What a Spark job raises when it fails.
SPARK_FAILURES: tuple[type[Exception], ...] = (PySparkException, Py4JJavaError)

#: Exceptions of the store itself, at the start of a line or after another's name, not in a frame.
_OF_THE_STORE = re.compile(
    r"\b(?:org\.apache\.hadoop\.fs\.s3a\.(?:\w+\.)*|software\.amazon\.awssdk\.(?:\w+\.)*"
    r"|java\.nio\.file\.AccessDenied|java\.net\.)\w*Exception(?=[:\s]|$)"
)


def is_of_the_store(error: Exception) -> bool:
    """Whether what failed was reaching the data, as against the data itself."""
    return _OF_THE_STORE.search(str(error)) is not None
