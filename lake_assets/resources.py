"""The resources that assets ask for, made from the settings in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Literal

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import PrivateAttr

from resources.aws import AwsSettings
from resources.compute.emr_settings import EmrSettings
from resources.compute.local import local_spark_config
from resources.compute.placement_settings import PlacementSettings
from resources.lake import Lake
from resources.settings import GlueSettings, Settings, load_settings
from spark.errors import LakeError

#: How often, and how many seconds apart, a step is tried again when its error says that helps.
RETRIES, RETRY_SECONDS = 3, 10


class AwsConfig(dg.Config):
    """How AWS is reached. The fields are those of `AwsSettings`."""

    region: str
    profile: str
    role: str
    endpoints: dict[str, str]
    kms_key: str
    requester_pays: bool


class GlueConfig(dg.Config):
    """Where tables are registered in AWS. The fields are those of `GlueSettings`."""

    database: str
    table_prefix: str
    athena_work_group: str
    athena_scan_limit_bytes: int


class PlacementConfig(dg.Config):
    """What runs cost and may cost. The fields are those of `PlacementSettings`."""

    prices_file: str
    max_usd: float | None
    max_minutes: float | None


class EmrConfig(dg.Config):
    """Clusters of EMR on EC2. The fields are those of `EmrSettings`."""

    service_role: str
    instance_profile: str
    release: str
    instance_types: list[str]
    core_instances: int
    spot: bool
    subnets: list[str]
    step_role: str
    log_uri: str
    applications: list[str]
    keep_minutes: int
    step_concurrency: int
    cluster_file: str


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake: its storage, catalog and database. The fields are those of `Settings`."""

    root: str
    raw_root: str
    database: str
    local_folder: str
    database_wait_seconds: float
    spark_master: str
    spark_memory: str
    target_file_bytes: int
    keep_previous: int
    catalog: Literal["local", "glue"]
    read_back: Literal["athena", "duckdb"]
    glue: GlueConfig
    aws: AwsConfig
    placement: PlacementConfig
    emr: EmrConfig
    _lake: Lake | None = PrivateAttr(default=None)

    @property
    def lake(self) -> Lake:
        """The lake, made when first asked for."""
        if self._lake is None:
            fields = {name: getattr(self, name) for name in Settings.__dataclass_fields__}
            fields["glue"] = GlueSettings(**self.glue.model_dump())
            fields["aws"] = AwsSettings(**self.aws.model_dump())
            fields["placement"] = PlacementSettings(**self.placement.model_dump())
            fields["emr"] = EmrSettings(**self.emr.model_dump())
            self._lake = Lake(Settings(**fields))
        return self._lake


def lake_resources(settings: Settings | None = None) -> dict[str, dg.ConfigurableResource[object]]:
    """Every resource of the code location, by the name that assets use."""
    settings = settings or load_settings()
    return {
        "lake": LakeResource(**asdict(settings)),
        "pyspark": LazyPySparkResource(spark_config=local_spark_config(settings)),
    }


@contextmanager
def lake_errors() -> Iterator[None]:
    """Let Dagster retry what a retry can cure, and fail at once with the error's words otherwise."""
    try:
        yield
    except LakeError as error:
        if error.retryable:
            raise dg.RetryRequested(RETRIES, RETRY_SECONDS) from error
        raise dg.Failure(description=str(error), allow_retries=False) from error
