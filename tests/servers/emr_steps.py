"""What steps of the tests' EMR run: a real `spark-submit`, or a program of the test's own.

A step's arguments are those of `command-runner.jar`, as Amazon EMR's release guide gives them.
"""

from __future__ import annotations

import argparse
import base64
import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from resources.aws import AwsSettings, aws_client
from spark.job_spec import JobSpec
from spark.reports import Payload
from tests.servers.emr import Launcher, Running
from tests.servers.spark_runtime import SparkRuntime, connector_jars
from tests.servers.spark_submit import SparkSubmit, Submission
from tests.servers.yarn import Yarn


@dataclass(frozen=True)
class SparkStep:
    """The arguments of a step that runs `spark-submit`, taken apart."""

    config: dict[str, str]
    py_files: list[str]
    jars: list[str]
    entry_point: str
    arguments: list[str]

    @staticmethod
    def of(arguments: list[str]) -> SparkStep:
        parser = argparse.ArgumentParser()
        for name in ("--deploy-mode", "--name", "--py-files", "--jars"):
            parser.add_argument(name, default="")
        parser.add_argument("--conf", action="append", default=[])
        parser.add_argument("entry_point")
        parser.add_argument("arguments", nargs=argparse.REMAINDER)
        program, *rest = arguments
        assert program == "spark-submit", program
        found = parser.parse_args(rest)
        return SparkStep(
            dict(each.split("=", 1) for each in found.conf),
            list(filter(None, found.py_files.split(","))),
            list(filter(None, found.jars.split(","))),
            found.entry_point,
            found.arguments,
        )


def spark_launcher(aws: AwsSettings, runtime: SparkRuntime | None = None) -> Launcher:
    """Steps are real processes of `spark-submit`, with Spark in the same process."""

    def launch(arguments: list[str], folder: Path) -> Running:
        return SparkSubmit(_submission(SparkStep.of(arguments)), aws, folder, runtime)

    return launch


def yarn_launcher(aws: AwsSettings, yarn: Yarn) -> Launcher:
    """Steps are `spark-submit --deploy-mode cluster`: killing one leaves the job in YARN."""

    def launch(arguments: list[str], folder: Path) -> Running:
        submission = _submission(SparkStep.of(arguments))
        # What a machine of EMR has by itself: boto3, credentials, and here the endpoints.
        machine = {
            "PYTHONPATH": str(folder / "python"),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": aws.region,
            "AWS_ENDPOINT_URL": aws.endpoints["s3"],
        }
        handed = {
            f"{start}.{name}": value
            for start in ("spark.yarn.appMasterEnv", "spark.executorEnv")
            for name, value in machine.items()
        }
        submission = replace(
            submission,
            master=yarn.master,
            # What launches a job asks for its script on S3 and has no driver's class path.
            environment={**yarn.environment(), "SPARK_DIST_CLASSPATH": connector_jars(aws)},
            config={**handed, **submission.config},
        )
        return SparkSubmit(submission, aws, folder)

    return launch


def _submission(step: SparkStep) -> Submission:
    return Submission(
        entry_point=step.entry_point,
        arguments=step.arguments,
        py_files=step.py_files,
        jars=step.jars,
        config=step.config,
    )


class Telling:
    """How a program of the test's own sends messages: as `spark/pipes.py` does from a job."""

    def __init__(self, aws: AwsSettings, bucket: str, prefix: str) -> None:
        self._client = aws_client(aws, "s3")
        self._bucket, self._prefix = bucket, prefix
        self._sent = 0

    def payload(self, payload: Payload) -> None:
        """Send a custom message."""
        self._send("report_custom_message", {"payload": payload})

    def log(self, text: str) -> None:
        """Send a line of the log."""
        self._send("log", {"message": text, "level": "INFO"})

    def close(self) -> None:
        """Say the last word."""
        self._send("closed", {})

    def _send(self, method: str, params: dict[str, object]) -> None:
        self._sent += 1
        line = json.dumps({"__dagster_pipes_version": "0.1", "method": method, "params": params})
        key = f"{self._prefix}/{self._sent}.json"
        self._client.put_object(Bucket=self._bucket, Key=key, Body=line.encode())


#: A job of the test's own: what it was asked for, how it tells of it, and when it is killed. It
#: gives an exit code.
Program = Callable[[JobSpec, Telling, threading.Event], int]


class ProgramStep:
    """A step that runs a function in a thread instead of Spark."""

    def __init__(
        self, program: Program, arguments: list[str], aws: AwsSettings, folder: Path
    ) -> None:
        folder.mkdir(parents=True)
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        self._killed = threading.Event()
        self._code: int | None = None
        self._program = program
        self._aws = aws
        self._thread = threading.Thread(target=self._run, args=(arguments,), daemon=True)
        self._thread.start()

    def poll(self) -> int | None:
        return self._code

    def kill(self) -> None:
        self._killed.set()
        self._thread.join(10)

    def _run(self, arguments: list[str]) -> None:
        given = SparkStep.of(arguments).arguments
        said = dict(zip(given[::2], given[1::2], strict=True))
        bucket, _, key = said["--spec"].removeprefix("s3://").partition("/")
        body = aws_client(self._aws, "s3").get_object(Bucket=bucket, Key=key)["Body"]
        messages = json.loads(zlib.decompress(base64.b64decode(said["--dagster-pipes-messages"])))
        telling = Telling(self._aws, messages["bucket"], messages["key_prefix"])
        try:
            code = self._program(JobSpec.from_json(body.read().decode()), telling, self._killed)
        except Exception as error:  # noqa: BLE001 - a program that fails is what a test may want
            self.stderr.write_text(f"Traceback\n{type(error).__name__}: {error}\n")
            code = 1
        self._code = 143 if self._killed.is_set() else code


def program_launcher(aws: AwsSettings, program: Program) -> Launcher:
    """Steps run a function of the test's own."""
    return lambda arguments, folder: ProgramStep(program, arguments, aws, folder)
