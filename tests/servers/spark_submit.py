"""Real `spark-submit` processes, started as a service that runs Spark starts them.

A job gets nothing of the process that starts it: an environment of its own, a Python with boto3
and without Dagster, and S3 by Hadoop's connector, which EMR and Glue bring along. What a service
adds to that (arguments, variables, where logs go) is the business of the server that stands for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resources.aws import AwsSettings
from tests.servers.spark_runtime import SparkRuntime, connector, machine, own_runtime

_STOP_SECONDS = 10.0
#: Services whose variables have another name than boto3's clients: theirs has two words.
_BY_ID = {"secretsmanager": "secrets-manager"}


@dataclass(frozen=True)
class Submission:
    """What is run, as `spark-submit` takes it; addresses may be on S3 or of this machine.

    `master` is the options that say where: in the process of its own by default.
    """

    entry_point: str
    arguments: Sequence[str] = ()
    py_files: Sequence[str] = ()
    jars: Sequence[str] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    master: Sequence[str] = ("--master", "local[1]")


class SparkSubmit:
    """One `spark-submit` with all that it starts; `stdout` and `stderr` are its files."""

    def __init__(
        self,
        submission: Submission,
        aws: AwsSettings,
        folder: Path,
        runtime: SparkRuntime | None = None,
    ) -> None:
        runtime = runtime or own_runtime()
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self._process = subprocess.Popen(
                _command(submission, aws, runtime),
                env=_environment(submission, aws, folder, runtime),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # A group of its own: the shell, the JVM and its Python end together.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the shell that the rest are children of."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int:
        """The exit code, once it has ended; raises `subprocess.TimeoutExpired` if it does not."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it and all that it started."""
        for each in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            os.killpg(self._process.pid, each)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def _command(submission: Submission, aws: AwsSettings, runtime: SparkRuntime) -> list[str]:
    config = {**connector(aws, runtime), "spark.ui.enabled": "false", **submission.config}
    lists = {"--py-files": submission.py_files, "--jars": submission.jars}
    return [
        str(runtime.home / "bin" / "spark-submit"),
        *submission.master,
        *(part for name, value in config.items() for part in ("--conf", f"{name}={value}")),
        *(part for name, each in lists.items() if each for part in (name, ",".join(each))),
        submission.entry_point,
        *submission.arguments,
    ]


def _environment(
    submission: Submission, aws: AwsSettings, folder: Path, runtime: SparkRuntime
) -> dict[str, str]:
    endpoints = {
        f"AWS_ENDPOINT_URL_{_BY_ID.get(service, service).replace('-', '_').upper()}": url
        for service, url in aws.endpoints.items()
    }
    return {
        **machine(runtime),
        "PYTHONPATH": str(runtime.link_boto3(folder)),
        # The connector buffers what it uploads there.
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        **endpoints,
        **submission.environment,
    }
