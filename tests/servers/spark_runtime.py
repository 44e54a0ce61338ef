"""Which Spark and which Python a `spark-submit` of the tests runs, and its connector to S3."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import boto3
import pyspark

from resources.aws import AwsSettings
from resources.compute.s3a import s3a_config
from resources.settings import Settings

#: What boto3 is made of; everything else that a Python has installed is kept from a job.
_BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
_RESOLVED = "resolved jars: "
_DESCRIBE = """
import json, os, sys, boto3, pyspark
folder = lambda module: os.path.dirname(module.__file__)
print(json.dumps([folder(pyspark), os.path.realpath(sys.executable), os.path.dirname(folder(boto3)),
                  pyspark.__version__]))
"""


@dataclass(frozen=True)
class SparkRuntime:
    """A Spark by its home; `python` is below any environment, and `packages` has boto3."""

    home: Path
    python: Path
    packages: Path
    version: str

    @property
    def release(self) -> str:
        """As in 3.5."""
        return ".".join(self.version.split(".")[:2])

    def link_boto3(self, folder: Path) -> Path:
        """A folder below this one, for Python's path, with boto3 in it and nothing else."""
        target = folder / "python"
        target.mkdir(exist_ok=True)
        for name in _BOTO3:
            found = [self.packages / name, self.packages / f"{name}.py"]
            origin = next((each for each in found if each.exists()), None)
            assert origin is not None, f"boto3 needs {name}, which is not in {self.packages}"
            link = target / origin.name
            if not link.is_symlink():
                link.symlink_to(origin)
        return target


def own_runtime() -> SparkRuntime:
    """The Spark and the Python of this process."""
    return SparkRuntime(
        spark_home(),
        Path(sys.executable).resolve(),
        Path(boto3.__file__).parents[1],
        pyspark.__version__,
    )


def runtime_of(python: Path) -> SparkRuntime:
    """Those of another environment, by its interpreter; it has PySpark and boto3."""
    done = subprocess.run([python, "-c", _DESCRIBE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{python} cannot import PySpark and boto3: {done.stderr[-2000:]}"
    home, base, packages, version = json.loads(done.stdout)
    return SparkRuntime(Path(home), Path(base), Path(packages), version)


def spark_home() -> Path:
    """Where PySpark's own Spark is."""
    return Path(pyspark.__file__).parent


@dataclass(frozen=True)
class _Connector:
    """Hadoop's connector to S3 for one release of Spark: its packages, and options of its own."""

    packages: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)


#: hadoop-aws is of the Hadoop inside PySpark. 3.3.4 uses the first version of AWS's SDK, in the
#: release that it was built with. Maven Central has no spark-hadoop-cloud of 3.5.6.
_OLDER = {
    "3.5": _Connector(
        (
            "org.apache.hadoop:hadoop-aws:3.3.4",
            "org.apache.spark:spark-hadoop-cloud_2.12:3.5.7",
            "com.amazonaws:aws-java-sdk-s3:1.12.262",
            "com.amazonaws:aws-java-sdk-sts:1.12.262",
            "com.amazonaws:aws-java-sdk-dynamodb:1.12.262",
        ),
        {
            "spark.hadoop.fs.s3a.aws.credentials.provider": (
                "com.amazonaws.auth.DefaultAWSCredentialsProviderChain"
            )
        },
    ),
    "4.0": _Connector(
        (
            "org.apache.hadoop:hadoop-aws:3.4.1",
            "org.apache.spark:spark-hadoop-cloud_2.13:4.0.2",
            "software.amazon.awssdk:s3:2.29.52",
            "software.amazon.awssdk:s3-transfer-manager:2.29.52",
            "software.amazon.awssdk:sts:2.29.52",
            "software.amazon.awssdk:apache-client:2.29.52",
        )
    ),
}
_NOT_WITH_OLDER = ("com.amazonaws:aws-java-sdk-bundle",)


def connector_jars(aws: AwsSettings, runtime: SparkRuntime | None = None) -> str:
    """The class path of Hadoop's connector to S3."""
    config = connector(aws, runtime)
    return config["spark.driver.extraClassPath"]


def connector(aws: AwsSettings, runtime: SparkRuntime | None = None) -> dict[str, str]:
    """Hadoop's connector to S3, on the class path: `spark-submit` itself reads by it too."""
    runtime = runtime or own_runtime()
    config = s3a_config(Settings("s3://-", "s3://-", database="", local_folder="", aws=aws))
    packages, excludes = config.pop("spark.jars.packages"), config.pop("spark.jars.excludes")
    if older := _OLDER.get(runtime.release):
        packages = ",".join(older.packages)
        excludes = ",".join([excludes, *_NOT_WITH_OLDER])
        config |= older.options
    jars = _class_path(packages, excludes, runtime.home)
    return {**config, "spark.driver.extraClassPath": jars, "spark.executor.extraClassPath": jars}


@cache
def _class_path(packages: str, excludes: str, home: Path) -> str:
    """The class path of packages that a Spark does not have already."""
    has = {_artifact(jar.name) for jar in (home / "jars").glob("*.jar")}
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
            env=machine(own_runtime()), capture_output=True, text=True, check=False,
        )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if line.startswith(_RESOLVED)]
    assert found, f"Expected Spark to fetch {packages}; it says: {done.stderr[-2000:]}"
    return [
        Path(jar.removeprefix("file://")) for jar in found[0].removeprefix(_RESOLVED).split(",")
    ]


def machine(runtime: SparkRuntime) -> dict[str, str]:
    """What programs need of this machine, and the runtime's own variables."""
    kept = ("HOME", "JAVA_HOME", "LANG", "PATH", "TMPDIR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "SPARK_HOME": str(runtime.home),
        "PYSPARK_PYTHON": str(runtime.python),
        "PYSPARK_DRIVER_PYTHON": str(runtime.python),
        "PYTHONNOUSERSITE": "1",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def _artifact(name: str) -> str:
    """What a jar is called without its version."""
    return re.split(r"-\d", name, maxsplit=1)[0]
