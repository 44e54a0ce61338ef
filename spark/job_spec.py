"""The file that a job on an engine elsewhere starts from: what to run, and when to stop.

It is written beside the job's messages and holds no secret: a password is fetched where it is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Optional

from spark.errors import SpecError
from spark.snapshot_spec import SnapshotSpec
from spark.spec import RefineSpec

#: Raised when the meaning of a field changes; a job refuses any other version.
JOB_VERSION = 1


@dataclass(frozen=True)
class SnapshotJob:
    """A snapshot; `known` are the versions that need no writing."""

    spec: SnapshotSpec
    known: tuple[str, ...]


@dataclass(frozen=True)
class JobSpec:
    """One job: a refine or a snapshot.

    `stop` is the address of an object that does not exist. When it does, nobody waits for the job
    any more, and it ends itself.
    """

    stop: str
    refine: Optional[RefineSpec] = None
    snapshot: Optional[SnapshotJob] = None

    def to_json(self) -> str:
        """The specification as a JSON text with sorted keys."""
        data = {
            "version": JOB_VERSION,
            "stop": self.stop,
            "refine": json.loads(self.refine.to_json()) if self.refine else None,
            "snapshot": _snapshot_json(self.snapshot) if self.snapshot else None,
        }
        return json.dumps(data, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> JobSpec:
        """Read a specification; raises `SpecError` for a version this job does not know."""
        data: dict[str, Any] = json.loads(text)
        if data.get("version") != JOB_VERSION:
            raise SpecError(
                f"this job runs files of version {JOB_VERSION}, but was given version "
                f"{data.get('version')!r}; ship the job and its specification from the same release"
            )
        refine, snapshot = data["refine"], data["snapshot"]
        return cls(
            stop=data["stop"],
            refine=RefineSpec.from_json(json.dumps(refine)) if refine else None,
            snapshot=_snapshot_job(snapshot) if snapshot else None,
        )


def _snapshot_json(job: SnapshotJob) -> dict[str, Any]:
    return {"spec": job.spec.to_json(), "known": job.known}


def _snapshot_job(data: dict[str, Any]) -> SnapshotJob:
    return SnapshotJob(SnapshotSpec.from_json(data["spec"]), tuple(data["known"]))
