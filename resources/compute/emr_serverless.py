"""Jobs on EMR Serverless: runs of an application, found again by the key in their names.

Service and limits: API reference of 2021-07-13. A run's log is on S3, where the service renews it
every 15 seconds.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from resources.aws import AwsSettings, aws_client
from resources.compute.emr_serverless_application import Applications
from resources.compute.emr_serverless_log import driver_log
from resources.compute.emr_serverless_settings import (
    SPARK_SIZES,
    EmrServerlessSettings,
)
from resources.compute.engine import (
    JOB_TAG,
    LAKE_TAG,
    JobRequest,
    JobState,
    Phase,
    Submitted,
    Usage,
)
from resources.compute.requests import tag_values
from resources.compute.service import NotThere, Refused, Service
from resources.compute.session_policy import session_policy
from resources.errors import EngineError

if TYPE_CHECKING:
    from types_boto3_emr_serverless import EMRServerlessClient
    from types_boto3_emr_serverless.type_defs import (
        JobRunTypeDef,
        MonitoringConfigurationTypeDef,
        S3MonitoringConfigurationTypeDef,
        StartJobRunRequestTypeDef,
    )

_PHASES = {
    "SUBMITTED": Phase.WAITING,
    "PENDING": Phase.WAITING,
    "SCHEDULED": Phase.WAITING,
    "QUEUED": Phase.WAITING,
    "RUNNING": Phase.RUNNING,
    "CANCELLING": Phase.RUNNING,
    "SUCCESS": Phase.SUCCEEDED,
    "FAILED": Phase.FAILED,
    "CANCELLED": Phase.CANCELLED,
}
#: The service ends a run after seven days, and one that is queued after half a day.
_OLDEST = timedelta(days=8)
_LONGEST_MINUTES = 10_080
_MOST_SETTINGS, _LONGEST_SETTING, _LONGEST_NAME = 100, 1024, 200


class EmrServerless:
    """Jobs of one lake on EMR Serverless."""

    name = "emr-serverless"

    def __init__(
        self, aws: AwsSettings, settings: EmrServerlessSettings, root: str, raw_root: str
    ) -> None:
        """`root` and `raw_root` are the addresses on S3 that jobs may write to and read from."""
        refused = Refused(
            "EMR Serverless", self.name, "emr-serverless.amazonaws.com", settings.role
        )
        self._service: Service[EMRServerlessClient] = Service(
            lambda: aws_client(aws, "emr-serverless"), refused
        )
        self._applications = Applications(self._service, settings, root)
        self._aws = aws
        self._settings = settings
        self._root = root
        self._policy = session_policy(aws, [root, raw_root], [root])
        self._logs = f"{root}/_jobs/{self.name}-logs"

    def find(self, key: str) -> Submitted | None:
        """The run whose name ends with the key, of the last eight days."""
        since = datetime.now(UTC) - _OLDEST
        for application in self._applications.ids():
            with self._service.asked("ListJobRuns", f"/applications/{application}") as client:
                pages = client.get_paginator("list_job_runs").paginate(
                    applicationId=application, createdAtAfter=since
                )
                for page in pages:
                    for run in page["jobRuns"]:
                        if run.get("name", "").endswith(key):
                            return self._submitted(application, run["id"])
        return None

    def submit(self, request: JobRequest) -> Submitted:
        """Start the job; the token keeps a request that is sent twice from starting two."""
        self._require_possible(request)
        if found := self.find(request.key):
            return found
        application = self._applications.ready()
        with self._service.asked("StartJobRun", f"/applications/{application}") as client:
            run = client.start_job_run(**self._run(application, request))
        return self._submitted(application, run["jobRunId"])

    def state(self, job: Submitted) -> JobState:
        """The run's state, in the service's words as well."""
        run = self._described(job)
        detail = ": ".join(filter(None, (run["state"], run["stateDetails"])))
        # A state that is newer than this is not a final one as far as we know: go on looking.
        return JobState(_PHASES.get(run["state"], Phase.RUNNING), detail)

    def cancel(self, job: Submitted) -> None:
        """Cancel the run; the service says no to one that has ended, which is as good."""
        application, run = _ids(job)
        try:
            with self._service.asked("CancelJobRun", _place(job)) as client:
                client.cancel_job_run(applicationId=application, jobRunId=run)
        except NotThere:
            return
        except EngineError as error:
            if error.retryable or not self.state(job).phase.is_final:
                raise

    def log(self, job: Submitted, lines: int) -> list[str]:
        """The ends of what the driver printed and of what Spark logged there."""
        return driver_log(self._folder(job), self._aws, lines)

    def usage(self, job: Submitted) -> Usage | None:
        """What is billed, or until the service says that, what was used."""
        run = self._described(job)
        used = run.get("billedResourceUtilization") or run.get("totalResourceUtilization")
        if used is None:
            return None
        return Usage(
            seconds=float(run.get("totalExecutionDurationSeconds", 0)),
            vcpu_hours=used.get("vCPUHour", 0.0),
            memory_gb_hours=used.get("memoryGBHour", 0.0),
            storage_gb_hours=used.get("storageGBHour", 0.0),
        )

    def close(self, job: Submitted) -> None:
        """Nothing: the application is shared, and stops by itself when it is idle."""

    def _described(self, job: Submitted) -> JobRunTypeDef:
        application, run = _ids(job)
        with self._service.asked("GetJobRun", _place(job)) as client:
            return client.get_job_run(applicationId=application, jobRunId=run)["jobRun"]

    def _run(self, application: str, request: JobRequest) -> StartJobRunRequestTypeDef:
        return {
            "applicationId": application,
            "clientToken": request.key,
            "name": f"{request.name[:_LONGEST_NAME]} {request.key}",
            "executionRoleArn": self._settings.role,
            "executionIamPolicy": {"policy": self._policy},
            "executionTimeoutMinutes": min(
                _LONGEST_MINUTES, math.ceil(request.timeout_seconds / 60)
            ),
            "jobDriver": {
                "sparkSubmit": {
                    "entryPoint": request.entry_point,
                    "entryPointArguments": list(request.arguments),
                }
            },
            "configurationOverrides": {
                "applicationConfiguration": [
                    {"classification": "spark-defaults", "properties": self._spark(request)}
                ],
                "monitoringConfiguration": self._monitoring(),
            },
            "tags": tag_values({LAKE_TAG: self._root, JOB_TAG: request.key} | dict(request.tags)),
        }

    def _spark(self, request: JobRequest) -> dict[str, str]:
        """Spark's settings, as a classification: unlike parameters they need no quoting."""
        cores, memory = SPARK_SIZES[min(request.enlarged, len(SPARK_SIZES) - 1)]
        size = {
            f"spark.{each}.{name}": value
            for each in ("driver", "executor")
            for name, value in (("cores", str(cores)), ("memory", memory))
        }
        given = {"spark.dynamicAllocation.maxExecutors": str(self._settings.executors)}
        given |= request.spark_config
        files = {"spark.submit.pyFiles": request.code, "spark.jars": ",".join(request.jars)}
        return {
            # A job that lacked memory comes with more than Spark's default, not than this size.
            **({**given, **size} if request.enlarged else {**size, **given}),
            **{name: value for name, value in files.items() if value},
        }

    def _monitoring(self) -> MonitoringConfigurationTypeDef:
        s3: S3MonitoringConfigurationTypeDef = {"logUri": f"{self._logs}/"}
        # The service takes a key by its ARN only; by another name the bucket's own is used.
        if self._aws.kms_key.startswith("arn:"):
            s3["encryptionKeyArn"] = self._aws.kms_key
        return {"s3MonitoringConfiguration": s3}

    def _require_possible(self, request: JobRequest) -> None:
        spark = self._spark(request)
        long = [name for name, value in spark.items() if len(value) > _LONGEST_SETTING]
        if len(spark) > _MOST_SETTINGS or long:
            raise EngineError(
                f"Expected at most {_MOST_SETTINGS} settings of Spark of up to "
                f"{_LONGEST_SETTING:,} characters for a job on EMR Serverless, found {len(spark)}"
                + (f", and a longer {long[0]}." if long else ".")
            )

    def _submitted(self, application: str, run: str) -> Submitted:
        job = Submitted(self.name, f"{application}/{run}")
        bucket, _, prefix = self._folder(job).partition("://")[2].partition("/")
        region = self._aws.region
        return Submitted(
            self.name,
            job.id,
            f"https://console.aws.amazon.com/s3/buckets/{bucket}?region={region}"
            f"&prefix={quote(prefix)}/",
        )

    def _folder(self, job: Submitted) -> str:
        application, run = _ids(job)
        return f"{self._logs}/applications/{application}/jobs/{run}"


def _ids(job: Submitted) -> tuple[str, str]:
    application, _, run = job.id.partition("/")
    return application, run


def _place(job: Submitted) -> str:
    application, run = _ids(job)
    return f"/applications/{application}/jobruns/{run}"
