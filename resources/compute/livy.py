"""Sessions of a Livy server, through which notebooks use Spark on a cluster.

Source: Apache Livy 0.8, "REST API": GET /sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resources.compute.rest import ask, number, parts, text

_NAME = "Livy"
_OVER = frozenset({"dead", "error", "killed", "shutting_down", "success"})


@dataclass(frozen=True)
class Session:
    """One session; `application` is YARN's id of it, empty before YARN has accepted it."""

    id: int
    state: str
    kind: str
    owner: str
    application: str

    @property
    def is_waiting(self) -> bool:
        return self.state in ("not_started", "starting", "recovering")

    @property
    def is_working(self) -> bool:
        """Whether somebody's statement runs, or is about to."""
        return self.state == "busy" or self.is_waiting


def livy_sessions(url: str) -> list[Session]:
    """Those that are not over; raises `EngineError`, `EngineUnavailable`."""
    found = parts(ask(_NAME, f"{url.rstrip('/')}/sessions?size=1000"), "sessions")
    sessions = [_session(each) for each in found]
    return [each for each in sessions if each.state not in _OVER]


def _session(found: Mapping[str, object]) -> Session:
    return Session(
        id=number(found, "id"),
        state=text(found, "state"),
        kind=text(found, "kind"),
        owner=text(found, "proxyUser") or text(found, "owner"),
        application=text(found, "appId"),
    )
