"""EMR Serverless: its control plane over HTTP, whose job runs are real `spark-submit` processes.

After the API reference of 2021-07-13 and the user guide's pages on job runs, their states, and logs
(https://docs.aws.amazon.com/emr-serverless/latest/APIReference/ and
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/logging.html). What the guide does
not say is not relied on: the order of lists is the worst one, oldest first.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from resources.aws import AwsSettings, aws_client
from tests.servers.control_plane import Clock, ControlPlane, Params, RefusedError
from tests.servers.job_run import Run, Runs
from tests.servers.spark_submit import SparkSubmit, Submission

_ACCOUNT, _PAGE = "123456789012", 50
_FINAL = ("SUCCESS", "FAILED", "CANCELLED")
#: What drivers and executors have here, whatever a job asks for: this is one machine.
_SMALL = {"spark.driver.memory": "1g", "spark.executor.memory": "1g", "spark.driver.cores": "1"}


class EmrServerlessServer(ControlPlane):
    """Applications and their runs. `held` in `runs` keeps new ones from getting capacity."""

    service = "emr-serverless"

    def __init__(self, aws: AwsSettings, folder: Path, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.applications: dict[str, Params] = {}
        self.runs = Runs(self._spark_submit)
        self._aws = aws
        self._folder = folder
        self._numbers = itertools.count(1)

    def create_application(self, params: Params) -> Params:
        token = params.pop("clientToken")
        for application in self.applications.values():
            if application["token"] == token:
                return self._named(application)
        number = f"00f{next(self._numbers):013d}"
        now = self.clock.now()
        self.applications[number] = {
            **params,
            "applicationId": number,
            "arn": f"arn:aws:emr-serverless:us-east-1:{_ACCOUNT}:/applications/{number}",
            "state": "CREATED",
            "createdAt": now,
            "updatedAt": now,
            "token": token,
        }
        return self._named(self.applications[number])

    def list_applications(self, params: Params) -> Params:
        wanted = params.get("states")
        all_of_them = [
            {**each, "id": each["applicationId"]}
            for each in self.applications.values()
            if not wanted or each["state"] in wanted
        ]
        names = ("id", "name", "arn", "releaseLabel", "type", "state", "createdAt", "updatedAt")
        return self._page(
            "applications", [{name: each[name] for name in names} for each in all_of_them], params
        )

    def get_application(self, params: Params) -> Params:
        application = self._application(params)
        return {"application": {k: v for k, v in application.items() if k != "token"}}

    def start_application(self, params: Params) -> Params:
        application = self._application(params)
        if application["state"] not in ("CREATED", "STOPPED", "STARTED"):
            raise RefusedError("ValidationException", f"Application is {application['state']}")
        application["state"] = "STARTED"
        return {}

    def start_job_run(self, params: Params) -> Params:
        application = self._application(params)
        if application["state"] not in ("CREATED", "STARTING", "STARTED", "STOPPED"):
            raise RefusedError("ValidationException", f"Application is {application['state']}")
        for run in self.runs.all:
            if run.token == params["clientToken"]:
                if run.request != params:
                    raise RefusedError("ConflictException", "The token was used before", 409)
                return self._started(run)
        run = Run(
            f"00r{next(self._numbers):013d}",
            params,
            self.clock.now(),
            "SUBMITTED",
            token=params["clientToken"],
        )
        self.runs.add(run)
        return self._started(run)

    def list_job_runs(self, params: Params) -> Params:
        self._application(params)
        after: datetime | None = params.get("createdAtAfter")
        wanted = params.get("states")
        listed = [
            self._summary(run)
            for run in self.runs.all
            if run.request["applicationId"] == params["applicationId"]
            and (after is None or run.created > after)
            and (not wanted or run.state in wanted)
        ]
        return self._page("jobRuns", listed, params)

    def get_job_run(self, params: Params) -> Params:
        run = self._run(params)
        self._advance(run)
        seconds = run.seconds(self.clock.now())
        hours = seconds / 3600
        described = {
            **self._summary(run),
            "jobRunId": run.id,
            "jobDriver": run.request["jobDriver"],
            "tags": run.request.get("tags", {}),
            "totalExecutionDurationSeconds": int(seconds),
        }
        if run.state in _FINAL and run.started:
            used = {"vCPUHour": 4 * hours, "memoryGBHour": 16 * hours, "storageGBHour": 20 * hours}
            billed = max(seconds, 60.0) / 3600
            described |= {
                "totalResourceUtilization": used,
                "billedResourceUtilization": {
                    "vCPUHour": 4 * billed,
                    "memoryGBHour": 16 * billed,
                    "storageGBHour": 0.0,
                },
            }
        return {"jobRun": described}

    def cancel_job_run(self, params: Params) -> Params:
        run = self._run(params)
        self._advance(run)
        if run.state in _FINAL:
            raise RefusedError("ValidationException", f"Job run is in state {run.state}")
        if run.script:
            run.script = ["CANCELLED"]
        run.state = "CANCELLING" if run.started else "CANCELLED"
        run.detail = "Job run was cancelled by the user"
        return {"applicationId": params["applicationId"], "jobRunId": run.id}

    def _advance(self, run: Run) -> None:
        """Let happen what happened since the last look."""
        now = self.clock.now()
        if run.script:
            run.state = run.script.pop(0) if len(run.script) > 1 else run.script[0]
        elif run.state in ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED"):
            if self.runs.held:
                run.state = "QUEUED"
            else:
                self.runs.begin(run, now)
                run.state = "RUNNING"
        elif run.process is not None and run.state not in _FINAL:
            self._follow(run, run.process, now)

    def _follow(self, run: Run, process: SparkSubmit, now: datetime) -> None:
        limit = run.request.get("executionTimeoutMinutes", 720) * 60
        if run.state == "CANCELLING" or run.seconds(now) > limit:
            process.kill()
            run.state, run.detail = "CANCELLED", run.detail or "Job run timed out"
        elif (code := process.poll()) is not None:
            run.state = "SUCCESS" if code == 0 else "FAILED"
            run.detail = f"Job execution ended with exit code {code}"
        else:
            return
        run.ended = now
        self._upload(run, process)

    def _upload(self, run: Run, process: SparkSubmit) -> None:
        """Logs, where the user guide says that they are."""
        overrides = run.request.get("configurationOverrides", {})
        monitoring = overrides.get("monitoringConfiguration", {}).get("s3MonitoringConfiguration")
        if not monitoring:
            return
        bucket, _, prefix = monitoring["logUri"].removeprefix("s3://").partition("/")
        folder = f"applications/{run.request['applicationId']}/jobs/{run.id}/SPARK_DRIVER"
        client = aws_client(self._aws, "s3")
        for each in (process.stdout, process.stderr):
            client.put_object(
                Bucket=bucket,
                Key=f"{prefix.rstrip('/')}/{folder}/{each.name}.gz",
                Body=gzip.compress(each.read_bytes()),
            )

    def _spark_submit(self, run: Run) -> SparkSubmit:
        driver = run.request["jobDriver"]["sparkSubmit"]
        overrides = run.request.get("configurationOverrides", {})
        config = {
            name: value
            for each in overrides.get("applicationConfiguration", [])
            if each["classification"] == "spark-defaults"
            for name, value in each["properties"].items()
        }
        submission = Submission(
            driver["entryPoint"], driver.get("entryPointArguments", []), config={**config, **_SMALL}
        )
        return SparkSubmit(submission, self._aws, self._folder / run.id)

    def _summary(self, run: Run) -> Params:
        application = self.applications[run.request["applicationId"]]
        return {
            "applicationId": run.request["applicationId"],
            "id": run.id,
            "name": run.request.get("name", ""),
            "arn": f"{application['arn']}/jobruns/{run.id}",
            "createdBy": f"arn:aws:iam::{_ACCOUNT}:user/tester",
            "createdAt": run.created,
            "updatedAt": run.created,
            "executionRole": run.request["executionRoleArn"],
            "state": run.state,
            "stateDetails": run.detail,
            "releaseLabel": application["releaseLabel"],
        }

    def _application(self, params: Params) -> Params:
        number = params["applicationId"]
        if number not in self.applications:
            message = f"Application {number} does not exist"
            raise RefusedError("ResourceNotFoundException", message, 404)
        return self.applications[number]

    def _run(self, params: Params) -> Run:
        self._application(params)
        run = self.runs.found(params["jobRunId"])
        if run is None:
            message = f"Job run {params['jobRunId']} does not exist"
            raise RefusedError("ResourceNotFoundException", message, 404)
        return run

    def _named(self, application: Params) -> Params:
        return {name: application[name] for name in ("applicationId", "name", "arn")}

    def _started(self, run: Run) -> Params:
        summary = self._summary(run)
        return {
            "applicationId": summary["applicationId"],
            "jobRunId": run.id,
            "arn": summary["arn"],
        }

    def _page(self, name: str, rows: list[Any], params: Params) -> Params:
        start = int(params.get("nextToken", 0))
        end = start + params.get("maxResults", _PAGE)
        return {name: rows[start:end], **({"nextToken": str(end)} if end < len(rows) else {})}


@contextmanager
def emr_serverless_server(
    aws: AwsSettings, folder: Path, clock: Clock | None = None
) -> Iterator[EmrServerlessServer]:
    """Serve EMR Serverless; `aws` says where S3 is. Runs end with it."""
    server = EmrServerlessServer(aws, folder, clock)
    with server.serving():
        try:
            yield server
        finally:
            server.runs.stop()
