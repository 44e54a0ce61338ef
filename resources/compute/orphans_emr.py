"""Clusters of EMR that a lake left running."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from resources.aws import AwsSettings, aws_client
from resources.compute.asking import asking
from resources.compute.emr_usage import instance_usage
from resources.compute.engine import LAKE_TAG, RUN_TAG
from resources.compute.orphans import Running
from resources.compute.requests import tag_values

if TYPE_CHECKING:
    from types_boto3_emr import EMRClient
    from types_boto3_emr.literals import ClusterStateType
    from types_boto3_emr.type_defs import ClusterTypeDef

_ALIVE: tuple[ClusterStateType, ...] = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")


class EmrClusters:
    """The clusters with the tag of the lake at `root`."""

    engine = "emr"

    def __init__(self, aws: AwsSettings, root: str) -> None:
        self._client: EMRClient = aws_client(aws, "emr")
        self._tag = tag_values({LAKE_TAG: root})[LAKE_TAG]

    def running(self) -> Iterator[Running]:
        """One request for each cluster that is alive, and some for each of the lake's."""
        with asking("EMR", "elasticmapreduce:ListClusters", "*"):
            pages = self._client.get_paginator("list_clusters").paginate(ClusterStates=_ALIVE)
            ids = [each["Id"] for page in pages for each in page["Clusters"]]
        for name in ids:
            with asking("EMR", "elasticmapreduce:DescribeCluster", f"cluster/{name}"):
                found = self._client.describe_cluster(ClusterId=name)["Cluster"]
            tags = {each["Key"]: each["Value"] for each in found.get("Tags", [])}
            if tags.get(LAKE_TAG) == self._tag:
                yield self._running(found, tags.get(RUN_TAG, ""))

    def end(self, found: Running) -> None:
        """Terminate the cluster, with whatever it still runs."""
        with asking("EMR", "elasticmapreduce:TerminateJobFlows", f"cluster/{found.id}"):
            self._client.terminate_job_flows(JobFlowIds=[found.id])

    def _running(self, found: ClusterTypeDef, run: str) -> Running:
        name, status = found["Id"], found["Status"]
        timeline = status.get("Timeline", {})
        with asking("EMR", "elasticmapreduce:ListInstances", f"cluster/{name}"):
            pages = self._client.get_paginator("list_instances").paginate(ClusterId=name)
            instances = [each for page in pages for each in page["Instances"]]
        is_idle = status["State"] == "WAITING"
        started = timeline["CreationDateTime"]
        return Running(
            engine=self.engine,
            kind="cluster",
            id=name,
            name=found["Name"],
            state=status["State"],
            started=started,
            run=run,
            idle_since=self._last_end(name, timeline.get("ReadyDateTime", started))
            if is_idle
            else None,
            usage=instance_usage(instances, None, None, datetime.now(UTC)),
        )

    def _last_end(self, name: str, ready: datetime) -> datetime:
        """When the cluster's newest step ended, or when it was ready for the first."""
        with asking("EMR", "elasticmapreduce:ListSteps", f"cluster/{name}"):
            steps = self._client.list_steps(ClusterId=name)["Steps"]  # the newest, first
        ends = [each["Status"].get("Timeline", {}).get("EndDateTime", ready) for each in steps]
        return max([ready, *ends])
