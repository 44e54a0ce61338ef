"""What EMR is asked for, and what its settings take."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from resources.compute.emr_requests import cluster
from resources.compute.emr_settings import EmrSettings, emr_settings
from resources.compute.emr_site import emr_site
from resources.compute.opening import open_engine, remote_compute
from resources.errors import EngineError, SettingsError
from resources.lake import Lake
from resources.settings import Settings, load_settings
from tests.resources.compute.conftest import OWN, SHARED, Emr
from tests.resources.compute.jobs import refine_of

ROLES = {"LAKE_EMR_SERVICE_ROLE": "service", "LAKE_EMR_INSTANCE_PROFILE": "instances"}


def asked(settings: EmrSettings) -> dict[str, object]:
    return dict(cluster(settings, "s3://b/lake", "name", {"lake-assets:lake": "s3://b/lake"}))


def test_every_cluster_ends_by_itself() -> None:
    own, shared = asked(OWN), asked(SHARED)

    assert own["AutoTerminationPolicy"] == {"IdleTimeout": 60}
    assert own["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False  # type: ignore[index]
    assert shared["AutoTerminationPolicy"] == {"IdleTimeout": 1800}


def test_a_cluster_without_core_instances_is_its_primary_node_alone() -> None:
    fleets = asked(replace(OWN, core_instances=0))["Instances"]["InstanceFleets"]  # type: ignore[index]

    assert [each["InstanceFleetType"] for each in fleets] == ["MASTER"]


def test_spot_instances_fall_back_and_the_primary_node_is_none() -> None:
    settings = replace(OWN, spot=True, instance_types=("m5.xlarge", "m5a.xlarge"))

    primary, core = asked(settings)["Instances"]["InstanceFleets"]  # type: ignore[index]

    assert "TargetSpotCapacity" not in primary
    assert core["TargetSpotCapacity"] == 2
    assert len(core["InstanceTypeConfigs"]) == 2
    spot = core["LaunchSpecifications"]["SpotSpecification"]
    assert spot["TimeoutAction"] == "SWITCH_TO_ON_DEMAND"


def test_a_file_says_what_no_setting_does(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "Instances: {Ec2KeyName: ours, EmrManagedMasterSecurityGroup: sg-1}\n"
        "ManagedScalingPolicy: {ComputeLimits: {UnitType: InstanceFleetUnits,"
        " MinimumCapacityUnits: 1, MaximumCapacityUnits: 8}}\n"
        "BootstrapActions: [{Name: b, ScriptBootstrapAction: {Path: 's3://b/boot.sh'}}]\n"
        "Tags: [{Key: team, Value: radio}]\n"
    )
    settings = emr_settings({**ROLES, "LAKE_EMR_CLUSTER": str(file), "LAKE_EMR_SUBNETS": "a-1,a-2"})

    found = asked(settings)

    assert found["Instances"]["Ec2KeyName"] == "ours"  # type: ignore[index]
    assert found["Instances"]["Ec2SubnetIds"] == ["a-1", "a-2"]  # type: ignore[index]
    assert len(found["Instances"]["InstanceFleets"]) == 2  # type: ignore[index]
    assert {"Key": "team", "Value": "radio"} in found["Tags"]  # type: ignore[operator]
    assert "ManagedScalingPolicy" in found


def test_a_file_may_ask_for_instance_groups_in_place_of_fleets(emr: Emr, tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "Instances:\n  InstanceGroups:\n"
        "    - {InstanceRole: MASTER, InstanceType: m5.xlarge, InstanceCount: 1}\n"
        "    - {InstanceRole: CORE, InstanceType: r5.xlarge, InstanceCount: 3}\n"
    )
    environment = {**ROLES, "LAKE_EMR_CLUSTER": str(file), "LAKE_EMR_SUBNETS": "subnet-1"}

    emr.compute(engine=emr.engine(emr_settings(environment))).refine(refine_of())

    (cluster_made,) = emr.server.clusters.values()
    instances = cluster_made.asked["Instances"]
    assert [each["InstanceRole"] for each in instances["InstanceGroups"]] == ["MASTER", "CORE"]
    assert "InstanceFleets" not in instances
    assert instances["Ec2SubnetId"] == "subnet-1"
    with pytest.raises(SettingsError, match="LAKE_EMR_SUBNETS: expected one subnet"):
        emr_settings({**environment, "LAKE_EMR_SUBNETS": "subnet-1,subnet-2"})


@pytest.mark.parametrize("member", ["KeepJobFlowAliveWhenNoSteps", "TerminationProtected"])
def test_no_file_makes_a_cluster_that_stays(tmp_path: Path, member: str) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(f"Instances: {{{member}: true}}\n")

    with pytest.raises(SettingsError, match=f"LAKE_EMR_CLUSTER: .*{member}.*ends by itself"):
        emr_settings({**ROLES, "LAKE_EMR_CLUSTER": str(file)})


def test_boto3_takes_every_request(emr: Emr) -> None:
    every = replace(SHARED, spot=True, subnets=("subnet-1",), step_role="arn:aws:iam::1:role/r")

    emr.compute(engine=emr.engine(every)).refine(refine_of())

    assert [step.state for step in emr.server.steps] == ["COMPLETED"]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LAKE_EMR_RELEASE", "emr-6.15.0", "Spark 3.5 to 4.1"),
        ("LAKE_EMR_SPOT", "yes", "'true' or 'false'"),
        ("LAKE_EMR_KEEP_MINUTES", "20000", "at most 10080"),
        ("LAKE_EMR_CORE_INSTANCES", "two", "whole number from 0"),
        ("LAKE_EMR_STEP_ROLE", "emr", "arn:aws:iam::123456789012:role/r"),
        ("LAKE_EMR_LOG_URI", "/logs", "s3://bucket/logs"),
        ("LAKE_EMR_CLUSTER", "/nowhere.yaml", "expected a YAML file"),
    ],
)
def test_a_setting_that_cannot_work_is_named(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        emr_settings({**ROLES, variable: value})

    assert words in str(caught.value)


@pytest.mark.parametrize("member", ["AutoTerminationPolicy", "Steps", "Nonsense"])
def test_a_file_may_not_say_what_is_decided_here(tmp_path: Path, member: str) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(f"{member}: {{}}\n")

    with pytest.raises(SettingsError, match=rf"LAKE_EMR_CLUSTER.*found \['{member}'\]"):
        emr_settings({**ROLES, "LAKE_EMR_CLUSTER": str(file)})


def test_half_of_the_roles_is_refused() -> None:
    with pytest.raises(SettingsError, match="both or neither"):
        emr_settings({"LAKE_EMR_SERVICE_ROLE": "service"})


def test_an_estimate_knows_the_cluster_by_the_names_of_its_instances() -> None:
    site = emr_site(replace(OWN, instance_types=("r5.4xlarge",), core_instances=3, spot=True))

    assert site is not None
    assert (site.cores, site.memory_gb) == (48, 384.0)
    assert site.hourly.instance_hours == {"r5.4xlarge": 4.0}
    assert site.hourly.flexible
    assert emr_site(EmrSettings()) is None


def test_emr_without_roles_is_not_configured() -> None:
    with pytest.raises(SettingsError, match="LAKE_EMR_SERVICE_ROLE"):
        open_engine(load_settings({}), "emr")


def test_a_lake_in_a_folder_is_out_of_reach_for_an_engine(tmp_path: Path) -> None:
    settings = load_settings({**ROLES, "LAKE_ROOT": str(tmp_path)})

    with pytest.raises(SettingsError, match="expected addresses on S3 for emr"):
        _compute(settings)


def test_a_root_that_spark_submit_takes_for_no_address_is_refused() -> None:
    settings = load_settings({**ROLES, "LAKE_ROOT": "s3://bucket/a lake"})

    with pytest.raises(SettingsError, match="letters, digits and"):
        _compute(settings)


def test_what_emr_refuses_for_good_is_said_with_what_to_allow(emr: Emr) -> None:
    emr.server.fault = lambda action, _: (
        (400, "AccessDeniedException") if action == "RunJobFlow" else None
    )

    with pytest.raises(EngineError, match="Allow `elasticmapreduce:RunJobFlow`") as caught:
        emr.compute().refine(refine_of())

    assert not caught.value.retryable


def _compute(settings: Settings) -> object:
    log = logging.getLogger("tests")
    return remote_compute(settings, Lake(settings).storage, "emr", "run", log)
