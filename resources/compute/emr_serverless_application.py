"""The application of EMR Serverless that a lake's jobs run in: found again, or made.

An application made here is named for the lake and for what it is made of, so that other settings
make another one; the one before stops when it is idle, and stopped ones cost nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from resources.compute.emr_serverless_settings import (
    WORKER_MEMORY_GB,
    WORKER_VCPU,
    EmrServerlessSettings,
)
from resources.compute.engine import LAKE_TAG
from resources.compute.requests import lake_name, tag_values
from resources.compute.service import Service
from resources.errors import EngineError, EngineUnavailable

if TYPE_CHECKING:
    from types_boto3_emr_serverless import EMRServerlessClient
    from types_boto3_emr_serverless.literals import ApplicationStateType
    from types_boto3_emr_serverless.type_defs import (
        ApplicationSummaryTypeDef,
        CreateApplicationRequestTypeDef,
        InitialCapacityConfigTypeDef,
    )

_THERE: tuple[ApplicationStateType, ...] = (
    "CREATING", "CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED",
)  # fmt: skip


class Applications:
    """The applications of one lake, which is known by its root."""

    def __init__(
        self, service: Service[EMRServerlessClient], settings: EmrServerlessSettings, root: str
    ) -> None:
        self._service = service
        self._settings = settings
        self._tags = tag_values({LAKE_TAG: root})
        self._lake = lake_name(root)
        self._name = f"{self._lake}-{_digest(settings)}"

    def ids(self) -> list[str]:
        """Every application in which a job of this lake can be."""
        if self._settings.application:
            return [self._settings.application]
        return [each["id"] for each in self._listed(_THERE)]

    def ready(self) -> str:
        """The id of an application that takes jobs; it is made or started where that is needed.

        Raises `EngineUnavailable` while the service is busy with it: try again in some seconds.
        """
        found = self._settings.application or self._own() or self._made()
        with self._service.asked("GetApplication", _place(found)) as client:
            application = client.get_application(applicationId=found)["application"]
        state = application["state"]
        if state == "TERMINATED":
            raise EngineError(
                f"LAKE_EMR_SERVERLESS_APPLICATION: expected an application that takes jobs; {found} "
                "is terminated. Name another, or none to have one made."
            )
        if state in ("CREATING", "STOPPING"):
            raise EngineUnavailable(
                f"Expected EMR Serverless to have application {found} ready; it is still {state}."
            )
        if state in ("CREATED", "STOPPED"):
            with self._service.asked("StartApplication", _place(found)) as client:
                client.start_application(applicationId=found)
        return found

    def _own(self) -> str:
        """The id of the oldest application of this very name; empty where there is none."""
        same = [each for each in self._listed(_THERE) if each.get("name") == self._name]
        return min(same, key=lambda each: each["createdAt"])["id"] if same else ""

    def _made(self) -> str:
        """Make it. Whoever makes it at the same time gets the same one, by the token."""
        ended = sorted(each["id"] for each in self._listed(("TERMINATED",)))
        token = hashlib.sha256(" ".join([self._name, *ended]).encode()).hexdigest()
        with self._service.asked("CreateApplication", _place(self._name)) as client:
            return client.create_application(**self._definition(token))["applicationId"]

    def _definition(self, token: str) -> CreateApplicationRequestTypeDef:
        settings = self._settings
        definition: CreateApplicationRequestTypeDef = {
            "name": self._name,
            "releaseLabel": settings.release,
            "type": "SPARK",
            "clientToken": token,
            "architecture": settings.architecture,
            "autoStartConfiguration": {"enabled": True},
            "autoStopConfiguration": {
                "enabled": True,
                "idleTimeoutMinutes": settings.idle_minutes,
            },
            "tags": self._tags,
        }
        if settings.subnets:
            definition["networkConfiguration"] = {
                "subnetIds": list(settings.subnets),
                "securityGroupIds": list(settings.security_groups),
            }
        if settings.warm_executors:
            definition["initialCapacity"] = {
                "Driver": _workers(1),
                "Executor": _workers(settings.warm_executors),
            }
        return definition

    def _listed(
        self, states: tuple[ApplicationStateType, ...]
    ) -> Iterator[ApplicationSummaryTypeDef]:
        with self._service.asked("ListApplications", "*") as client:
            pages = client.get_paginator("list_applications").paginate(states=list(states))
            for page in pages:
                for each in page["applications"]:
                    if each.get("name", "").startswith(f"{self._lake}-"):
                        yield each


def _workers(count: int) -> InitialCapacityConfigTypeDef:
    return {
        "workerCount": count,
        "workerConfiguration": {
            "cpu": f"{WORKER_VCPU} vCPU",
            "memory": f"{WORKER_MEMORY_GB} GB",
        },
    }


def _digest(settings: EmrServerlessSettings) -> str:
    made_of = (
        settings.release,
        settings.architecture,
        settings.subnets,
        settings.security_groups,
        settings.idle_minutes,
        settings.warm_executors,
    )
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:8]


def _place(application: str) -> str:
    return f"/applications/{application}"
