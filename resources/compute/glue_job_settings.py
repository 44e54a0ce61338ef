"""How jobs run on Glue, read from the environment and checked without a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from resources.compute.emr_serverless_settings import ROLE_ARN
from resources.compute.runtimes import GLUE_RELEASES, require_runtime
from resources.environment import matching, one_of, optional, whole_number

#: Glue's DPU, of 4 vCPU and 16 GB, by type of worker; the R types have 32 GB each.
DPU_BY_WORKER = {
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
    "G.12X": 12.0,
    "G.16X": 16.0,
    "R.1X": 1.0,
    "R.2X": 2.0,
    "R.4X": 4.0,
    "R.8X": 8.0,
}
WorkerType = Literal[
    "G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X"
]

#: What a run gets that lacked memory: the same cores with twice the memory, then twice of both.
#: Memory cannot be said otherwise: Glue divides a worker's itself.
LARGER: dict[WorkerType, tuple[WorkerType, WorkerType]] = {
    "G.1X": ("R.1X", "R.2X"),
    "G.2X": ("R.2X", "R.4X"),
    "G.4X": ("R.4X", "R.8X"),
    "G.8X": ("R.8X", "R.8X"),
    "G.12X": ("G.16X", "G.16X"),
    "G.16X": ("G.16X", "G.16X"),
    "R.1X": ("R.2X", "R.4X"),
    "R.2X": ("R.4X", "R.8X"),
    "R.4X": ("R.8X", "R.8X"),
    "R.8X": ("R.8X", "R.8X"),
}

_PREFIX = "LAKE_GLUE_JOB_"
_CONNECTION = re.compile(r"[\w.-]{1,255}")
_VERSION = r"\d+\.\d+"


@dataclass(frozen=True)
class GlueJobSettings:
    """How jobs run on Glue; without a `role` they cannot.

    `workers` is how many of `worker_type` a run has, with `autoscaling` at the most; the driver is
    one of them. `execution` FLEX is cheaper and may wait for spare capacity. `connection` names
    Glue's connection into a network, and `concurrent_runs` is how many runs there may be at once.
    """

    role: str = ""
    version: str = "5.1"
    worker_type: WorkerType = "G.1X"
    workers: int = 5
    autoscaling: bool = True
    execution: Literal["STANDARD", "FLEX"] = "STANDARD"
    connection: str = ""
    concurrent_runs: int = 10

    @property
    def is_configured(self) -> bool:
        """Whether it is said as whom jobs run."""
        return bool(self.role)


def glue_job_settings(env: Mapping[str, str]) -> GlueJobSettings:
    """Read the settings; raises `SettingsError` naming the variable and what it takes."""
    worker_type = one_of(env, f"{_PREFIX}WORKER_TYPE", tuple(DPU_BY_WORKER))
    execution = one_of(env, f"{_PREFIX}EXECUTION", ("STANDARD", "FLEX"))
    version = matching(env, f"{_PREFIX}VERSION", "5.1", _VERSION)
    require_runtime(f"{_PREFIX}VERSION", version, GLUE_RELEASES)
    return GlueJobSettings(
        role=optional(env, f"{_PREFIX}ROLE", ROLE_ARN, "arn:aws:iam::123456789012:role/lake-jobs"),
        version=version,
        worker_type=cast("WorkerType", worker_type),
        workers=whole_number(env, f"{_PREFIX}WORKERS", 5, at_least=2),
        autoscaling=one_of(env, f"{_PREFIX}AUTOSCALING", ("true", "false")) == "true",
        execution=cast("Literal['STANDARD', 'FLEX']", execution),
        connection=optional(env, f"{_PREFIX}CONNECTION", _CONNECTION, "lake-network"),
        concurrent_runs=whole_number(env, f"{_PREFIX}CONCURRENT_RUNS", 10, at_least=1),
    )
