"""EMR's control plane over HTTP, whose steps run for real.

It speaks the JSON protocol of boto3's own model of EMR and keeps to what the Amazon EMR API
Reference says of clusters' and steps' states (RunJobFlow, AddJobFlowSteps, CancelSteps,
TerminateJobFlows, AutoTerminationPolicy, "Understanding the cluster lifecycle"). moto's EMR has no
steps that move, no CancelSteps and no auto-termination. What a step does is up to the `Launcher`.
"""

from __future__ import annotations

import gzip
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol

from tests.servers.json_http import served

Json = dict[str, Any]
#: Asked of every request: a status and an error's code in place of an answer, or None.
Fault = Callable[[str, Mapping[str, Any]], "tuple[int, str] | None"]
_ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
_TICK_SECONDS = 0.02


class Running(Protocol):
    """What a step has started."""

    stdout: Path
    stderr: Path

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""

    def kill(self) -> None:
        """End what launched the job; whether the job ends with it is the launcher's business."""


#: Starts a step: its arguments, and a folder for its files.
Launcher = Callable[[list[str], Path], Running]


@dataclass
class Step:
    """A step, and what it has started."""

    id: str
    config: Json
    created: float
    state: str = "PENDING"
    started: float | None = None
    ended: float | None = None
    running: Running | None = None
    failure: Json = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.config["Name"])

    def to_json(self) -> Json:
        timeline = {"CreationDateTime": self.created}
        timeline |= {"StartDateTime": self.started} if self.started else {}
        timeline |= {"EndDateTime": self.ended} if self.ended else {}
        status = {"State": self.state, "StateChangeReason": {}, "Timeline": timeline}
        status |= {"FailureDetails": self.failure} if self.failure else {}
        return {
            "Id": self.id,
            "Name": self.name,
            "ActionOnFailure": self.config["ActionOnFailure"],
            "Config": {"Jar": "command-runner.jar", "Args": self.config["HadoopJarStep"]["Args"]},
            "Status": status,
        }


@dataclass
class Cluster:
    """A cluster as it was asked for, and how far it is."""

    id: str
    asked: Json
    created: float
    steps: list[Step] = field(default_factory=list)
    state: str = "STARTING"
    reason: Json = field(default_factory=dict)
    idle_since: float | None = None
    ended: float | None = None

    @property
    def name(self) -> str:
        return str(self.asked["Name"])

    @property
    def is_alive(self) -> bool:
        return self.state in _ALIVE

    def to_json(self) -> Json:
        timeline = {"CreationDateTime": self.created}
        timeline |= {"EndDateTime": self.ended} if self.ended else {}
        address = (
            {} if self.state == "STARTING" else {"MasterPublicDnsName": "ip-10-0-0-1.internal"}
        )
        return {
            **address,
            "Id": self.id,
            "Name": self.name,
            "LogUri": self.asked.get("LogUri"),
            "ReleaseLabel": self.asked["ReleaseLabel"],
            "Tags": self.asked.get("Tags", []),
            "Status": {
                "State": self.state,
                "StateChangeReason": self.reason,
                "Timeline": timeline,
            },
        }

    def instances(self) -> list[Json]:
        timeline = {"CreationDateTime": self.created, "ReadyDateTime": self.created}
        timeline |= {"EndDateTime": self.ended} if self.ended else {}
        found = [
            {
                "Id": f"ci-{group['InstanceRole']}-{number}",
                "InstanceType": group["InstanceType"],
                "Market": group.get("Market", "ON_DEMAND"),
                "Status": {"State": "RUNNING", "Timeline": timeline},
            }
            for group in self.asked["Instances"].get("InstanceGroups", [])
            for number in range(group["InstanceCount"])
        ]
        for fleet in self.asked["Instances"].get("InstanceFleets", []):
            spot = fleet.get("TargetSpotCapacity", 0)
            found += [
                {
                    "Id": f"ci-{fleet['Name']}-{number}",
                    "InstanceType": fleet["InstanceTypeConfigs"][0]["InstanceType"],
                    "Market": "SPOT" if spot else "ON_DEMAND",
                    "Status": {"State": "RUNNING", "Timeline": timeline},
                }
                for number in range(spot or fleet["TargetOnDemandCapacity"])
            ]
        return found


