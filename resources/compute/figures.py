"""What a job took, whichever engine ran it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from resources.compute.base import Compute
from resources.compute.engine import Usage


@dataclass(frozen=True)
class JobFigures:
    """Seconds that a job waited for what runs it, and ran; `usage` is None where it is not known.

    `job` is its name in the service, `url` where a person looks at it.
    """

    engine: str
    seconds_waiting: float
    seconds_running: float
    usage: Usage | None = None
    job: str = ""
    url: str = ""


class MeasuredCompute(Compute, Protocol):
    """An engine that knows what its last job took, also of one that failed."""

    @property
    def figures(self) -> JobFigures | None:
        """Those of the last job; None before the first."""
