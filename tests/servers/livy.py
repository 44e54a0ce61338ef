"""Livy's REST API for sessions, from its documentation: no Livy runs here.

Source: Apache Livy 0.8, "REST API" (GET /sessions, POST /sessions, GET and DELETE /sessions/{id},
and the table of session states). What Spark does is not stood in for: a session has a state, and a
test says which.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass
class LivySession:
    """One session, as Livy answers it."""

    id: int
    state: str = "starting"
    kind: str = "pyspark"
    owner: str | None = None
    app_id: str | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "name": None,
            "appId": self.app_id,
            "owner": self.owner,
            "proxyUser": None,
            "state": self.state,
            "kind": self.kind,
            "appInfo": {"driverLogUrl": None, "sparkUiUrl": None},
            "log": [],
        }


@dataclass
class Livy:
    """A server's sessions; `answer` is for `json_server`."""

    sessions: dict[int, LivySession] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, state: str, owner: str | None = None, app_id: str | None = None) -> LivySession:
        """A session that somebody made before."""
        made = LivySession(next(self._numbers), state, owner=owner, app_id=app_id)
        self.sessions[made.id] = made
        return made

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        parts = urlsplit(path)
        if parts.path == "/sessions":
            return self._made(body) if method == "POST" else self._page(parts.query)
        number = parts.path.removeprefix("/sessions/")
        if not number.isdigit() or int(number) not in self.sessions:
            return 404, {"msg": f"Session '{number}' not found."}
        if method == "DELETE":
            del self.sessions[int(number)]
            return 200, {"msg": "deleted"}
        return 200, self.sessions[int(number)].to_json()

    def _made(self, body: bytes) -> tuple[int, object]:
        made = self.add("starting")
        made.kind = json.loads(body).get("kind", "shared")
        return 201, made.to_json()

    def _page(self, query: str) -> tuple[int, object]:
        """Sessions from `from`, at most `size` of them: 100 unless told otherwise."""
        asked = parse_qs(query)
        first, size = int(asked.get("from", ["0"])[0]), int(asked.get("size", ["100"])[0])
        listed = [each.to_json() for each in self.sessions.values()]
        shown = listed[first : first + size]
        return 200, {"from": first, "total": len(listed), "sessions": shown}