class Refused(Exception):
    """A request that EMR answers with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EmrServer:
    """Clusters and their steps. `hold` keeps new clusters from getting beyond STARTING.

    `speed` is how many seconds of the service go by in one of ours, for auto-termination and for
    `start_seconds`, which a cluster takes to start.
    """

    def __init__(
        self, launch: Launcher, folder: Path, put_log: Callable[[str, bytes], None]
    ) -> None:
        self.clusters: dict[str, Cluster] = {}
        self.calls: Counter[str] = Counter()
        self.fault: Fault = lambda _action, _request: None
        #: Called once an action is done and before it is answered.
        self.after: Callable[[str], None] = lambda _action: None
        self.hold = threading.Event()
        self.has_logs = True
        self.speed = 1.0
        self.start_seconds = 0.0
        self._lost: Counter[str] = Counter()
        self._launch = launch
        self._folder = folder
        self._put_log = put_log
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._clock.start()

    @property
    def steps(self) -> list[Step]:
        """Every step there ever was, the oldest first."""
        with self._lock:
            return sorted(
                (step for each in self.clusters.values() for step in each.steps),
                key=lambda step: step.id,
            )

    def lose_answer(self, action: str) -> None:
        """Carry out the next request of an action, and answer it with an error."""
        self._lost[action] += 1

    def answer(self, action: str, request: Json) -> Json:
        """What the service answers; raises `Refused`."""
        self.calls[action] += 1
        if (fault := self.fault(action, request)) is not None:
            raise _Fault(*fault)
        with self._lock:
            done: Json = getattr(self, f"_{action}")(request)
        self.after(action)
        if self._lost[action]:
            self._lost[action] -= 1
            raise _Fault(500, "InternalServerError")
        return done

    def end_cluster(self, cluster: str, state: str, code: str, message: str) -> None:
        """End a cluster as the service does by itself: its steps stay in whatever state they are."""
        with self._lock:
            self._end(self.clusters[cluster], state, {"Code": code, "Message": message})

    def close(self) -> None:
        """Stop the clock, and everything that runs."""
        self._over.set()
        self._clock.join()
        for step in self.steps:
            if step.running is not None and step.running.poll() is None:
                step.running.kill()

    # --- Actions, by their names in the API ---

    def _RunJobFlow(self, request: Json) -> Json:  # noqa: N802
        keeps = request["Instances"]["KeepJobFlowAliveWhenNoSteps"]
        if not keeps and not request.get("Steps"):
            raise Refused("ValidationException", "A cluster without steps would end at once")
        made = Cluster(f"j-{next(self._numbers):013d}", request, time.time())
        self.clusters[made.id] = made
        self._add(made, request.get("Steps", []))
        return {"JobFlowId": made.id, "ClusterArn": f"arn:aws:elasticmapreduce:::{made.id}"}

    def _AddJobFlowSteps(self, request: Json) -> Json:  # noqa: N802
        found = self._cluster(request["JobFlowId"])
        if not found.is_alive:
            raise Refused(
                "ValidationException",
                "A job flow that is shutting down, terminating, or finished may not be modified.",
            )
        return {"StepIds": self._add(found, request["Steps"])}

    def _CancelSteps(self, request: Json) -> Json:  # noqa: N802
        found = self._cluster(request["ClusterId"])
        said = []
        for step in found.steps:
            if step.id not in request["StepIds"]:
                continue
            if step.state == "PENDING":
                step.state, step.ended = "CANCELLED", time.time()
            elif step.state == "RUNNING":
                step.state = "CANCEL_PENDING"
                threading.Thread(target=self._kill, args=(step,), daemon=True).start()
            else:
                said.append({"StepId": step.id, "Status": "FAILED", "Reason": "not cancellable"})
                continue
            said.append({"StepId": step.id, "Status": "SUBMITTED", "Reason": ""})
        return {"CancelStepsInfoList": said}

    def _TerminateJobFlows(self, request: Json) -> Json:  # noqa: N802
        for each in request["JobFlowIds"]:
            found = self._cluster(each)
            if found.is_alive:
                for step in found.steps:
                    if step.state in ("PENDING", "RUNNING"):
                        step.state, step.ended = "CANCELLED", time.time()
                reason = {"Code": "USER_REQUEST", "Message": "Terminated by user request"}
                self._end(found, "TERMINATED", reason)
        return {}

    def _ListClusters(self, request: Json) -> Json:  # noqa: N802
        """Newest first, two to a page: the service's pages hold fifty."""
        states = request.get("ClusterStates")
        found = [
            each.to_json()
            for each in reversed(self.clusters.values())
            if (not states or each.state in states)
            and each.created >= request.get("CreatedAfter", 0)
        ]
        start = int(request.get("Marker", 0))
        more = {"Marker": str(start + 2)} if len(found) > start + 2 else {}
        return {"Clusters": found[start : start + 2], **more}

    def _DescribeCluster(self, request: Json) -> Json:  # noqa: N802
        return {"Cluster": self._cluster(request["ClusterId"]).to_json()}

    def _ListSteps(self, request: Json) -> Json:  # noqa: N802
        steps = self._cluster(request["ClusterId"]).steps
        return {"Steps": [each.to_json() for each in reversed(steps)]}

    def _DescribeStep(self, request: Json) -> Json:  # noqa: N802
        for each in self._cluster(request["ClusterId"]).steps:
            if each.id == request["StepId"]:
                return {"Step": each.to_json()}
        raise Refused("InvalidRequestException", f"Step id '{request['StepId']}' is not valid.")

    def _ListInstances(self, request: Json) -> Json:  # noqa: N802
        return {"Instances": self._cluster(request["ClusterId"]).instances()}

    # --- What goes on by itself ---

    def _tick(self) -> None:
        while not self._over.wait(_TICK_SECONDS):
            with self._lock:
                for each in list(self.clusters.values()):
                    if each.is_alive:
                        self._advance(each)

    def _advance(self, cluster: Cluster) -> None:
        if cluster.state == "STARTING":
            age = (time.time() - cluster.created) * self.speed
            if not self.hold.is_set() and age >= self.start_seconds:
                cluster.state = "WAITING"
            return
        for step in cluster.steps:
            self._see(cluster, step)
        if not cluster.is_alive:
            return
        running = [each for each in cluster.steps if each.state in ("RUNNING", "CANCEL_PENDING")]
        waiting = [each for each in cluster.steps if each.state == "PENDING"]
        free = int(cluster.asked.get("StepConcurrencyLevel", 1)) - len(running)
        for step in waiting[: max(free, 0)]:
            self._start(cluster, step)
        if running or waiting:
            cluster.state, cluster.idle_since = "RUNNING", None
            return
        cluster.state = "WAITING"
        cluster.idle_since = cluster.idle_since or time.monotonic()
        self._end_if_idle(cluster)

    def _end_if_idle(self, cluster: Cluster) -> None:
        if cluster.steps and not cluster.asked["Instances"]["KeepJobFlowAliveWhenNoSteps"]:
            done = {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}
            self._end(cluster, "TERMINATED", done)
            return
        policy = cluster.asked.get("AutoTerminationPolicy")
        idle = (time.monotonic() - (cluster.idle_since or 0)) * self.speed
        if policy and idle >= policy["IdleTimeout"]:
            self._end(cluster, "TERMINATED", {"Code": "USER_REQUEST", "Message": "Auto-terminated"})

    def _start(self, cluster: Cluster, step: Step) -> None:
        step.state, step.started = "RUNNING", time.time()
        folder = self._folder / cluster.id / step.id
        try:
            step.running = self._launch(list(step.config["HadoopJarStep"]["Args"]), folder)
        except Exception as error:  # noqa: BLE001 - the test that waits for the step is to know it
            step.state, step.ended = "FAILED", time.time()
            step.failure = {"Message": f"{type(error).__name__}: {error}"}

    def _see(self, cluster: Cluster, step: Step) -> None:
        """Move a step on when what it started has ended."""
        if step.running is None or step.state not in ("RUNNING", "CANCEL_PENDING"):
            return
        code = step.running.poll()
        if code is None:
            return
        step.ended = time.time()
        self._upload_log(cluster, step)
        if step.state == "CANCEL_PENDING":
            step.state = "CANCELLED"
        elif code == 0:
            step.state = "COMPLETED"
        else:
            step.state = "FAILED"
            log = f"{cluster.asked['LogUri']}{cluster.id}/steps/{step.id}/stderr.gz"
            step.failure = {"Reason": "Unknown Error.", "LogFile": log}
            if step.config["ActionOnFailure"] == "TERMINATE_CLUSTER":
                failed = {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
                self._end(cluster, "TERMINATED_WITH_ERRORS", failed)

    def _end(self, cluster: Cluster, state: str, reason: Json) -> None:
        """The machines go, and all that runs on them."""
        cluster.state, cluster.reason, cluster.ended = state, reason, time.time()
        for step in cluster.steps:
            threading.Thread(target=self._kill, args=(step,), daemon=True).start()

    def _kill(self, step: Step) -> None:
        if step.running is not None and step.running.poll() is None:
            step.running.kill()

    def _upload_log(self, cluster: Cluster, step: Step) -> None:
        if not self.has_logs or step.running is None or "LogUri" not in cluster.asked:
            return
        for path in (step.running.stdout, step.running.stderr):
            if path.is_file():
                address = f"{cluster.asked['LogUri']}{cluster.id}/steps/{step.id}/{path.name}.gz"
                self._put_log(address, gzip.compress(path.read_bytes()))

    def _add(self, cluster: Cluster, configs: list[Json]) -> list[str]:
        added = [Step(f"s-{next(self._numbers):013d}", each, time.time()) for each in configs]
        cluster.steps += added
        return [each.id for each in added]

    def _cluster(self, name: str) -> Cluster:
        if name not in self.clusters:
            raise Refused("InvalidRequestException", f"Cluster id '{name}' is not valid.")
        return self.clusters[name]


class _Fault(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@contextmanager
def serving(server: EmrServer) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            action = self.headers["X-Amz-Target"].rpartition(".")[2]
            try:
                self._send(200, server.answer(action, json.loads(body)))
            except Refused as error:
                self._send(400, {"__type": error.code, "message": str(error)})
            except _Fault as error:
                self._send(error.status, {"__type": error.code, "message": error.code})

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _send(self, status: int, answer: Json) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    try:
        with served(Handler) as url:
            yield url
    finally:
        server.close()
