"""EMR on EC2 as an engine: a job is a step, of a cluster of its own or of one that many share.

Nothing here waits for a job or decides what its states mean for a run: that is `remote.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from resources.aws import AwsSettings
from resources.compute.emr_clusters import LakeClusters
from resources.compute.emr_log import EmrLog
from resources.compute.emr_requests import (
    cluster,
    own_name,
    step,
    tags_of_shared,
    warm_name,
)
from resources.compute.emr_settings import EmrSettings
from resources.compute.emr_states import cluster_end, step_state
from resources.compute.emr_usage import instance_usage
from resources.compute.engine import JobRequest, JobState, Phase, Submitted, Usage
from resources.errors import EngineUnavailable

#: Within what time a cluster or step that was started is taken to be listed.
_SETTLE_SECONDS = 5.0


class _Place(NamedTuple):
    """A step of a cluster: a job's id is both with a slash."""

    cluster: str
    step: str


def _place(job: Submitted) -> _Place:
    return _Place(*job.id.split("/"))


class EmrEngine:
    """Steps on clusters of EMR. Making one opens nothing."""

    name = "emr"

    def __init__(
        self,
        settings: EmrSettings,
        root: str,
        aws: AwsSettings,
        settle_seconds: float = _SETTLE_SECONDS,
    ) -> None:
        self._settings = settings
        self._settle_seconds = settle_seconds
        self._root = root
        self._aws = aws
        self._clusters = LakeClusters(aws, root)

    def find(self, key: str) -> Submitted | None:
        """The step whose name ends with the key, on whichever cluster of this lake."""
        own = own_name(self._root, key)
        for each in self._clusters.every():
            if each["Name"] == own or "shared " in each["Name"]:
                for found, name in self._steps(each["Id"]):
                    if name.endswith(f" {key}"):
                        return self._submitted(_Place(each["Id"], found))
        return None

    def submit(self, request: JobRequest) -> Submitted:
        """Start the step, and a cluster where it needs one, or find what an answer got lost of."""
        if found := self.find(request.key):
            return found
        try:
            if self._settings.keep_minutes:
                return self._on_shared(request)
            return self._on_own(request)
        except EngineUnavailable:
            time.sleep(self._settle_seconds)
            if found := self.find(request.key):
                return found
            raise

    def state(self, job: Submitted) -> JobState:
        """The step's state. Of a cluster that ended before it, its reason is the step's."""
        place = _place(job)
        found = self._step_state(place)
        if found.phase.is_final:
            return found
        ended = cluster_end(self._clusters.describe(place.cluster)["Status"])
        if ended is None:
            return found
        # The step may have ended between the two looks.
        again = self._step_state(place)
        return again if again.phase.is_final else JobState(Phase.FAILED, ended)

    def cancel(self, job: Submitted) -> None:
        """End the step, or the cluster where it is the job's own."""
        place = _place(job)
        if self._is_own(place):
            self._clusters.terminate(place.cluster)
            return
        with self._clusters.asking("cancel a step", "CancelSteps"):
            answer = self._clusters.client.cancel_steps(
                ClusterId=place.cluster,
                StepIds=[place.step],
                StepCancellationOption="TERMINATE_PROCESS",
            )
        refused = [each for each in answer["CancelStepsInfoList"] if each.get("Status") == "FAILED"]
        if refused and not self._step_state(place).phase.is_final:
            raise EngineUnavailable(
                f"EMR did not cancel step {place.step} of {place.cluster}: "
                f"{refused[0].get('Reason', 'no reason given')}"
            )

    def log(self, job: Submitted, lines: int) -> list[str]:
        """The last lines of the driver's log, then of the step's, if EMR has uploaded them yet."""
        place = _place(job)
        found = self._clusters.describe(place.cluster)
        if "LogUri" not in found:
            return []
        return EmrLog(self._aws, found["LogUri"], place.cluster).tail(place.step, lines)

    def usage(self, job: Submitted) -> Usage | None:
        """The hours of its cluster's instances; of a shared one, while the step ran."""
        place = _place(job)
        with self._clusters.asking("list instances", "ListInstances"):
            pages = self._clusters.client.get_paginator("list_instances").paginate(
                ClusterId=place.cluster
            )
            instances = [each for page in pages for each in page["Instances"]]
        with self._clusters.asking("describe a step", "DescribeStep"):
            found = self._clusters.client.describe_step(ClusterId=place.cluster, StepId=place.step)[
                "Step"
            ]
        timeline = {} if self._is_own(place) else found["Status"].get("Timeline", {})
        return instance_usage(
            instances,
            timeline.get("StartDateTime"),
            timeline.get("EndDateTime"),
            datetime.now(UTC),
        )

    def close(self, job: Submitted) -> None:
        """End the cluster that was the job's own; a shared one ends once it has been idle."""
        place = _place(job)
        if self._is_own(place):
            self._clusters.terminate(place.cluster)

    def _on_own(self, request: JobRequest) -> Submitted:
        name = own_name(self._root, request.key)
        asked = cluster(self._settings, self._root, name, request.tags)
        asked["Steps"] = [step(request, is_only_one=True)]
        with self._clusters.asking("start a cluster", "RunJobFlow"):
            made = self._clusters.once.run_job_flow(**asked)
        for found, _ in self._steps(made["JobFlowId"]):
            return self._submitted(_Place(made["JobFlowId"], found))
        raise EngineUnavailable(f"EMR does not list the step of {made['JobFlowId']} yet")

    def _on_shared(self, request: JobRequest) -> Submitted:
        name = warm_name(self._root, self._settings)
        asked = cluster(self._settings, self._root, name, tags_of_shared(request.tags))
        place = self._clusters.oldest(name) or self._clusters.start(asked)
        with self._clusters.asking("add a step", "AddJobFlowSteps", f"cluster/{place}"):
            added = self._clusters.once.add_job_flow_steps(
                JobFlowId=place,
                Steps=[step(request, is_only_one=False)],
                **(
                    {"ExecutionRoleArn": self._settings.step_role}
                    if self._settings.step_role
                    else {}
                ),
            )
        return self._submitted(_Place(place, added["StepIds"][0]))

    def _steps(self, place: str) -> Iterator[tuple[str, str]]:
        with self._clusters.asking("list steps", "ListSteps"):
            for page in self._clusters.client.get_paginator("list_steps").paginate(ClusterId=place):
                yield from ((each["Id"], each["Name"]) for each in page["Steps"])

    def _step_state(self, place: _Place) -> JobState:
        with self._clusters.asking("describe a step", "DescribeStep"):
            found = self._clusters.client.describe_step(ClusterId=place.cluster, StepId=place.step)[
                "Step"
            ]
        return step_state(found["Status"])

    def _is_own(self, place: _Place) -> bool:
        """Whether the cluster was made for this job alone, whatever the settings say by now."""
        return "shared " not in self._clusters.describe(place.cluster)["Name"]

    def _submitted(self, place: _Place) -> Submitted:
        url = self._clusters.url(place.cluster)
        return Submitted(self.name, f"{place.cluster}/{place.step}", url)
