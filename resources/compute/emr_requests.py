"""What EMR is asked for: a cluster as RunJobFlow takes it, and a job as a step of it.

Source: Amazon EMR API Reference, RunJobFlow and StepConfig.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from resources.compute.emr_settings import EmrSettings, cluster_override
from resources.compute.engine import LAKE_TAG, JobRequest

if TYPE_CHECKING:
    from types_boto3_emr.type_defs import (
        InstanceFleetConfigTypeDef,
        RunJobFlowInputTypeDef,
        StepConfigTypeDef,
    )

#: EMR's shortest. A cluster for one job ends by itself; this is for one that was started and whose
#: step was never seen.
_IDLE_SECONDS = 60
#: Minutes that EMR looks for spot capacity before it takes on-demand instances: its shortest.
_SPOT_MINUTES = 5
_LONGEST_NAME = 256


def lake_name(root: str) -> str:
    """How the names of all clusters of a lake begin."""
    return f"lake-assets {hashlib.sha256(root.encode()).hexdigest()[:12]} "


def warm_name(root: str, settings: EmrSettings) -> str:
    """The name of a cluster that jobs share: another one for other settings."""
    said = json.dumps(
        [asdict(settings), cluster_override(settings.cluster_file)], sort_keys=True, default=str
    )
    return lake_name(root) + "shared " + hashlib.sha256(said.encode()).hexdigest()[:12]


def own_name(root: str, key: str) -> str:
    """The name of a cluster that one job has for itself."""
    return lake_name(root) + key


def step_name(request: JobRequest) -> str:
    """A step's name, by which it is found again: the key is its end."""
    return f"{request.name[: _LONGEST_NAME - len(request.key) - 1]} {request.key}"


def step(request: JobRequest, *, is_only_one: bool) -> StepConfigTypeDef:
    """A job as a step; the failure of one ends a cluster only if it is the cluster's only one."""
    options = {"spark.yarn.maxAppAttempts": "1", **request.spark_config}
    return {
        "Name": step_name(request),
        "ActionOnFailure": "TERMINATE_CLUSTER" if is_only_one else "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                "spark-submit",
                "--deploy-mode",
                "cluster",
                "--name",
                request.name,
                *(part for name, each in options.items() for part in ("--conf", f"{name}={each}")),
                "--py-files",
                request.code,
                *(("--jars", ",".join(request.jars)) if request.jars else ()),
                request.entry_point,
                *request.arguments,
            ],
        },
    }


def cluster(
    settings: EmrSettings, root: str, name: str, tags: Mapping[str, str]
) -> RunJobFlowInputTypeDef:
    """A cluster without steps. It ends by itself when it has been idle for long enough."""
    override = cluster_override(settings.cluster_file)
    instances = override.pop("Instances", {})
    extra_tags = override.pop("Tags", [])
    request: dict[str, object] = {
        "Name": name,
        "ReleaseLabel": settings.release,
        "Applications": [{"Name": each} for each in settings.applications],
        "Instances": _with(_instances(settings), cast("dict[str, object]", instances)),
        "JobFlowRole": settings.instance_profile,
        "ServiceRole": settings.service_role,
        "LogUri": settings.log_uri or f"{root}/_jobs/emr-logs/",
        "StepConcurrencyLevel": settings.step_concurrency if settings.keep_minutes else 1,
        "VisibleToAllUsers": True,
        **override,
        "AutoTerminationPolicy": {"IdleTimeout": settings.keep_minutes * 60 or _IDLE_SECONDS},
        "Tags": [
            *({"Key": key, "Value": value} for key, value in tags.items()),
            *cast("list[object]", extra_tags),
        ],
    }
    return cast("RunJobFlowInputTypeDef", request)


def tags_of_shared(tags: Mapping[str, str]) -> dict[str, str]:
    """Of a job's tags those that hold for a cluster which many use."""
    return {LAKE_TAG: tags[LAKE_TAG]} if LAKE_TAG in tags else {}


def _instances(settings: EmrSettings) -> dict[str, object]:
    fleets = [_fleet("MASTER", settings, 1, spot=False)]
    if settings.core_instances:
        fleets.append(_fleet("CORE", settings, settings.core_instances, spot=settings.spot))
    return {
        "InstanceFleets": fleets,
        "KeepJobFlowAliveWhenNoSteps": settings.keep_minutes > 0,
        "TerminationProtected": False,
        **({"Ec2SubnetIds": list(settings.subnets)} if settings.subnets else {}),
    }


def _with(ours: dict[str, object], said: Mapping[str, object]) -> dict[str, object]:
    """Instances with what a file says of them: EMR takes groups, with one subnet, or fleets."""
    if "InstanceGroups" in said:
        del ours["InstanceFleets"]
        for subnet in cast("list[str]", ours.pop("Ec2SubnetIds", [])):
            ours["Ec2SubnetId"] = subnet
    return {**ours, **said}


def _fleet(
    kind: str, settings: EmrSettings, count: int, *, spot: bool
) -> InstanceFleetConfigTypeDef:
    """Instances of whichever of the types there are; instead of spot ones on-demand ones at last."""
    fleet: dict[str, object] = {
        "Name": kind.lower(),
        "InstanceFleetType": kind,
        "TargetSpotCapacity" if spot else "TargetOnDemandCapacity": count,
        "InstanceTypeConfigs": [
            {"InstanceType": each, "WeightedCapacity": 1} for each in settings.instance_types
        ],
    }
    if spot:
        fleet["LaunchSpecifications"] = {
            "SpotSpecification": {
                "TimeoutDurationMinutes": _SPOT_MINUTES,
                "TimeoutAction": "SWITCH_TO_ON_DEMAND",
                "AllocationStrategy": "price-capacity-optimized",
            }
        }
    return cast("InstanceFleetConfigTypeDef", fleet)
