"""Spark Connect sessions of the tests' EMR, from boto3's own model of it and its documentation.

Source: Amazon EMR API Reference, StartSession and its kin; Management Guide, "Interactive sessions".
What a session is reached at is up to the test: a real Spark Connect server. The service's endpoint
is TLS on port 443, this one's is not.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tests.servers.emr import EmrServer, Json, Refused

_TOKEN_SECONDS = 3600


@dataclass
class Session:
    """A session as it was asked for, and how far it is."""

    id: str
    asked: Json
    states: list[str] = field(default_factory=lambda: ["IDLE", "STARTING", "SUBMITTED"])

    @property
    def state(self) -> str:
        return self.states[-1]

    def to_json(self) -> Json:
        """As it is now; each look at it finds it one state further."""
        found = {
            "Id": self.id,
            "ClusterId": self.asked["ClusterId"],
            "Arn": f"arn:aws:elasticmapreduce:::session/{self.id}",
            "Name": self.asked.get("Name", ""),
            "State": self.state,
        }
        if len(self.states) > 1:
            self.states.pop()
        return found


def no_steps(*_: object) -> NoReturn:
    raise AssertionError("a notebook's cluster has no steps")


class EmrWithSessions(EmrServer):
    """EMR whose clusters take sessions, all of them reached at `endpoint`."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        super().__init__(no_steps, folder, lambda *_: None)
        self.sessions: dict[str, Session] = {}
        self.endpoint = endpoint
        self.token_seconds = _TOKEN_SECONDS
        self._tokens = itertools.count(1)

    def add(self, cluster: str, state: str) -> Session:
        """A session that somebody made before."""
        made = Session(f"is-{len(self.sessions) + 1:04d}", {"ClusterId": cluster}, [state])
        self.sessions[made.id] = made
        return made

    def _StartSession(self, request: Json) -> Json:  # noqa: N802
        found = self._cluster(request["ClusterId"])
        if not found.asked.get("SessionEnabled") or found.state not in ("RUNNING", "WAITING"):
            raise Refused("InvalidRequestException", f"{found.id} takes no sessions.")
        made = Session(f"is-{len(self.sessions) + 1:04d}", request)
        self.sessions[made.id] = made
        return {"Id": made.id, "ClusterId": found.id, "State": made.state}

    def _GetSession(self, request: Json) -> Json:  # noqa: N802
        return {"Session": self._session(request).to_json()}

    def _GetSessionEndpoint(self, request: Json) -> Json:  # noqa: N802
        self._session(request)
        return {
            "Endpoint": self.endpoint,
            "AuthToken": f"token-{next(self._tokens)}",
            "AuthTokenExpirationTime": time.time() + self.token_seconds,
        }

    def _ListSessions(self, request: Json) -> Json:  # noqa: N802
        """One to a page."""
        found = [
            each.to_json()
            for each in self.sessions.values()
            if each.asked["ClusterId"] == request["ClusterId"]
        ]
        start = int(request.get("NextToken", 0))
        more: dict[str, Any] = {"NextToken": str(start + 1)} if len(found) > start + 1 else {}
        return {"Sessions": found[start : start + 1], **more}

    def _TerminateSession(self, request: Json) -> Json:  # noqa: N802
        found = self._session(request)
        found.states = ["TERMINATED", "TERMINATING"]
        return {"ClusterId": request["ClusterId"], "SessionId": found.id, "State": found.state}

    def _session(self, request: Json) -> Session:
        if request["SessionId"] not in self.sessions:
            raise Refused("InvalidRequestException", "Session id is not valid.")
        return self.sessions[request["SessionId"]]
