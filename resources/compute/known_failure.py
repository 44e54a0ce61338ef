"""What a failure is known by: a text that a job or its service leaves, and what that means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: What a retry needs more of.
Larger = Literal["memory", "disk", "workers"]


@dataclass(frozen=True)
class Known:
    """A text, and what it means; names of groups in `pattern` may stand in cause and remedy.

    Where a line matches `unless`, the text means nothing: the job got over it.
    """

    pattern: re.Pattern[str]
    cause: str
    remedy: str
    source: str
    retryable: bool = False
    larger: Larger | None = None
    unless: re.Pattern[str] | None = None


def known(
    pattern: str,
    cause: str,
    remedy: str,
    source: str,
    *,
    retryable: bool = False,
    larger: Larger | None = None,
    unless: str = "",
) -> Known:
    """An entry of the tables; what a larger setting cures, a retry with it does."""
    gone = re.compile(unless) if unless else None
    return Known(
        re.compile(pattern), cause, remedy, source, retryable or bool(larger), larger, gone
    )
