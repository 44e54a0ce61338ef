"""How often to look at a job elsewhere, and how long to put up with a service that does not answer."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from spark.errors import LakeError

#: How much an interval grows from one look to the next, and the share by which it varies, so that
#: jobs that began together do not ask together.
_GROWTH, _JITTER = 1.5, 0.2
#: The longest wait between two tries of a call that a service could not answer.
_LONGEST_WAIT_SECONDS = 60
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Pace:
    """Intervals grow from `first_seconds` to `most_seconds`, whatever the length of the job.

    So an hour of waiting costs about 3600 / `most_seconds` looks. What a job says is read every
    `listen_seconds` in between.
    """

    first_seconds: float = 2.0
    most_seconds: float = 30.0
    listen_seconds: float = 3.0
    patience_seconds: float = 900.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def intervals(self) -> Iterator[float]:
        """Seconds from one look to the next, without end."""
        seconds = self.first_seconds
        while True:
            yield seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
            seconds = min(seconds * _GROWTH, self.most_seconds)

    def patiently(self, call: Callable[[], _Result], who: str, log: logging.Logger) -> _Result:
        """Call until it does not raise an error that passes by itself, or for `patience_seconds`."""

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning("%s, to be tried again: %s", who, error)

        retrying = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, LakeError) and error.retryable
            ),
            wait=wait_random_exponential(multiplier=1, max=_LONGEST_WAIT_SECONDS),
            stop=stop_after_delay(self.patience_seconds),
            sleep=self.sleep,
            before_sleep=tell,
            reraise=True,
        )
        return retrying(call)
