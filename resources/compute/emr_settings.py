"""Settings of EMR on EC2: which cluster, for how long, as whom. Nothing here opens anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.session
import yaml

from resources.compute.runtimes import EMR_RELEASES, require_runtime
from resources.environment import is_true, matching, optional, whole_number
from resources.errors import SettingsError

#: RunJobFlow's members that are decided here, so that no cluster stays for ever.
_OURS = {"AutoTerminationPolicy", "Name", "ReleaseLabel", "Steps"}
_OURS_OF_INSTANCES = {"KeepJobFlowAliveWhenNoSteps", "TerminationProtected"}
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_LOG_URI = re.compile(r"s3[an]?://.+")
_NAMES = re.compile(r"[\w.-]+(\s*,\s*[\w.-]+)*")


@dataclass(frozen=True)
class EmrSettings:
    """A cluster as RunJobFlow makes it; `docs/compute.md` has the variables.

    EMR can be used where `service_role` and `instance_profile` are named. A cluster of no
    `core_instances` is its primary node alone. `keep_minutes` is how long a cluster stays after its
    last step, for others to use; 0 is a cluster for each job. `cluster_file` is YAML with members of
    RunJobFlow, put over what the other settings say.
    """

    service_role: str = ""
    instance_profile: str = ""
    release: str = "emr-7.13.0"
    instance_types: Sequence[str] = ("m5.xlarge",)
    core_instances: int = 2
    spot: bool = False
    subnets: Sequence[str] = ()
    step_role: str = ""
    log_uri: str = ""
    applications: Sequence[str] = ("Spark",)
    keep_minutes: int = 0
    step_concurrency: int = 4
    cluster_file: str = ""

    @property
    def is_configured(self) -> bool:
        """Whether it is said as whom clusters run, without which there is none."""
        return bool(self.service_role and self.instance_profile)


def emr_settings(env: Mapping[str, str]) -> EmrSettings:
    """Read LAKE_EMR_*; raises `SettingsError` naming the variable, its value and what it takes."""
    found = EmrSettings(
        service_role=env.get("LAKE_EMR_SERVICE_ROLE", "").strip(),
        instance_profile=env.get("LAKE_EMR_INSTANCE_PROFILE", "").strip(),
        release=matching(env, "LAKE_EMR_RELEASE", "emr-7.13.0", r"emr-[\w.-]+"),
        instance_types=_names(env, "LAKE_EMR_INSTANCE_TYPES", "m5.xlarge"),
        core_instances=whole_number(env, "LAKE_EMR_CORE_INSTANCES", 2, at_least=0),
        spot=is_true(env, "LAKE_EMR_SPOT"),
        subnets=_names(env, "LAKE_EMR_SUBNETS", ""),
        step_role=optional(
            env, "LAKE_EMR_STEP_ROLE", _ROLE_ARN, "arn:aws:iam::123456789012:role/r"
        ),
        log_uri=optional(env, "LAKE_EMR_LOG_URI", _LOG_URI, "s3://bucket/logs"),
        applications=_names(env, "LAKE_EMR_APPLICATIONS", "Spark"),
        keep_minutes=whole_number(env, "LAKE_EMR_KEEP_MINUTES", 0, at_least=0),
        step_concurrency=whole_number(env, "LAKE_EMR_STEP_CONCURRENCY", 4, at_least=1),
        cluster_file=env.get("LAKE_EMR_CLUSTER", "").strip(),
    )
    if bool(found.service_role) != bool(found.instance_profile):
        raise SettingsError(
            "LAKE_EMR_SERVICE_ROLE and LAKE_EMR_INSTANCE_PROFILE: expected both or neither, found "
            f"{found.service_role!r} and {found.instance_profile!r}"
        )
    require_runtime("LAKE_EMR_RELEASE", found.release, EMR_RELEASES)
    if found.keep_minutes > 7 * 24 * 60 or found.step_concurrency > 256:
        raise SettingsError(
            "LAKE_EMR_KEEP_MINUTES and LAKE_EMR_STEP_CONCURRENCY: expected at most 10080 (a week) "
            f"and 256, which is what EMR takes, found {found.keep_minutes} and "
            f"{found.step_concurrency}"
        )
    instances = cluster_override(found.cluster_file).get("Instances", {})
    if isinstance(instances, dict) and "InstanceGroups" in instances and len(found.subnets) > 1:
        raise SettingsError(
            f"LAKE_EMR_SUBNETS: expected one subnet for the InstanceGroups of {found.cluster_file}, "
            f"found {', '.join(found.subnets)}. EMR chooses among several for InstanceFleets only."
        )
    return found


def cluster_override(file: str) -> dict[str, object]:
    """RunJobFlow's members of a YAML file; raises `SettingsError` for what it does not have."""
    if not file:
        return {}
    try:
        said = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"LAKE_EMR_CLUSTER: expected a YAML file, found {error}") from error
    known = _run_job_flow_members() - _OURS
    if not isinstance(said, dict) or not set(said) <= known:
        wrong = sorted(set(said) - known) if isinstance(said, dict) else said
        raise SettingsError(
            f"LAKE_EMR_CLUSTER: expected members of RunJobFlow other than {', '.join(sorted(_OURS))} "
            f"in {file}, found {wrong}"
        )
    instances = said.get("Instances", {})
    if not isinstance(instances, dict) or instances.keys() & _OURS_OF_INSTANCES:
        raise SettingsError(
            "LAKE_EMR_CLUSTER: expected members of Instances other than "
            f"{', '.join(sorted(_OURS_OF_INSTANCES))} in {file}, found {instances}. Every cluster "
            "ends by itself; LAKE_EMR_KEEP_MINUTES says when."
        )
    return said


@cache
def _run_job_flow_members() -> frozenset[str]:
    model = botocore.session.get_session().get_service_model("emr")
    shape = model.operation_model("RunJobFlow").input_shape
    return frozenset(shape.members if shape else ())


def _names(env: Mapping[str, str], name: str, default: str) -> tuple[str, ...]:
    text = optional(env, name, _NAMES, default or "a, b") or default
    return tuple(each.strip() for each in text.split(",") if each.strip())
