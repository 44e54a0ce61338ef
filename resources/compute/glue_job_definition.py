"""The job of Glue whose runs a lake's jobs are: made, and kept as the settings describe it.

A run says most of what it needs itself. The definition holds the rest, which is the same for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.compute.engine import LAKE_TAG
from resources.compute.glue_job_settings import GlueJobSettings
from resources.compute.requests import lake_name, tag_values
from resources.compute.service import AlreadyMade, NotThere, Service
from resources.errors import EngineError

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient
    from types_boto3_glue.type_defs import JobTypeDef, JobUpdateTypeDef


class JobDefinition:
    """The definition of one lake's job; the lake is known by its root."""

    def __init__(self, service: Service[GlueClient], settings: GlueJobSettings, root: str) -> None:
        self.name = lake_name(root)
        self._service = service
        self._settings = settings
        self._tags = tag_values({LAKE_TAG: root})
        self._description = f"Made by Lake Assets for {root}; changes are overwritten."

    def ensure(self, script: str) -> None:
        """Make the job, or bring it up to date where it differs.

        Raises `EngineError` for a job of this name that others made.
        """
        wanted = self._wanted(script)
        found = self._found() or self._made(wanted)
        if found is None:
            return
        if found.get("Description") != self._description:
            raise EngineError(
                f"Expected Glue's job {self.name} to be described as {self._description!r}, found "
                f"{found.get('Description', '')!r}. Somebody else's is left alone: rename or delete it."
            )
        if any(found.get(name) != value for name, value in wanted.items()):
            with self._service.asked("UpdateJob", self.place) as client:
                client.update_job(JobName=self.name, JobUpdate=wanted)

    def _made(self, wanted: JobUpdateTypeDef) -> JobTypeDef | None:
        """Make it; or what is there by now, as two runs make it at once or an answer gets lost."""
        try:
            with self._service.asked("CreateJob", self.place) as client:
                client.create_job(Name=self.name, Tags=self._tags, **wanted)
        except AlreadyMade:
            return self._found()
        return None

    @property
    def place(self) -> str:
        """What its ARN ends with."""
        return f"job/{self.name}"

    def _found(self) -> JobTypeDef | None:
        try:
            with self._service.asked("GetJob", self.place) as client:
                return client.get_job(JobName=self.name)["Job"]
        except NotThere:
            return None

    def _wanted(self, script: str) -> JobUpdateTypeDef:
        settings = self._settings
        wanted: JobUpdateTypeDef = {
            "Description": self._description,
            "Role": settings.role,
            "Command": {"Name": "glueetl", "ScriptLocation": script, "PythonVersion": "3"},
            "GlueVersion": settings.version,
            "WorkerType": settings.worker_type,
            "NumberOfWorkers": settings.workers,
            "ExecutionProperty": {"MaxConcurrentRuns": settings.concurrent_runs},
            "MaxRetries": 0,
        }
        if settings.connection:
            wanted["Connections"] = {"Connections": [settings.connection]}
        return wanted
