"""What a run has begun on an engine, written down before the engine is asked.

A record holds the address of the specification and the key by which the engine knows the job. So a
run that is killed at any instant, and tried again, finds the job and does not start a second one.
Everything of a job lies below `_jobs/<run's hash>/<number>/`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from resources.errors import StorageError
from resources.storage import Storage
from spark.job_spec import JobSpec

#: Where everything of jobs lies; readers and audits never look there.
JOBS = "_jobs"


@dataclass(frozen=True)
class JobRecord:
    """One job that was begun: `folder` is its key prefix, `key` 32 hexadecimal digits.

    `spec_key` is where the specification lies. `inputs` is a hash of all that the job is to do, and
    by which code, but where it writes; `created` is ISO 8601.
    """

    folder: str
    key: str
    engine: str
    spec_key: str
    inputs: str
    created: str

    @property
    def messages(self) -> str:
        """Below what the job's messages lie, without a final slash."""
        return f"{self.folder}/messages"

    @property
    def ended_key(self) -> str:
        """What is there once nobody waits for the job any more."""
        return ended_key(self.folder)


_RECORD = TypeAdapter(JobRecord)


def ended_key(folder: str) -> str:
    """The object that tells a job to end itself."""
    return f"{folder}/ended"


class JobRecords:
    """The records of one asset's partitions in one run."""

    def __init__(self, storage: Storage, run: str, asset: str, partitions: Sequence[str]) -> None:
        said = json.dumps([run, asset, list(partitions)])
        self._storage = storage
        self._folder = f"{JOBS}/{hashlib.sha256(said.encode()).hexdigest()[:32]}"

    def open_record(self) -> JobRecord | None:
        """The newest record, if somebody may still wait for its job; None otherwise."""
        found = self._newest()
        if found is None or self._storage.exists(found.ended_key):
            return None
        return found

    def next_folder(self) -> str:
        """Where the next record will lie."""
        newest = self._newest()
        number = int(newest.folder.rpartition("/")[2]) + 1 if newest else 1
        return f"{self._folder}/{number:04d}"

    def begin(self, folder: str, engine: str, job: JobSpec, code: str) -> JobRecord:
        """Write the specification, then the record, once. Raises `AlreadyThere` if somebody did."""
        record = JobRecord(
            folder=folder,
            key=hashlib.sha256(f"{self._storage.root}/{folder}".encode()).hexdigest()[:32],
            engine=engine,
            spec_key=f"{folder}/spec-{secrets.token_hex(4)}.json",
            inputs=inputs_of(job, code),
            created=datetime.now(UTC).isoformat(),
        )
        self._storage.write(record.spec_key, job.to_json().encode())
        data = _RECORD.dump_json(record, indent=2)
        self._storage.write(f"{folder}/record.json", data, if_absent=True)
        return record

    def end(self, record: JobRecord, lacking: str = "") -> None:
        """Nobody waits for the job any more: it ends itself, and the next try begins another.

        `lacking` is what it failed for want of, such as `memory`.
        """
        self._storage.write(record.ended_key, lacking.encode())

    def lacked(self) -> list[str]:
        """What earlier jobs of the run failed for want of."""
        keys = [info.key for info in self._storage.list(f"{self._folder}/") if info.size]
        ended = [key for key in keys if key.endswith("/ended")]
        return [self._storage.read(key).decode() for key in ended]

    def specification(self, record: JobRecord) -> JobSpec:
        """What the job was begun with."""
        return JobSpec.from_json(self._storage.read(record.spec_key).decode())

    def _newest(self) -> JobRecord | None:
        keys = [
            info.key
            for info in self._storage.list(f"{self._folder}/")
            if info.key.endswith("/record.json")
        ]
        return _read(self._storage, max(keys)) if keys else None


def inputs_of(job: JobSpec, code: str) -> str:
    """A hash that is the same for two jobs that read the same and do the same by the same code."""
    refine, snapshot = job.refine, job.snapshot
    if refine is not None:
        refine = replace(refine, attempt="", output="", quarantine="")
    if snapshot is not None:
        snapshot = replace(snapshot, spec=replace(snapshot.spec, attempt=""), known=())
    text = code + JobSpec("", refine, snapshot).to_json()
    return hashlib.sha256(text.encode()).hexdigest()


def _read(storage: Storage, key: str) -> JobRecord:
    try:
        return _RECORD.validate_json(storage.read(key))
    except ValidationError as error:
        raise StorageError(
            f"Expected the record of a job in {key!r} of {storage.root}, found something else: "
            f"{error}. See in the engine's console whether a job runs, then remove the object."
        ) from error
