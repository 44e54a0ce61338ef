"""Jobs on Glue: runs of one job definition, found again by the key in their arguments.

Service and limits: API reference of 2017-03-31. Starting a run takes no token, so that request is
sent once only, and looked for when its answer is lost.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from resources.aws import AwsSettings, aws_client
from resources.catalog.glue_errors import PASSING
from resources.compute.engine import JobRequest, JobState, Phase, Submitted, Usage
from resources.compute.glue_arguments import JOB_ARGUMENT, run_arguments
from resources.compute.glue_job_definition import JobDefinition
from resources.compute.glue_job_settings import DPU_BY_WORKER, LARGER, GlueJobSettings
from resources.compute.log_streams import LogStreams
from resources.compute.service import NotThere, Refused, Service
from resources.compute.session_policy import session_policy
from resources.errors import EngineError, EngineUnavailable

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient
    from types_boto3_glue.type_defs import JobRunTypeDef, StartJobRunRequestTypeDef

_PHASES = {
    "STARTING": Phase.WAITING,
    "WAITING": Phase.WAITING,
    "RUNNING": Phase.RUNNING,
    "STOPPING": Phase.RUNNING,
    "STOPPED": Phase.CANCELLED,
    "SUCCEEDED": Phase.SUCCEEDED,
    "FAILED": Phase.FAILED,
    "ERROR": Phase.FAILED,
    "TIMEOUT": Phase.FAILED,
    "EXPIRED": Phase.FAILED,
}
#: A run lasts seven days at the most, so an older one is no longer there to be followed.
_OLDEST = timedelta(days=8)
_LONGEST_MINUTES = 10_080
_RUNS_A_PAGE = 200
#: Within what time a run that was started is taken to be listed.
_SETTLE_SECONDS = 5.0
_LOG_GROUPS = "/aws-glue/jobs"
_LOG_ACTIONS = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "cloudwatch:PutMetricData",
)
_NETWORK_ACTIONS = ("glue:GetConnection", "ec2:Describe*", "ec2:*NetworkInterface", "ec2:*Tags")


class GlueJobs:
    """Jobs of one lake on Glue."""

    name = "glue"

    def __init__(
        self,
        aws: AwsSettings,
        settings: GlueJobSettings,
        root: str,
        raw_root: str,
        settle_seconds: float = _SETTLE_SECONDS,
    ) -> None:
        """`root` and `raw_root` are the addresses on S3 that jobs may write to and read from."""
        refused = Refused("Glue", "glue", "glue.amazonaws.com", settings.role)
        self._service: Service[GlueClient] = Service(lambda: aws_client(aws, "glue"), refused)
        self._once: Service[GlueClient] = Service(
            lambda: aws_client(aws, "glue", attempts=1), refused
        )
        self._logs = LogStreams(aws)
        self._job = JobDefinition(self._service, settings, root)
        self._aws = aws
        self._settings = settings
        self._settle_seconds = settle_seconds
        network = _NETWORK_ACTIONS if settings.connection else ()
        self._policy = session_policy(aws, [root, raw_root], [root], [*_LOG_ACTIONS, *network])

    def find(self, key: str) -> Submitted | None:
        """The run that has the key among its arguments, of the last eight days."""
        since = datetime.now(UTC) - _OLDEST
        try:
            with self._service.asked("GetJobRuns", self._job.place) as client:
                pages = client.get_paginator("get_job_runs").paginate(
                    JobName=self._job.name, PaginationConfig={"PageSize": _RUNS_A_PAGE}
                )
                for page in pages:
                    for run in page["JobRuns"]:
                        if run.get("Arguments", {}).get(JOB_ARGUMENT) == key:
                            return self._submitted(run["Id"])
                        # Newest first.
                        if run["StartedOn"] < since:
                            return None
        except NotThere:
            return None
        return None

    def submit(self, request: JobRequest) -> Submitted:
        """Start the job, or find the one that an answer got lost of."""
        run = self._run(request)
        if found := self.find(request.key):
            return found
        self._job.ensure(request.entry_point)
        try:
            with self._once.asked("StartJobRun", self._job.place) as client:
                return self._submitted(client.start_job_run(**run)["JobRunId"])
        except EngineUnavailable:
            time.sleep(self._settle_seconds)
            if found := self.find(request.key):
                return found
            raise

    def state(self, job: Submitted) -> JobState:
        """The run's state, in the service's words as well."""
        run = self._described(job)
        said = run.get("ErrorMessage") or run.get("StateDetail")
        detail = ": ".join(filter(None, (run["JobRunState"], said)))
        # A state that is newer than this is not a final one as far as we know: go on looking.
        return JobState(_PHASES.get(run["JobRunState"], Phase.RUNNING), detail)

    def cancel(self, job: Submitted) -> None:
        """Stop the run; the service says no to one that has ended, which is as good."""
        with self._service.asked("BatchStopJobRun", self._job.place) as client:
            answer = client.batch_stop_job_run(JobName=_ids(job)[0], JobRunIds=[_ids(job)[1]])
        for each in answer.get("Errors", []):
            if self.state(job).phase.is_final:
                return
            error = each.get("ErrorDetail", {})
            code = error.get("ErrorCode", "")
            kind = EngineUnavailable if code in PASSING else EngineError
            raise kind(
                f"Expected Glue to stop run {job.id}; it says {code}: "
                f"{error.get('ErrorMessage', '')}. Stop it in the console: {job.url}"
            )

    def log(self, job: Submitted, lines: int) -> list[str]:
        """The ends of what the driver printed and of what Spark logged there."""
        groups = (self._described(job).get("LogGroupName") or _LOG_GROUPS).rstrip("/")
        stream = _ids(job)[1]
        return [
            *self._logs.tail(f"{groups}/output", stream, lines),
            *self._logs.tail(f"{groups}/error", stream, lines),
        ]

    def usage(self, job: Submitted) -> Usage | None:
        """DPU seconds where the service counts them, otherwise all workers for the run's time."""
        run = self._described(job)
        seconds = float(run.get("ExecutionTime", 0))
        dpu_seconds = run.get("DPUSeconds")
        if dpu_seconds is None:
            if not seconds:
                return None
            dpu_seconds = seconds * _capacity(run)
        return Usage(
            seconds=seconds,
            dpu_hours=dpu_seconds / 3600,
            flexible=run.get("ExecutionClass") == "FLEX",
        )

    def close(self, job: Submitted) -> None:
        """Nothing: a run leaves nothing behind, and its definition costs nothing."""

    def _described(self, job: Submitted) -> JobRunTypeDef:
        name, run = _ids(job)
        with self._service.asked("GetJobRun", self._job.place) as client:
            return client.get_job_run(JobName=name, RunId=run)["JobRun"]

    def _run(self, request: JobRequest) -> StartJobRunRequestTypeDef:
        settings = self._settings
        worker = settings.worker_type
        if request.enlarged:
            worker = LARGER[worker][min(request.enlarged, 2) - 1]
        # Which workers FLEX has spare is not certain; a run that failed before goes where all are.
        execution = "STANDARD" if request.enlarged else settings.execution
        return {
            "JobName": self._job.name,
            "Arguments": run_arguments(request, autoscaling=settings.autoscaling),
            "Timeout": min(_LONGEST_MINUTES, math.ceil(request.timeout_seconds / 60)),
            "WorkerType": worker,
            "NumberOfWorkers": settings.workers,
            "ExecutionClass": execution,
            # A run with FLEX waits for capacity by itself.
            "JobRunQueuingEnabled": execution == "STANDARD",
            "ExecutionRoleSessionPolicy": self._policy,
        }

    def _submitted(self, run: str) -> Submitted:
        region, name = self._aws.region, self._job.name
        return Submitted(
            self.name,
            f"{name}/{run}",
            f"https://console.aws.amazon.com/gluestudio/home?region={region}#/job/{name}/run/{run}",
        )


def _capacity(run: JobRunTypeDef) -> float:
    """DPUs of a run that does not scale."""
    by_type = DPU_BY_WORKER.get(run.get("WorkerType", ""), 1.0) * run.get("NumberOfWorkers", 0)
    return run.get("MaxCapacity") or by_type


def _ids(job: Submitted) -> tuple[str, str]:
    name, _, run = job.id.partition("/")
    return name, run
