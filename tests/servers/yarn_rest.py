"""The ResourceManager's REST API, from Hadoop's documentation: what it says is up to the test.

Source: Hadoop 3.4, "ResourceManager REST APIs": cluster metrics, cluster applications (an object
`app` within `apps`, null where there are none), cluster scheduler of type capacityScheduler.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

Json = dict[str, object]


def application(
    number: int, state: str, memory_mb: int, user: str = "livy", diagnostics: str = ""
) -> Json:
    """An application as the API lists it; one that waits holds -1, as YARN says it."""
    is_running = state == "RUNNING"
    return {
        "id": f"application_1762000000000_{number:04d}",
        "user": user,
        "name": f"livy-session-{number}",
        "queue": "default",
        "state": state,
        "finalStatus": "UNDEFINED",
        "progress": 10.0 if is_running else 0.0,
        "applicationType": "SPARK",
        "diagnostics": diagnostics,
        "elapsedTime": 1_200_000,
        "allocatedMB": memory_mb if is_running else -1,
        "allocatedVCores": 2 if is_running else -1,
        "runningContainers": 2 if is_running else -1,
    }


@dataclass
class YarnRest:
    """One node's cluster; `masters_limit_mb` is what masters may hold of its only queue."""

    total_mb: int = 12288
    available_mb: int = 12288
    nodes: int = 1
    unhealthy: int = 0
    masters_mb: int = 0
    masters_limit_mb: int = 6144
    applications: list[Json] = field(default_factory=list)

    def answer(self, method: str, path: str, _: bytes) -> tuple[int, object]:
        parts = urlsplit(path)
        name = parts.path.removeprefix("/ws/v1/cluster/")
        if method != "GET" or name not in ("metrics", "apps", "scheduler"):
            return 404, {"RemoteException": {"exception": "NotFoundException"}}
        if name == "metrics":
            return 200, {"clusterMetrics": self._metrics()}
        if name == "apps":
            states = parse_qs(parts.query).get("states", [""])[0].split(",")
            found = [each for each in self.applications if each["state"] in states]
            return 200, {"apps": {"app": found} if found else None}
        return 200, {"scheduler": {"schedulerInfo": self._scheduler()}}

    def _metrics(self) -> Json:
        waiting = [each for each in self.applications if each["state"] == "ACCEPTED"]
        return {
            "appsPending": len(waiting),
            "appsRunning": len(self.applications) - len(waiting),
            "availableMB": self.available_mb,
            "allocatedMB": self.total_mb - self.available_mb,
            "totalMB": self.total_mb,
            "availableVirtualCores": 2,
            "totalVirtualCores": 4,
            "activeNodes": self.nodes,
            "lostNodes": 0,
            "unhealthyNodes": self.unhealthy,
        }

    def _scheduler(self) -> Json:
        queue = {
            "type": "capacitySchedulerLeafQueueInfo",
            "queueName": "default",
            "state": "RUNNING",
            "AMResourceLimit": {"memory": self.masters_limit_mb, "vCores": 1},
            "usedAMResource": {"memory": self.masters_mb, "vCores": 1},
        }
        return {"type": "capacityScheduler", "queueName": "root", "queues": {"queue": [queue]}}
