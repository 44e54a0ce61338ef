"""One job on an engine: started or found again, followed to its end, told of, and released."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from resources.compute.diagnosis import MOST_DOUBLINGS, Diagnosis, explain
from resources.compute.engine import Engine, JobRequest, JobState, Phase, Submitted, Usage
from resources.compute.figures import JobFigures
from resources.compute.job_records import JobRecord
from resources.compute.known_failure import Larger
from resources.compute.messages import Messages
from resources.compute.pace import Pace
from resources.errors import EngineError, EngineUnavailable
from spark.errors import LakeError

_LOG_LINES = 40
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Terms:
    """How jobs are run: with which of Spark's settings, and how long they may take.

    `timeout_seconds` is from the beginning of the job on. Once the service says that a job runs, its
    program has `start_seconds` to say so itself: a cluster without room for it never lets it start.
    """

    spark_config: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 6 * 3600
    start_seconds: int = 30 * 60
    pace: Pace = field(default_factory=Pace)


class JobRun:
    """Sees one job through. Every call to the engine is tried again while that can help."""

    def __init__(
        self,
        engine: Engine,
        record: JobRecord,
        request: JobRequest,
        messages: Messages,
        terms: Terms,
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._created = datetime.fromisoformat(record.created)
        self._request = request
        self._messages = messages
        self._terms = terms
        self._pace = terms.pace
        self._log = log
        self._job: Submitted | None = None
        self._state = JobState(Phase.WAITING)
        self._ran_at: datetime | None = None
        #: What the job failed for want of, once it has.
        self.lacking: Larger | None = None

    def follow(self) -> JobFigures:
        """Return when the job has succeeded; raises `EngineError` or a kind of it otherwise."""
        self._job = self._patiently(lambda: self._engine.submit(self._request))
        self._log.info("%s runs it: %s %s", self._engine.name, self._job.id, self._job.url)
        intervals = self._pace.intervals()
        while not self._look(self._job):
            self._require_time()
            if self._hears_the_end(next(intervals)):
                intervals = self._pace.intervals()
        if self._state.phase is not Phase.SUCCEEDED:
            raise self.failed(f"{self._state.phase}: {self._state.detail}")
        return self._figures(self._job)

    def failed(self, why: str) -> EngineError:
        """An error with all that is known: the job's own words, what they mean, its log's end."""
        failure = self._messages.failure
        said = f" It said: {failure.kind}: {failure.words}" if failure else ""
        tail = self._log_tail()
        found = explain([*tail, *said.splitlines()], why)
        meaning = f" {found.cause}. {found.remedy}." if found else ""
        url = f" See {self._job.url}" if self._job and self._job.url else ""
        shown = "\n".join(["", "The end of its log:", *tail]) if tail else " It left no log."
        words = f"{self._request.name} on {self._engine.name}: {why}.{said}{meaning}{url}{shown}"
        self.lacking = found.larger if found else None
        can_retry = self._can_retry(found) or bool(failure and failure.retryable)
        return EngineUnavailable(words) if can_retry else EngineError(words)

    def _can_retry(self, found: Diagnosis | None) -> bool:
        """Whether another try can succeed, with what it gets more of than this one had."""
        if found is None or found.larger is None:
            return found is not None and found.retryable
        return found.larger == "memory" and self._request.enlarged < MOST_DOUBLINGS

    def is_lost(self) -> bool:
        """Whether the job of an earlier try has failed or was ended, so that another must be begun."""
        job = self._patiently(lambda: self._engine.find(self._request.key))
        lost = (Phase.FAILED, Phase.CANCELLED)
        return job is not None and self._patiently(lambda: self._engine.state(job)).phase in lost

    def release(self) -> None:
        """End the job unless it has ended, and release what was made for it alone.

        Works from any moment on, also where a call that starts the job was cut short.
        """
        job = self._job or self._patiently(lambda: self._engine.find(self._request.key))
        if job is None:
            return
        if not self._state.phase.is_final:
            self._log.warning("ending %s on %s", job.id, job.engine)
            self._patiently(lambda: self._engine.cancel(job))
        self._patiently(lambda: self._engine.close(job))

    def _look(self, job: Submitted) -> bool:
        """See how far the job is; whether it has ended."""
        before = self._state
        self._state = self._patiently(lambda: self._engine.state(job))
        if self._ran_at is None and self._state.phase is not Phase.WAITING:
            self._ran_at = datetime.now(UTC)
        if self._state != before:
            self._log.info("%s: %s %s", job.id, self._state.phase, self._state.detail)
        # After the state: what was uploaded before the job ended is there once it has.
        self._patiently(self._messages.read)
        return self._state.phase.is_final

    def _hears_the_end(self, seconds: float) -> bool:
        """Wait until the next look, logging what the job says; at most until it says it is done.

        Its messages come from the lake, which is cheaper to ask and sooner to know than the service.
        """
        was_done, left = self._messages.is_closed, seconds
        while left > 0 and self._messages.is_closed == was_done:
            pause = min(left, self._pace.listen_seconds)
            self._pace.sleep(pause)
            left -= pause
            self._patiently(self._messages.read)
        return self._messages.is_closed != was_done

    def _require_time(self) -> None:
        now = datetime.now(UTC)
        limit = self._request.timeout_seconds
        if (now - self._created).total_seconds() > limit:
            raise self.failed(
                f"expected it to end within {limit:,} seconds, it was still {self._state.phase} "
                f"({self._state.detail})"
            )
        is_silent = self._state.phase is Phase.RUNNING and not self._messages.has_any
        start = self._terms.start_seconds
        if is_silent and self._ran_at and (now - self._ran_at).total_seconds() > start:
            raise self.failed(
                f"expected its program to start within {start:,} seconds, it has said nothing. The "
                "cluster has no room for it (a YARN application that stays ACCEPTED), or it cannot "
                f"write to {self._request.arguments[1]}'s folder"
            )

    def _figures(self, job: Submitted) -> JobFigures:
        now = datetime.now(UTC)
        ran_at = self._ran_at or now
        return JobFigures(
            job.engine,
            (ran_at - self._created).total_seconds(),
            (now - ran_at).total_seconds(),
            self._usage(job),
            job.id,
            job.url,
        )

    def _usage(self, job: Submitted) -> Usage | None:
        try:
            return self._patiently(lambda: self._engine.usage(job))
        except LakeError as error:
            self._log.warning("what %s took is not known: %s", job.id, error)
            return None

    def _log_tail(self) -> list[str]:
        if self._job is None:
            return []
        try:
            return self._engine.log(self._job, _LOG_LINES)
        except LakeError as error:
            return [f"(it could not be read: {error})"]

    def _patiently(self, call: Callable[[], _Result]) -> _Result:
        return self._pace.patiently(call, self._engine.name, self._log)
