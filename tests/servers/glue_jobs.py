"""Glue's jobs: their control plane over HTTP, whose runs are real `spark-submit` processes.

After the API reference of 2017-03-31 and the developer guide's pages on job run statuses, special
parameters and logging (https://docs.aws.amazon.com/glue/latest/webapi/ and
https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html). Moto has
jobs too, whose runs nobody can stop, queue or let expire.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.aws import AwsSettings, aws_client
from tests.servers.control_plane import Clock, ControlPlane, Params, RefusedError
from tests.servers.job_run import Run, Runs
from tests.servers.spark_submit import SparkSubmit, Submission

_ACCOUNT, _PAGE = "123456789012", 200
_FINAL = ("STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED")
_WAITING = ("STARTING", "WAITING")
_SMALL = {"spark.driver.memory": "1g"}
_DPU = {"G.1X": 1.0, "G.2X": 2.0, "R.1X": 1.0, "R.2X": 2.0}
_LOG_GROUPS = "/aws-glue/jobs"


class GlueJobsServer(ControlPlane):
    """Jobs and their runs. `held` in `runs` keeps new ones from getting capacity."""

    service = "glue"
    invalid = "InvalidInputException"

    def __init__(self, aws: AwsSettings, folder: Path, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.jobs: dict[str, Params] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.runs = Runs(self._spark_submit)
        self.refused_stop: tuple[str, str] | None = None
        self._aws = aws
        self._folder = folder

    def create_job(self, params: Params) -> Params:
        name = params.pop("Name")
        if name in self.jobs:
            raise RefusedError("AlreadyExistsException", f"Job {name} already exists")
        self.tags[name] = params.pop("Tags", {})
        self.jobs[name] = params
        return {"Name": name}

    def update_job(self, params: Params) -> Params:
        self._job(params["JobName"])
        self.jobs[params["JobName"]] = params["JobUpdate"]
        return {"JobName": params["JobName"]}

    def get_job(self, params: Params) -> Params:
        return {"Job": {"Name": params["JobName"], **self._job(params["JobName"])}}

    def list_jobs(self, params: Params) -> Params:
        wanted = params.get("Tags", {}).items()
        return {"JobNames": [name for name, tags in self.tags.items() if wanted <= tags.items()]}

    def get_tags(self, params: Params) -> Params:
        return {"Tags": self.tags.get(params["ResourceArn"].rpartition("/")[2], {})}

    def start_job_run(self, params: Params) -> Params:
        job = self._job(params["JobName"])
        queued = params.get("JobRunQueuingEnabled", False)
        running = [run for run in self._runs_of(params["JobName"]) if run.state not in _FINAL]
        if len(running) >= job["ExecutionProperty"]["MaxConcurrentRuns"] and not queued:
            message = f"Concurrent runs exceeded for {params['JobName']}"
            raise RefusedError("ConcurrentRunsExceededException", message)
        # Of its own among all servers: logs of several lie in one CloudWatch.
        number = f"jr_{uuid.uuid4().hex * 2}"
        run = Run(number, params, self.clock.now(), "WAITING" if self.runs.held else "STARTING")
        self.runs.add(run)
        return {"JobRunId": run.id}

    def get_job_run(self, params: Params) -> Params:
        self._job(params["JobName"])
        run = self.runs.found(params["RunId"])
        if run is None:
            raise RefusedError("EntityNotFoundException", f"Job run {params['RunId']} not found")
        self._advance(run)
        return {"JobRun": self._described(run)}

    def get_job_runs(self, params: Params) -> Params:
        self._job(params["JobName"])
        newest_first = list(reversed(self._runs_of(params["JobName"])))
        start = int(params.get("NextToken", 0))
        end = start + params.get("MaxResults", _PAGE)
        more = {"NextToken": str(end)} if end < len(newest_first) else {}
        return {"JobRuns": [self._described(run) for run in newest_first[start:end]], **more}

    def batch_stop_job_run(self, params: Params) -> Params:
        stopped, errors = [], []
        for number in params["JobRunIds"]:
            entry = {"JobName": params["JobName"], "JobRunId": number}
            if error := self._stop(number):
                detail = {"ErrorCode": error[0], "ErrorMessage": error[1]}
                errors.append({**entry, "ErrorDetail": detail})
            else:
                stopped.append(entry)
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    def _stop(self, number: str) -> tuple[str, str] | None:
        run = self.runs.found(number)
        if run is None:
            return "EntityNotFoundException", f"Job run {number} not found"
        self._advance(run)
        if run.state in _FINAL:
            return "InvalidInputException", f"Job run {number} is in state {run.state}"
        if self.refused_stop:
            return self.refused_stop
        if run.script:
            run.script = ["STOPPED"]
        run.state = "STOPPING" if run.started else "STOPPED"
        return None

    def _advance(self, run: Run) -> None:
        """Let happen what happened since the last look."""
        now = self.clock.now()
        if run.script:
            run.state = run.script.pop(0) if len(run.script) > 1 else run.script[0]
        elif run.state in _WAITING and not self.runs.held:
            self.runs.begin(run, now)
            run.state = "RUNNING"
        elif run.process is not None and run.state not in _FINAL:
            self._follow(run, run.process)

    def _follow(self, run: Run, process: SparkSubmit) -> None:
        now = self.clock.now()
        if run.state == "STOPPING":
            process.kill()
            run.state = "STOPPED"
        elif run.seconds(now) > run.request["Timeout"] * 60:
            process.kill()
            run.state, run.detail = "TIMEOUT", "JobRun timed out"
        elif (code := process.poll()) is not None:
            run.state = "SUCCEEDED" if code == 0 else "FAILED"
            run.detail = "" if code == 0 else f"Command failed with exit code {code}"
        else:
            return
        run.ended = now
        self._put_logs(run, process)

    def _put_logs(self, run: Run, process: SparkSubmit) -> None:
        """Logs, where the developer guide says that they are."""
        client = aws_client(self._aws, "logs")
        for kind, path in (("output", process.stdout), ("error", process.stderr)):
            lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
            group = f"{_LOG_GROUPS}/{kind}"
            if not client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
                client.create_log_group(logGroupName=group)
            client.create_log_stream(logGroupName=group, logStreamName=run.id)
            now = int(time.time() * 1000)
            for start in range(0, len(lines), 1000):
                client.put_log_events(
                    logGroupName=group,
                    logStreamName=run.id,
                    logEvents=[
                        {"timestamp": now, "message": line} for line in lines[start : start + 1000]
                    ],
                )

    def _spark_submit(self, run: Run) -> SparkSubmit:
        """Glue's own parameters take effect; all of them and its own ids reach the script as well."""
        given = {**self.jobs[run.request["JobName"]].get("DefaultArguments", {})}
        given |= run.request.get("Arguments", {})
        own = {
            "--JOB_NAME": run.request["JobName"],
            "--JOB_ID": "j_0123456789abcdef",
            "--JOB_RUN_ID": run.id,
            "--TempDir": "s3://aws-glue-assets/temporary/",
            "--enable-metrics": "true",
        }
        command = self.jobs[run.request["JobName"]]["Command"]
        settings = given.get("--conf", "").split(" --conf ")
        submission = Submission(
            given.get("--scriptLocation") or command["ScriptLocation"],
            [part for pair in {**own, **given}.items() for part in pair],
            [each for each in given.get("--extra-py-files", "").split(",") if each],
            [each for each in given.get("--extra-jars", "").split(",") if each],
            {**dict(each.split("=", 1) for each in settings if each), **_SMALL},
        )
        return SparkSubmit(submission, self._aws, self._folder / run.id)

    def _described(self, run: Run) -> Params:
        request = run.request
        now = self.clock.now()
        seconds = run.seconds(now) if run.state in _FINAL else 0.0
        capacity = _DPU[request["WorkerType"]] * request["NumberOfWorkers"]
        described = {
            "Id": run.id,
            "JobName": request["JobName"],
            "StartedOn": run.created,
            "JobRunState": run.state,
            "Arguments": request.get("Arguments", {}),
            "ExecutionTime": int(seconds),
            "Timeout": request["Timeout"],
            "MaxCapacity": capacity,
            "WorkerType": request["WorkerType"],
            "NumberOfWorkers": request["NumberOfWorkers"],
            "LogGroupName": _LOG_GROUPS,
            "ExecutionClass": request.get("ExecutionClass", "STANDARD"),
        }
        is_scaled = "--enable-auto-scaling" in request.get("Arguments", {})
        if run.state in _FINAL and (is_scaled or described["ExecutionClass"] == "FLEX"):
            described["DPUSeconds"] = seconds * 2
        if run.detail:
            described["ErrorMessage"] = run.detail
        return described

    def _runs_of(self, name: str) -> list[Run]:
        return [run for run in self.runs.all if run.request["JobName"] == name]

    def _job(self, name: str) -> Params:
        if name not in self.jobs:
            raise RefusedError("EntityNotFoundException", f"Entity not found: job {name}")
        return self.jobs[name]


@contextmanager
def glue_jobs_server(
    aws: AwsSettings, folder: Path, clock: Clock | None = None
) -> Iterator[GlueJobsServer]:
    """Serve Glue's jobs; `aws` says where S3 and CloudWatch Logs are. Runs end with it."""
    server = GlueJobsServer(aws, folder, clock)
    with server.serving():
        try:
            yield server
        finally:
            server.runs.stop()
