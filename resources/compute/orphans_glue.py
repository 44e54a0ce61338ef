"""Job runs of Glue that a lake left running."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from resources.aws import AwsSettings, aws_client
from resources.compute.asking import asking
from resources.compute.engine import LAKE_TAG, Usage
from resources.compute.glue_arguments import RUN_ARGUMENT
from resources.compute.orphans import Running
from resources.compute.requests import tag_values
from resources.errors import EngineError

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient
    from types_boto3_glue.type_defs import JobRunTypeDef

_ACTIVE = ("STARTING", "RUNNING", "WAITING")
#: Nothing runs for longer: the longest timeout that Glue takes, and a day.
_OLDEST = timedelta(days=8)


class GlueRuns:
    """The runs of the jobs with the tag of the lake at `root`."""

    engine = "glue"

    def __init__(self, aws: AwsSettings, root: str) -> None:
        self._client: GlueClient = aws_client(aws, "glue")
        self._tags = tag_values({LAKE_TAG: root})

    def running(self) -> Iterator[Running]:
        """A job itself costs nothing; its runs do."""
        with asking("Glue", "glue:ListJobs", "*"):
            pages = self._client.get_paginator("list_jobs").paginate(Tags=self._tags)
            names = [name for page in pages for name in page["JobNames"]]
        for name in names:
            for run in self._recent(name):
                if run["JobRunState"] in _ACTIVE:
                    yield _running(run)

    def end(self, found: Running) -> None:
        """Stop the run; raises `EngineError` where Glue does not, unless it has ended."""
        job, _, run = found.id.partition("/")
        with asking("Glue", "glue:BatchStopJobRun", f"job/{job}"):
            answer = self._client.batch_stop_job_run(JobName=job, JobRunIds=[run])
        for each in answer.get("Errors", []):
            detail = each.get("ErrorDetail", {})
            if detail.get("ErrorCode") != "JobRunInTerminalStateException":
                raise EngineError(
                    f"Expected Glue to stop run {run} of {job}; it said "
                    f"{detail.get('ErrorCode', '?')}: {detail.get('ErrorMessage', '')}"
                )

    def _recent(self, job: str) -> Iterator[JobRunTypeDef]:
        """Its runs, newest first."""
        since = datetime.now(UTC) - _OLDEST
        with asking("Glue", "glue:GetJobRuns", f"job/{job}"):
            for page in self._client.get_paginator("get_job_runs").paginate(JobName=job):
                for run in page["JobRuns"]:
                    if run["StartedOn"] < since:
                        return
                    yield run


def _running(run: JobRunTypeDef) -> Running:
    seconds = float(run.get("ExecutionTime", 0))
    dpu_seconds = run.get("DPUSeconds") or seconds * run.get("MaxCapacity", 0.0)
    return Running(
        engine=GlueRuns.engine,
        kind="job run",
        id=f"{run['JobName']}/{run['Id']}",
        name=run["JobName"],
        state=run["JobRunState"],
        started=run["StartedOn"],
        run=run.get("Arguments", {}).get(RUN_ARGUMENT, "unknown"),
        usage=Usage(
            seconds,
            dpu_hours=dpu_seconds / 3600,
            flexible=run.get("ExecutionClass") == "FLEX",
        ),
    )
