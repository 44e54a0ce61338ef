"""The cluster of EMR that a lake's notebooks share: one node with Livy, ended when it is idle.

EMR counts a cluster as idle while YARN has no application (Management Guide, "Using an
auto-termination policy"). A session is one, so that Livy itself ends sessions that nobody uses.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

from resources.compute.emr_clusters import LakeClusters
from resources.compute.emr_notebook_settings import EmrNotebookSettings
from resources.compute.emr_requests import cluster, lake_name
from resources.compute.emr_settings import EmrSettings, cluster_override
from resources.compute.emr_states import cluster_end
from resources.compute.engine import LAKE_TAG
from resources.compute.pace import Pace
from resources.compute.requests import tag_values
from resources.errors import EngineError, EngineUnavailable, SettingsError
from resources.settings import Settings

if TYPE_CHECKING:
    from types_boto3_emr.type_defs import (
        ClusterTypeDef,
        ConfigurationUnionTypeDef,
        RunJobFlowInputTypeDef,
    )

_log = logging.getLogger(__name__)
_APPLICATIONS = ("Spark", "Livy", "JupyterEnterpriseGateway")
#: Releases whose clusters take Spark Connect sessions.
_WITH_SESSIONS = "emr-spark-8."
_READY = frozenset({"RUNNING", "WAITING"})
_LIVY_PORT, _YARN_PORT = 8998, 8088
#: A cluster is up within ten minutes, or something is wrong.
_START_SECONDS, _LOOK_SECONDS = 1200.0, 15.0
_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class NotebookCluster:
    """A cluster that is up, and the addresses of what notebooks use on it."""

    id: str
    livy: str
    yarn: str
    url: str


class NotebookClusters:
    """Finds, starts and ends a lake's cluster for notebooks. Making one opens nothing.

    `has_sessions` is one for Spark Connect in place of Livy. Raises `SettingsError` where EMR is not
    configured, or where its release has no such sessions.
    """

    def __init__(self, settings: Settings, *, has_sessions: bool = False) -> None:
        if not settings.emr.is_configured:
            raise SettingsError(
                "LAKE_EMR_SERVICE_ROLE and LAKE_EMR_INSTANCE_PROFILE: expected the roles of a "
                "cluster, found none. docs/compute.md says how to make them."
            )
        self._root = settings.root
        self._settings = settings.emr_notebook
        asked = session_cluster if has_sessions else livy_cluster
        self._asked = asked(settings.emr, settings.emr_notebook, settings.root)
        self._clusters = LakeClusters(settings.aws, settings.root)

    def find(self) -> str | None:
        """The id of the one there is, however far it is."""
        return self._clusters.oldest(self._asked["Name"])

    def start(self) -> str:
        """Start one, or find the one that somebody started meanwhile, or an answer got lost of.

        Raises `EngineUnavailable` where EMR has not answered for some minutes.
        """
        pace = Pace(patience_seconds=_PATIENCE_SECONDS)
        return pace.patiently(lambda: self.find() or self._clusters.start(self._asked), "EMR", _log)

    def ready(
        self, cluster_id: str, said: Callable[[str], None], seconds: float = _LOOK_SECONDS
    ) -> NotebookCluster:
        """Wait until it is up; `said` is told each state that it comes to, once.

        Raises `EngineError` where it ends instead, `EngineUnavailable` after twenty minutes.
        """
        states: list[str] = []

        def look() -> ClusterTypeDef:
            found = self._clusters.describe(cluster_id)
            if (ended := cluster_end(found["Status"])) is not None:
                raise EngineError(f"{cluster_id}: {ended} See {self._clusters.url(cluster_id)}")
            state = found["Status"]["State"]
            if state not in states:
                states.append(state)
                said(state)
            return found

        try:
            found = Retrying(
                retry=retry_if_result(lambda each: each["Status"]["State"] not in _READY),
                wait=wait_exponential(multiplier=seconds / 8, max=seconds),
                stop=stop_after_delay(_START_SECONDS),
            )(look)
        except RetryError as error:
            raise EngineUnavailable(
                f"Expected cluster {cluster_id} to be up within {_START_SECONDS / 60:.0f} minutes, "
                f"found it {states[-1]}. See {self._clusters.url(cluster_id)}"
            ) from error
        host = found.get("MasterPublicDnsName", "")
        return NotebookCluster(
            cluster_id,
            self._settings.livy or f"http://{host}:{_LIVY_PORT}",
            self._settings.yarn or f"http://{host}:{_YARN_PORT}",
            self._clusters.url(cluster_id),
        )

    def end(self, cluster_id: str) -> None:
        """End it, with whatever it runs."""
        self._clusters.terminate(cluster_id)


def livy_cluster(
    emr: EmrSettings, settings: EmrNotebookSettings, root: str
) -> RunJobFlowInputTypeDef:
    """What is asked of EMR: one with Livy."""
    request = _cluster(emr, settings, root, _APPLICATIONS)
    livy: ConfigurationUnionTypeDef = {
        "Classification": "livy-conf",
        "Properties": {
            "livy.server.session.timeout": f"{settings.idle_minutes}m",
            "livy.server.session.timeout-check": "true",
        },
    }
    request["Configurations"] = [*request.get("Configurations", []), livy]
    return request


def session_cluster(
    emr: EmrSettings, settings: EmrNotebookSettings, root: str
) -> RunJobFlowInputTypeDef:
    """What is asked of EMR: one that takes Spark Connect sessions, which EMR itself ends."""
    if not emr.release.startswith(_WITH_SESSIONS):
        raise SettingsError(
            f"LAKE_EMR_RELEASE: expected {_WITH_SESSIONS}0 or later, whose clusters take Spark "
            f"Connect sessions, found {emr.release!r}. Set it, or use `lake notebook --on emr`, "
            "which goes over Livy."
        )
    return {**_cluster(emr, settings, root, ("Spark",)), "SessionEnabled": True}


def _cluster(
    emr: EmrSettings, settings: EmrNotebookSettings, root: str, applications: tuple[str, ...]
) -> RunJobFlowInputTypeDef:
    """Another name, and so another cluster, for other settings."""
    extra = [each for each in emr.applications if each not in applications]
    wanted = replace(
        emr,
        applications=(*applications, *extra),
        core_instances=settings.core_instances,
        keep_minutes=settings.idle_minutes,
    )
    said = [asdict(wanted), cluster_override(wanted.cluster_file)]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
    name = f"{lake_name(root)}notebooks {digest[:12]}"
    return cluster(wanted, root, name, tag_values({LAKE_TAG: root}))
