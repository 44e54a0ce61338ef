"""The clusters of a lake on EMR: those there are by their names, one started once, one ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from resources.aws import AwsSettings, aws_client
from resources.compute.emr_errors import asking
from resources.compute.emr_requests import lake_name
from resources.errors import EngineUnavailable

if TYPE_CHECKING:
    from types_boto3_emr import EMRClient
    from types_boto3_emr.type_defs import (
        ClusterSummaryTypeDef,
        ClusterTypeDef,
        RunJobFlowInputTypeDef,
    )

#: Clusters that were made longer ago than this hold no job that anybody waits for.
_LOOK_BACK = timedelta(days=8)
_ALIVE = frozenset({"STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"})


class LakeClusters:
    """Clusters whose names begin as those of the lake at `root` do. Making one opens nothing."""

    def __init__(self, aws: AwsSettings, root: str) -> None:
        self._aws = aws
        self._root = root
        self._made: EMRClient | None = None
        self._once: EMRClient | None = None

    @property
    def client(self) -> EMRClient:
        """EMR, to be asked within `asking`."""
        if self._made is None:
            self._made = aws_client(self._aws, "emr")
        return self._made

    @property
    def once(self) -> EMRClient:
        """The same for calls that start something: they take no token, so boto3 sends them once.

        Whoever gets `EngineUnavailable` of one looks whether it was carried out all the same.
        """
        if self._once is None:
            self._once = aws_client(self._aws, "emr", attempts=1)
        return self._once

    @contextmanager
    def asking(self, verb: str, action: str, resource: str = "*") -> Iterator[None]:
        """Give EMR's errors words; see `emr_errors.asking`."""
        try:
            with asking(self._aws, verb, action, resource):
                yield
        except EngineUnavailable:
            # Credentials that have expired are looked for again by a new client only.
            self._made = self._once = None
            raise

    def every(self) -> Iterator[ClusterSummaryTypeDef]:
        """Those of this lake, ended ones too."""
        start = lake_name(self._root)
        with self.asking("list clusters", "ListClusters"):
            pages = self.client.get_paginator("list_clusters").paginate(
                CreatedAfter=datetime.now(UTC) - _LOOK_BACK
            )
            for page in pages:
                yield from (each for each in page["Clusters"] if each["Name"].startswith(start))

    def oldest(self, name: str) -> str | None:
        """The oldest of a name that has not ended."""
        alive = [
            (each["Status"]["Timeline"]["CreationDateTime"], each["Id"])
            for each in self.every()
            if each["Name"] == name and each["Status"]["State"] in _ALIVE
        ]
        return min(alive)[1] if alive else None

    def start(self, asked: RunJobFlowInputTypeDef) -> str:
        """A new cluster, unless somebody made one of that name at the same time: the older one."""
        with self.asking("start a cluster", "RunJobFlow"):
            made = self.once.run_job_flow(**asked)["JobFlowId"]
        oldest = self.oldest(asked["Name"]) or made
        if oldest != made:
            self.terminate(made)
        return oldest

    def describe(self, cluster: str) -> ClusterTypeDef:
        """All that EMR says of one."""
        with self.asking("describe a cluster", "DescribeCluster"):
            return self.client.describe_cluster(ClusterId=cluster)["Cluster"]

    def terminate(self, cluster: str) -> None:
        """End one, with whatever it runs."""
        with self.asking("end a cluster", "TerminateJobFlows", f"cluster/{cluster}"):
            self.client.terminate_job_flows(JobFlowIds=[cluster])

    def url(self, cluster: str) -> str:
        """Its page in AWS's console."""
        region = self.client.meta.region_name
        return (
            f"https://{region}.console.aws.amazon.com/emr/home?region={region}"
            f"#/clusterDetails/{cluster}"
        )
