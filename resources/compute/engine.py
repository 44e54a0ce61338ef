"""What an engine elsewhere can do with a job: find it, submit it, follow it, end it, price it.

An engine knows one service's words and nothing else. Everything that must hold on all of them is in
the one loop that drives them (`resources/compute/remote.py`): that a job is started once, that its
success is its own, that nothing is left running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

#: The tag by which everything that the project starts is found again. Its value is the lake's root.
LAKE_TAG = "lake-assets:lake"
#: The tag, or where a service has none the part of a name, that holds a job's key.
JOB_TAG = "lake-assets:job"
#: The tag that says which run a job is for.
RUN_TAG = "lake-assets:run"


class Phase(StrEnum):
    """How far a job is. The last three are final."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job will not change any more."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True)
class JobRequest:
    """One job: what is shipped, its arguments, and how it is recognised again.

    `key` is 32 hexadecimal digits, the same whenever the same attempt is asked for; `name` is for
    people. `entry_point`, `code` (a zip for Spark's `--py-files`) and `jars` are addresses on S3.
    `enlarged` is how often memory was doubled, in `spark_config`, after tries that had too little.
    """

    key: str
    name: str
    entry_point: str
    code: str
    arguments: tuple[str, ...]
    jars: tuple[str, ...] = ()
    spark_config: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 6 * 3600
    enlarged: int = 0


@dataclass(frozen=True)
class Submitted:
    """A job as its service names it. `id` holds all that the engine needs to find it again.

    `url` is where a person looks at it in the service's console.
    """

    engine: str
    id: str
    url: str = ""


@dataclass(frozen=True)
class JobState:
    """How far a job is, and the service's own words for it: state, reason, message."""

    phase: Phase
    detail: str = ""


@dataclass(frozen=True)
class Usage:
    """What a job took, in the units by which its service bills.

    `seconds` is the time that is billed; each other quantity is 0 where the service does not bill
    by it. `instance_hours` maps an EC2 instance type to its hours.
    """

    seconds: float = 0.0
    dpu_hours: float = 0.0
    vcpu_hours: float = 0.0
    memory_gb_hours: float = 0.0
    storage_gb_hours: float = 0.0
    instance_hours: Mapping[str, float] = field(default_factory=dict)
    flexible: bool = False


class Engine(Protocol):
    """One service that runs Spark jobs.

    Every method raises `EngineUnavailable` for what passes by itself (throttling, a 5xx, a lost
    connection, credentials that expired), and `EngineError` for what does not.
    """

    @property
    def name(self) -> str:
        """`emr`, `emr-serverless` or `glue`."""

    def find(self, key: str) -> Submitted | None:
        """The job that an earlier `submit` with this key started, whatever became of it."""

    def submit(self, request: JobRequest) -> Submitted:
        """Start the job. Called again with the same key, it never starts a second one that runs."""

    def state(self, job: Submitted) -> JobState:
        """How far it is. The job's own state, not that of the machines it runs on."""

    def cancel(self, job: Submitted) -> None:
        """Ask the service to end this job and no other. No error where it has ended already."""

    def log(self, job: Submitted, lines: int) -> list[str]:
        """The last lines of the driver's log, then of its launcher's; empty where there is none."""

    def usage(self, job: Submitted) -> Usage | None:
        """What it took so far, or None where the service does not say (yet)."""

    def close(self, job: Submitted) -> None:
        """Release what was made for this job alone. Called once, however the job ended."""
