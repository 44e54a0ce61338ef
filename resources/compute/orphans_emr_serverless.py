"""Applications and job runs of EMR Serverless that a lake left running."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from resources.aws import AwsSettings, aws_client
from resources.compute.asking import asking
from resources.compute.engine import LAKE_TAG, RUN_TAG, Usage
from resources.compute.orphans import Running
from resources.compute.requests import tag_values

if TYPE_CHECKING:
    from types_boto3_emr_serverless import EMRServerlessClient
    from types_boto3_emr_serverless.literals import ApplicationStateType, JobRunStateType
    from types_boto3_emr_serverless.type_defs import ApplicationTypeDef, JobRunTypeDef

_STARTED: tuple[ApplicationStateType, ...] = ("STARTING", "STARTED")
_ACTIVE: tuple[JobRunStateType, ...] = (
    "SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED",
)  # fmt: skip


class EmrServerlessRuns:
    """The applications with the tag of the lake at `root`, and their job runs that have it."""

    engine = "emr-serverless"

    def __init__(self, aws: AwsSettings, root: str) -> None:
        self._client: EMRServerlessClient = aws_client(aws, "emr-serverless")
        self._tag = tag_values({LAKE_TAG: root})[LAKE_TAG]

    def running(self) -> Iterator[Running]:
        """Job runs, and applications that keep workers ready and have none."""
        with asking("EMR Serverless", "emr-serverless:ListApplications", "*"):
            pages = self._client.get_paginator("list_applications").paginate(states=list(_STARTED))
            ids = [each["id"] for page in pages for each in page["applications"]]
        for name in ids:
            with asking("EMR Serverless", "emr-serverless:GetApplication", f"applications/{name}"):
                found = self._client.get_application(applicationId=name)["application"]
            runs = list(self._runs(name))
            yield from (each for each in runs if each is not None)
            is_ours = found.get("tags", {}).get(LAKE_TAG) == self._tag
            if is_ours and not runs and found.get("initialCapacity"):
                yield _application(found)

    def end(self, found: Running) -> None:
        """Cancel the run, or stop the application; the next job starts it again."""
        application, _, run = found.id.partition("/")
        if run:
            with asking("EMR Serverless", "emr-serverless:CancelJobRun", f"jobruns/{run}"):
                self._client.cancel_job_run(applicationId=application, jobRunId=run)
            return
        with asking("EMR Serverless", "emr-serverless:StopApplication", found.id):
            self._client.stop_application(applicationId=application)

    def _runs(self, application: str) -> Iterator[Running | None]:
        """The active runs of an application, None for each that is not the lake's."""
        place = f"applications/{application}"
        with asking("EMR Serverless", "emr-serverless:ListJobRuns", place):
            pages = self._client.get_paginator("list_job_runs").paginate(
                applicationId=application, states=list(_ACTIVE)
            )
            ids = [each["id"] for page in pages for each in page["jobRuns"]]
        for name in ids:
            with asking("EMR Serverless", "emr-serverless:GetJobRun", f"{place}/jobruns/{name}"):
                found = self._client.get_job_run(applicationId=application, jobRunId=name)["jobRun"]
            if found["state"] in _ACTIVE:  # it may have ended since it was listed
                is_ours = found.get("tags", {}).get(LAKE_TAG) == self._tag
                yield _job_run(found) if is_ours else None


def _application(found: ApplicationTypeDef) -> Running:
    return Running(
        engine=EmrServerlessRuns.engine,
        kind="application",
        id=found["applicationId"],
        name=found.get("name", ""),
        state=found["state"],
        started=found["createdAt"],
        idle_since=found["updatedAt"],
    )


def _job_run(found: JobRunTypeDef) -> Running:
    used = found.get("billedResourceUtilization") or found.get("totalResourceUtilization")
    return Running(
        engine=EmrServerlessRuns.engine,
        kind="job run",
        id=f"{found['applicationId']}/{found['jobRunId']}",
        name=found.get("name", ""),
        state=found["state"],
        started=found["createdAt"],
        run=found.get("tags", {}).get(RUN_TAG, ""),
        usage=Usage(
            float(found.get("totalExecutionDurationSeconds", 0)),
            vcpu_hours=used.get("vCPUHour", 0.0),
            memory_gb_hours=used.get("memoryGBHour", 0.0),
            storage_gb_hours=used.get("storageGBHour", 0.0),
        )
        if used
        else None,
    )
