"""Spark Connect sessions on a cluster of EMR: a server each, which EMR starts, guards and ends.

Source: Amazon EMR API Reference, StartSession, GetSession, GetSessionEndpoint, ListSessions and
TerminateSession (releases emr-spark-8.0.0 and later); Management Guide, "Interactive sessions": the
endpoint is reached on port 443 with a token of an hour, as `x-aws-proxy-auth`, and the session's id,
as `authorization`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

from resources.aws import AwsSettings
from resources.compute.emr_clusters import LakeClusters
from resources.errors import EngineError, EngineUnavailable, SettingsError

if TYPE_CHECKING:
    from types_boto3_emr.type_defs import SessionTypeDef, StartSessionInputTypeDef

_READY = frozenset({"STARTED", "IDLE", "BUSY"})
_OVER = frozenset({"TERMINATING", "TERMINATED", "FAILED"})
_START_SECONDS, _LOOK_SECONDS = 600.0, 5.0
#: A token is replaced so long before it ends.
_MARGIN = timedelta(minutes=5)
_ADDRESS = re.compile(r"emr://(?P<cluster>j-\w+)/(?P<session>[\w-]+)")


@dataclass(frozen=True)
class SessionAddress:
    """Which session; as text it is `emr://<cluster>/<session>`, a value of LAKE_SPARK_REMOTE."""

    cluster: str
    session: str

    @staticmethod
    def of(text: str) -> SessionAddress:
        """Raises `SettingsError` for anything else."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise SettingsError(
                f"Expected a session on EMR, as emr://j-1ABC/is-2DEF, found {text!r}. "
                "`lake notebook --on emr-connect` starts one and names it."
            )
        return SessionAddress(found["cluster"], found["session"])

    def __str__(self) -> str:
        return f"emr://{self.cluster}/{self.session}"


@dataclass(frozen=True)
class Endpoint:
    """Where a session is reached, as Spark's client has it, and the token until it ends."""

    address: str
    token: str
    expires: datetime


class EmrSessions:
    """Starts, reaches and ends sessions. Making one opens nothing."""

    def __init__(self, aws: AwsSettings, root: str) -> None:
        self._clusters = LakeClusters(aws, root)

    def start(self, cluster: str, name: str, idle_minutes: int, role: str = "") -> SessionAddress:
        """Start one, which EMR ends once it has been idle for so long."""
        asked: StartSessionInputTypeDef = {
            "ClusterId": cluster,
            "Name": name,
            "SessionIdleTimeoutInMinutes": idle_minutes,
        }
        if role:
            asked["ExecutionRoleArn"] = role
        with self._clusters.asking("start a session", "StartSession", f"cluster/{cluster}"):
            made = self._clusters.client.start_session(**asked)
        return SessionAddress(cluster, made["Id"])

    def ready(
        self, address: SessionAddress, said: Callable[[str], None], seconds: float = _LOOK_SECONDS
    ) -> None:
        """Wait until it takes queries; `said` is told each state that it comes to, once.

        Raises `EngineError` where it ends instead, `EngineUnavailable` after ten minutes.
        """
        states: list[str] = []

        def look() -> str:
            found = self._session(address)
            if found["State"] in _OVER:
                raise EngineError(
                    f"Session {address.session} is {found['State']}: "
                    f"{found.get('StateChangeReason', 'EMR gives no reason')}"
                )
            if found["State"] not in states:
                states.append(found["State"])
                said(found["State"])
            return found["State"]

        try:
            Retrying(
                retry=retry_if_result(lambda state: state not in _READY),
                wait=wait_exponential(multiplier=seconds / 8, max=seconds),
                stop=stop_after_delay(_START_SECONDS),
            )(look)
        except RetryError as error:
            raise EngineUnavailable(
                f"Expected session {address.session} to start within {_START_SECONDS / 60:.0f} "
                f"minutes, found it {states[-1]}. `yarn application -list` on the cluster says what "
                f"it waits for: {self._clusters.url(address.cluster)}"
            ) from error

    def endpoint(self, address: SessionAddress) -> Endpoint:
        """Where it is reached, with a new token; raises `EngineError` once it is over."""
        state = self._session(address)["State"]
        if state in _OVER:
            raise EngineError(
                f"Session {address.session} on {address.cluster} is {state}: EMR ends one that is "
                "idle, and one whose cluster ends. What is saved is unharmed; leave JupyterLab and "
                "start it again by `lake notebook --on emr-connect`, then run the cells again."
            )
        with self._clusters.asking(
            "reach a session", "GetSessionEndpoint", f"cluster/{address.cluster}"
        ):
            found = self._clusters.client.get_session_endpoint(
                ClusterId=address.cluster, SessionId=address.session
            )
        return Endpoint(
            _spark_address(found["Endpoint"]), found["AuthToken"], found["AuthTokenExpirationTime"]
        )

    def token(self, address: SessionAddress) -> Callable[[], str]:
        """A function that gives a token which is valid, asking for another before one ends."""
        known: list[Endpoint] = []

        def current() -> str:
            if not known or known[0].expires - _MARGIN < datetime.now(UTC):
                known[:] = [self.endpoint(address)]
            return known[0].token

        return current

    def others(self, cluster: str, mine: str) -> list[str]:
        """Ids of the cluster's sessions that are not over, but for one."""
        with self._clusters.asking("list sessions", "ListSessions", f"cluster/{cluster}"):
            pages = self._clusters.client.get_paginator("list_sessions").paginate(ClusterId=cluster)
            found = [each for page in pages for each in page.get("Sessions", [])]
        return [each["Id"] for each in found if each["State"] not in _OVER and each["Id"] != mine]

    def end(self, address: SessionAddress) -> None:
        """End it, with whatever it runs."""
        with self._clusters.asking(
            "end a session", "TerminateSession", f"cluster/{address.cluster}"
        ):
            self._clusters.client.terminate_session(
                ClusterId=address.cluster, SessionId=address.session
            )

    def _session(self, address: SessionAddress) -> SessionTypeDef:
        with self._clusters.asking("look at a session", "GetSession", f"cluster/{address.cluster}"):
            return self._clusters.client.get_session(
                ClusterId=address.cluster, SessionId=address.session
            )["Session"]


def _spark_address(endpoint: str) -> str:
    """`https://host` as Spark's client has it, which else takes port 15002."""
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    is_secure = parts.scheme != "http"
    port = parts.port or (443 if is_secure else 80)
    return f"sc://{parts.hostname}:{port}/;use_ssl={str(is_secure).lower()}"
