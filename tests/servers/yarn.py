"""A real YARN in one process: Hadoop's own MiniYARNCluster, with one node, by way of py4j.

Its jars come from Maven Central as Spark fetches packages. Jobs are put to it by `spark-submit
--master yarn --deploy-mode cluster`, with the configuration folder that is written here. On EMR a
container has boto3 and credentials by its machine; here both are handed to it as variables.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from py4j.java_gateway import GatewayParameters, JavaGateway, JavaObject, launch_gateway

from tests.servers.spark_runtime import resolved_jars, spark_home

_HADOOP = "3.4.2"
_PACKAGES = (
    f"org.apache.hadoop:hadoop-client-minicluster:{_HADOOP}",
    f"org.apache.hadoop:hadoop-client-api:{_HADOOP}",
    f"org.apache.hadoop:hadoop-client-runtime:{_HADOOP}",
    "org.mockito:mockito-core:4.11.0",
    "junit:junit:4.13.2",
    "org.bouncycastle:bcprov-jdk18on:1.78.1",
    "org.bouncycastle:bcpkix-jdk18on:1.78.1",
    "org.bouncycastle:bcutil-jdk18on:1.78.1",
    "javax.xml.bind:jaxb-api:2.3.1",
    "com.sun.xml.bind:jaxb-impl:2.2.3-1",
    "javax.activation:javax.activation-api:1.2.0",
)
#: What a cluster of one node has in all, and the most that one container may have, in MB.
NODE_MB, CONTAINER_MB = 3072, 2048


@dataclass(frozen=True)
class Yarn:
    """A running cluster; `configuration` is the folder of its `yarn-site.xml`."""

    configuration: Path
    logs: Path

    @property
    def master(self) -> tuple[str, ...]:
        """Options of `spark-submit` that send a job to it."""
        jars = f"spark.yarn.jars=local:{spark_home()}/jars/*"
        staging = f"spark.yarn.stagingDir=file://{self.configuration}"
        small = ("spark.driver.memory=512m", "spark.executor.memory=512m")
        settings = (jars, staging, *small, "spark.executor.instances=1")
        return (
            "--master", "yarn", "--deploy-mode", "cluster",
            *(part for each in settings for part in ("--conf", each)),
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Variables by which `spark-submit` finds it."""
        return {
            "HADOOP_CONF_DIR": str(self.configuration),
            "YARN_CONF_DIR": str(self.configuration),
        }

    def container_logs(self) -> Iterator[tuple[str, Path]]:
        """Every log of a container, by `application/container/file`."""
        for path in sorted(self.logs.glob("**/container_*/*")):
            if path.is_file() and path.name in ("stdout", "stderr"):
                application = path.parent.parent.name
                yield f"{application}/{path.parent.name}/{path.name}", path


@contextmanager
def yarn_cluster(folder: Path) -> Iterator[Yarn]:
    """Start a cluster below a folder and stop it afterwards; some ten seconds."""
    folder.mkdir(parents=True)
    spark_jars = spark_home() / "jars"
    (py4j,) = spark_jars.glob("py4j-*.jar")
    # The cluster writes its log by names of log4j 1, which Spark has and the packages do not.
    logging = [*spark_jars.glob("log4j-*.jar"), *spark_jars.glob("slf4j-api-*.jar")]
    jars = [*resolved_jars(",".join(_PACKAGES)), py4j, *logging]
    gateway_port, token = launch_gateway(
        classpath=os.pathsep.join(map(str, jars)),
        jarpath=str(py4j),
        javaopts=["--add-opens=java.base/java.lang=ALL-UNNAMED", "-Xmx512m"],
        java_path=_java(),
        die_on_exit=True,
        enable_auth=True,
        cwd=str(folder),
    )
    gateway = JavaGateway(
        gateway_parameters=GatewayParameters(port=gateway_port, auth_token=token, auto_convert=True)
    )
    cluster = None
    try:
        cluster, settings = _started(gateway)
        configuration = folder / "conf"
        configuration.mkdir()
        _write(configuration / "yarn-site.xml", settings)
        _write(configuration / "core-site.xml", {"fs.defaultFS": "file:///"})
        yield Yarn(configuration, folder)
    finally:
        if cluster is not None:
            cluster.stop()
        gateway.shutdown()


def _started(gateway: JavaGateway) -> tuple[JavaObject, dict[str, str]]:
    jvm = gateway.jvm
    conf = jvm.org.apache.hadoop.yarn.conf.YarnConfiguration()
    for name, value in {
        "yarn.scheduler.capacity.root.queues": "default",
        "yarn.scheduler.capacity.root.default.capacity": "100",
        "yarn.scheduler.capacity.maximum-am-resource-percent": "1.0",
        "yarn.scheduler.minimum-allocation-mb": "256",
        "yarn.scheduler.maximum-allocation-mb": str(CONTAINER_MB),
        "yarn.nodemanager.resource.memory-mb": str(NODE_MB),
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.delete.debug-delay-sec": "600",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
        "yarn.minicluster.fixed.ports": "false",
        "yarn.resourcemanager.hostname": "127.0.0.1",
    }.items():
        conf.set(name, value)
    cluster = jvm.org.apache.hadoop.yarn.server.MiniYARNCluster("lake", 1, 1, 1)
    cluster.init(conf)
    cluster.start()
    running = cluster.getConfig()
    names = (
        "yarn.resourcemanager.address",
        "yarn.resourcemanager.scheduler.address",
        "yarn.resourcemanager.resource-tracker.address",
        "yarn.scheduler.maximum-allocation-mb",
        "yarn.scheduler.minimum-allocation-mb",
    )
    return cluster, {name: str(running.get(name)) for name in names}


def _write(path: Path, settings: Mapping[str, str]) -> None:
    properties = "".join(
        f"<property><name>{name}</name><value>{escape(value)}</value></property>"
        for name, value in settings.items()
    )
    path.write_text(f"<configuration>{properties}</configuration>")


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else shutil.which("java") or "java"
