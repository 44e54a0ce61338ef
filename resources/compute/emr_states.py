"""What EMR's states of steps and clusters mean for a job.

Source: Amazon EMR API Reference, StepStatus and ClusterStatus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.compute.engine import JobState, Phase

if TYPE_CHECKING:
    from types_boto3_emr.type_defs import ClusterStatusTypeDef, StepStatusTypeDef

_ENDED = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})
_PHASES = {
    "PENDING": Phase.WAITING,
    "CANCEL_PENDING": Phase.RUNNING,
    "RUNNING": Phase.RUNNING,
    "COMPLETED": Phase.SUCCEEDED,
    "CANCELLED": Phase.CANCELLED,
    "FAILED": Phase.FAILED,
    "INTERRUPTED": Phase.FAILED,
}


def step_state(status: StepStatusTypeDef) -> JobState:
    """A step's state, with all that EMR says of a failure."""
    failure = status.get("FailureDetails", {})
    said = [
        status.get("StateChangeReason", {}).get("Message", ""),
        failure.get("Reason", ""),
        failure.get("Message", ""),
        failure.get("LogFile", ""),
    ]
    return JobState(_PHASES[status["State"]], "; ".join(filter(None, [status["State"], *said])))


def cluster_end(status: ClusterStatusTypeDef) -> str | None:
    """Why a cluster ended, or None while it has not."""
    if status["State"] not in _ENDED:
        return None
    reason = status.get("StateChangeReason", {})
    details = [each.get("ErrorMessage", "") for each in status.get("ErrorDetails", [])]
    said: list[str] = [reason.get("Code", ""), reason.get("Message", ""), *details]
    return f"the cluster {status['State']}: {'; '.join(filter(None, said))}"
