"""What a YARN cluster has, who holds it, and why an application waits.

Source: Hadoop 3.4, "ResourceManager REST APIs": cluster metrics, applications, capacity scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from resources.compute.rest import ask, number, part, parts, text

_NAME = "YARN's ResourceManager"
#: Of the holders so many are named.
_SHOWN = 5


@dataclass(frozen=True)
class Application:
    """One application that waits or runs; `memory_mb` and `cores` are what it holds."""

    id: str
    name: str
    user: str
    queue: str
    state: str
    memory_mb: int
    cores: int
    minutes: float
    diagnostics: str

    @property
    def is_waiting(self) -> bool:
        return self.state not in ("RUNNING", "FINAL_SAVING")


@dataclass(frozen=True)
class Queue:
    """A queue of the capacity scheduler; `masters_mb` of `masters_limit_mb` its masters hold."""

    name: str
    masters_mb: int
    masters_limit_mb: int


@dataclass(frozen=True)
class YarnState:
    """A cluster at one moment. Memory is in MB."""

    nodes: int
    broken_nodes: int
    total_mb: int
    available_mb: int
    total_cores: int
    available_cores: int
    applications: tuple[Application, ...]
    queues: tuple[Queue, ...]

    @property
    def waiting(self) -> list[Application]:
        return [each for each in self.applications if each.is_waiting]

    @property
    def holders(self) -> list[Application]:
        """Who holds something, the most first."""
        running = [each for each in self.applications if not each.is_waiting]
        return sorted(running, key=lambda each: -each.memory_mb)


def yarn_state(url: str) -> YarnState:
    """Ask a ResourceManager at `http://host:8088`; raises `EngineError`, `EngineUnavailable`."""
    base = f"{url.rstrip('/')}/ws/v1/cluster"
    metrics = part(ask(_NAME, f"{base}/metrics"), "clusterMetrics")
    states = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
    applications = part(ask(_NAME, f"{base}/apps?states={states}"), "apps")
    scheduler = part(part(ask(_NAME, f"{base}/scheduler"), "scheduler"), "schedulerInfo")
    return YarnState(
        nodes=number(metrics, "activeNodes"),
        broken_nodes=number(metrics, "unhealthyNodes") + number(metrics, "lostNodes"),
        total_mb=number(metrics, "totalMB"),
        available_mb=number(metrics, "availableMB"),
        total_cores=number(metrics, "totalVirtualCores"),
        available_cores=number(metrics, "availableVirtualCores"),
        applications=tuple(_application(each) for each in parts(applications, "app")),
        queues=tuple(_queues(scheduler)),
    )


def why_waiting(state: YarnState, needed_mb: int) -> str:
    """Why an application master of so much memory waits: used, queued, held, and what to change."""
    cause, remedy = _cause(state, needed_mb)
    used = state.total_mb - state.available_mb
    lines = [
        f"{cause} {remedy}",
        f"YARN: {used:,} of {state.total_mb:,} MB and "
        f"{state.total_cores - state.available_cores} of {state.total_cores} cores are used, on "
        f"{state.nodes} nodes; {len(state.waiting)} applications wait.",
    ]
    for title, listed in (("waits", state.waiting), ("holds", state.holders)):
        lines += [f"  {title}: {_described(each)}" for each in listed[:_SHOWN]]
        if len(listed) > _SHOWN:
            lines.append(f"  … and {len(listed) - _SHOWN} more")
    return "\n".join(lines)


def _cause(state: YarnState, needed_mb: int) -> tuple[str, str]:
    largest = max((each.masters_limit_mb for each in state.queues), default=0)
    if not state.nodes:
        return (
            f"The cluster has no node that works ({state.broken_nodes} are unhealthy or lost).",
            "A node with a full disk is unhealthy: end the cluster and start another with more disk.",
        )
    if needed_mb > state.total_mb or 0 < largest < needed_mb:
        return (
            f"A session asks for {needed_mb:,} MB, more than the cluster can ever give its master "
            f"({min(state.total_mb, largest or state.total_mb):,} MB).",
            'Ask for less before the first cell, `%%configure -f {"driverMemory": "1g"}`, or start a '
            "cluster of larger instances (LAKE_EMR_INSTANCE_TYPES).",
        )
    full = [
        each
        for each in state.queues
        if 0 < each.masters_limit_mb < each.masters_mb + needed_mb and each.masters_mb
    ]
    if needed_mb > state.available_mb:
        return (
            f"A session asks for {needed_mb:,} MB, and {state.available_mb:,} are free.",
            "End a session that nobody needs (in its notebook `%%cleanup -f`, or shut its kernel "
            "down), or start a cluster with more nodes (LAKE_EMR_NOTEBOOK_CORE_INSTANCES).",
        )
    if full:
        each = full[0]
        return (
            f"There is memory, but of queue {each.name!r} masters may hold {each.masters_limit_mb:,} "
            f"MB and hold {each.masters_mb:,} already.",
            "End an idle session, or raise yarn.scheduler.capacity.maximum-am-resource-percent "
            "(classification capacity-scheduler, in LAKE_EMR_CLUSTER).",
        )
    return (
        "YARN has room for another session.",
        "Wait and run the cell again: a session takes a minute or two on a cluster that has just "
        "started. If it goes on, the log of its application says why.",
    )


def _described(each: Application) -> str:
    said = f"{each.id} {each.name!r} of {each.user} in queue {each.queue}, {each.state} for "
    said += f"{each.minutes:.0f} minutes, {max(each.memory_mb, 0):,} MB, {max(each.cores, 0)} cores"
    return said + (f": {' '.join(each.diagnostics.split())[:200]}" if each.diagnostics else "")


def _application(found: Mapping[str, object]) -> Application:
    return Application(
        id=text(found, "id"),
        name=text(found, "name"),
        user=text(found, "user"),
        queue=text(found, "queue"),
        state=text(found, "state"),
        memory_mb=number(found, "allocatedMB"),
        cores=number(found, "allocatedVCores"),
        minutes=number(found, "elapsedTime") / 60_000,
        diagnostics=text(found, "diagnostics"),
    )


def _queues(found: Mapping[str, object]) -> Iterator[Queue]:
    """Leaf queues, however deep; other schedulers than the capacity scheduler say no limit."""
    below: Sequence[Mapping[str, object]] = parts(part(found, "queues"), "queue")
    for each in below:
        if part(each, "queues"):
            yield from _queues(each)
        else:
            limit = part(each, "AMResourceLimit")
            used = part(each, "usedAMResource")
            yield Queue(text(each, "queueName"), number(used, "memory"), number(limit, "memory"))
