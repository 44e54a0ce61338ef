"""Real `spark-submit` processes, started as a service that runs Spark starts them.

A job gets nothing of the process that starts it: an environment of its own, a Python with boto3
and without Dagster, and S3 by Hadoop's connector, which EMR and Glue bring along. What a service
adds to that (arguments, variables, where logs go) is the business of the server that stands for it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pyspark

from resources.aws import AwsSettings
from resources.compute.s3a import s3a_config
from resources.settings import Settings

#: What boto3 is made of; everything else that this Python has installed is kept from a job.
_BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
_RESOLVED = "resolved jars: "
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

    def __init__(self, submission: Submission, aws: AwsSettings, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self._process = subprocess.Popen(
                _command(submission, aws),
                env=_environment(submission, aws, folder),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # A group of its own: the shell, the JVM and its Python end together.
                start_new_session=True,
            )

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


def spark_home() -> Path:
    """Where PySpark's own Spark is."""
    return Path(pyspark.__file__).parent


def _command(submission: Submission, aws: AwsSettings) -> list[str]:
    config = {**_connector(aws), "spark.ui.enabled": "false", **submission.config}
    lists = {"--py-files": submission.py_files, "--jars": submission.jars}
    return [
        str(spark_home() / "bin" / "spark-submit"),
        *submission.master,
        *(part for name, value in config.items() for part in ("--conf", f"{name}={value}")),
        *(part for name, each in lists.items() if each for part in (name, ",".join(each))),
        submission.entry_point,
        *submission.arguments,
    ]


def _environment(submission: Submission, aws: AwsSettings, folder: Path) -> dict[str, str]:
    endpoints = {
        f"AWS_ENDPOINT_URL_{_BY_ID.get(service, service).replace('-', '_').upper()}": url
        for service, url in aws.endpoints.items()
    }
    return {
        **_machine(),
        "PYTHONPATH": str(_boto3_alone(folder)),
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


def _machine() -> dict[str, str]:
    """What programs need of this machine, and the Python below the environment of the tests."""
    python = str(Path(sys.executable).resolve())
    kept = ("HOME", "JAVA_HOME", "LANG", "PATH", "TMPDIR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "SPARK_HOME": str(spark_home()),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "PYTHONNOUSERSITE": "1",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def _boto3_alone(folder: Path) -> Path:
    """A folder for Python's path with boto3 in it and nothing else."""
    packages = folder / "python"
    packages.mkdir(exist_ok=True)
    for name in _BOTO3:
        spec = find_spec(name)
        assert spec is not None, f"boto3 needs {name}"
        assert spec.origin is not None
        origin = Path(spec.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        link = packages / origin.name
        if not link.is_symlink():
            link.symlink_to(origin)
    return packages


def connector_jars(aws: AwsSettings) -> str:
    """The class path of Hadoop's connector to S3."""
    config = _s3a(aws)
    return _jars(config["spark.jars.packages"], config["spark.jars.excludes"])


def _connector(aws: AwsSettings) -> dict[str, str]:
    """Hadoop's connector to S3, on the class path: `spark-submit` itself reads by it too."""
    config = _s3a(aws)
    jars = _jars(config.pop("spark.jars.packages"), config.pop("spark.jars.excludes"))
    return {**config, "spark.driver.extraClassPath": jars, "spark.executor.extraClassPath": jars}


def _s3a(aws: AwsSettings) -> dict[str, str]:
    return s3a_config(Settings("s3://-", "s3://-", database="", local_folder="", aws=aws))


@cache
def _jars(packages: str, excludes: str) -> str:
    """The class path of Spark's packages that Spark does not have already."""
    has = {_artifact(jar.name) for jar in (spark_home() / "jars").glob("*.jar")}
    # These come before Spark's own on the class path: another version of one would break it.
    jars = resolved_jars(packages, excludes)
    return os.pathsep.join(
        str(jar) for jar in jars if _artifact(jar.name.partition("_")[2]) not in has
    )


def resolved_jars(packages: str, excludes: str = "") -> list[Path]:
    """The files of packages and of what these need, as Spark itself fetches them: some seconds."""
    script = (
        "from pyspark import SparkContext\n"
        f"print({_RESOLVED!r} + SparkContext().getConf().get('spark.jars'))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jars.py"
        path.write_text(script)
        done = subprocess.run(
            [str(spark_home() / "bin" / "spark-submit"), "--master", "local[1]",
             "--conf", "spark.ui.enabled=false", "--packages", packages,
             *(["--conf", f"spark.jars.excludes={excludes}"] if excludes else []), str(path)],
            env=_machine(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if line.startswith(_RESOLVED)]
    assert found, f"Expected Spark to fetch {packages}; it says: {done.stderr[-2000:]}"
    return [
        Path(jar.removeprefix("file://")) for jar in found[0].removeprefix(_RESOLVED).split(",")
    ]


def _artifact(name: str) -> str:
    """What a jar is called without its version."""
    return re.split(r"-\d", name, maxsplit=1)[0]
