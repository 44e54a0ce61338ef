"""How jobs run on EMR Serverless, read from the environment and checked without a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from resources.compute.runtimes import EMR_RELEASES, require_runtime
from resources.environment import matching, one_of, optional, whole_number
from resources.errors import SettingsError

#: What the driver and each executor have unless a job lacked memory: the service's own size.
WORKER_VCPU, WORKER_MEMORY_GB = 4, 16
#: Spark's cores and memory by how often a job lacked it. A tenth comes on top, and the service takes
#: up to 30 GB with 4 vCPU and up to 60 GB with 8.
SPARK_SIZES = ((4, "14g"), (4, "27g"), (8, "54g"))
ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")

_PREFIX = "LAKE_EMR_SERVERLESS_"
_APPLICATION = re.compile(r"[0-9a-z]{1,64}")
_RELEASE = r"emr-[a-z0-9.-]+"


@dataclass(frozen=True)
class EmrServerlessSettings:
    """Where jobs run on EMR Serverless; without a `role` they cannot.

    `application` is the id of one that is there; empty, one is made for the lake, of `release` and
    `architecture`, in `subnets` if any, that stops after `idle_minutes` without a job and keeps
    `warm_executors` and a driver ready while it is started. `executors` is how many one job may have.
    """

    role: str = ""
    application: str = ""
    release: str = "emr-7.13.0"
    architecture: Literal["ARM64", "X86_64"] = "X86_64"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    idle_minutes: int = 15
    executors: int = 4
    warm_executors: int = 0

    @property
    def is_configured(self) -> bool:
        """Whether it is said as whom jobs run."""
        return bool(self.role)


def emr_serverless_settings(env: Mapping[str, str]) -> EmrServerlessSettings:
    """Read the settings; raises `SettingsError` naming the variable and what it takes."""
    architecture = one_of(env, f"{_PREFIX}ARCHITECTURE", ("X86_64", "ARM64"))
    found = EmrServerlessSettings(
        role=optional(env, f"{_PREFIX}ROLE", ROLE_ARN, "arn:aws:iam::123456789012:role/lake-jobs"),
        application=optional(env, f"{_PREFIX}APPLICATION", _APPLICATION, "00fl0example0id1"),
        release=matching(env, f"{_PREFIX}RELEASE", "emr-7.13.0", _RELEASE),
        architecture=cast("Literal['ARM64', 'X86_64']", architecture),
        subnets=_ids(env, f"{_PREFIX}SUBNETS", "subnet"),
        security_groups=_ids(env, f"{_PREFIX}SECURITY_GROUPS", "sg"),
        idle_minutes=_at_most(env, f"{_PREFIX}IDLE_MINUTES", 15, 10_080),
        executors=whole_number(env, f"{_PREFIX}EXECUTORS", 4, at_least=1),
        warm_executors=whole_number(env, f"{_PREFIX}WARM_EXECUTORS", 0, at_least=0),
    )
    require_runtime(f"{_PREFIX}RELEASE", found.release, EMR_RELEASES)
    if found.security_groups and not found.subnets:
        raise SettingsError(
            f"{_PREFIX}SUBNETS: expected the subnets that {_PREFIX}SECURITY_GROUPS is for, found none"
        )
    return found


def _at_most(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    number = whole_number(env, name, default, at_least=1)
    if number > most:
        raise SettingsError(f"{name}: expected a whole number from 1 to {most:,}, found {number:,}")
    return number


def _ids(env: Mapping[str, str], name: str, kind: str) -> tuple[str, ...]:
    ids = tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())
    if wrong := [each for each in ids if not re.fullmatch(rf"{kind}-[0-9a-f]+", each)]:
        raise SettingsError(
            f"{name}: expected ids with commas between them, such as {kind}-0a1b2c3d, found "
            f"{wrong[0]!r}"
        )
    return ids
