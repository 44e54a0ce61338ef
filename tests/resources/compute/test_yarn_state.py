"""Why a session does not start, as YARN's REST API says it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resources.compute.livy import livy_sessions
from resources.compute.yarn_state import why_waiting, yarn_state
from resources.errors import EngineError, EngineUnavailable
from tests.servers.json_http import json_server
from tests.servers.livy import Livy
from tests.servers.ports import free_port
from tests.servers.yarn_rest import YarnRest, application


@pytest.fixture
def yarn() -> YarnRest:
    return YarnRest()


@pytest.fixture
def url(yarn: YarnRest) -> Iterator[str]:
    with json_server(yarn.answer) as served:
        yield served


def test_who_holds_and_who_waits_is_named(yarn: YarnRest, url: str) -> None:
    yarn.available_mb = 1024
    yarn.applications += [
        application(1, "RUNNING", 3000, "ada"),
        application(2, "RUNNING", 8264, "bo"),
        application(3, "ACCEPTED", 0, "cy", "waiting for AM container\nto be allocated"),
        application(4, "FINISHED", 9000, "gone"),
    ]
    said = why_waiting(yarn_state(url), 1408)
    lines = said.splitlines()
    assert lines[0].startswith("A session asks for 1,408 MB, and 1,024 are free. End a session")
    assert lines[1] == (
        "YARN: 11,264 of 12,288 MB and 2 of 4 cores are used, on 1 nodes; 1 applications wait."
    )
    assert lines[2] == (
        "  waits: application_1762000000000_0003 'livy-session-3' of cy in queue default, ACCEPTED "
        "for 20 minutes, 0 MB, 0 cores: waiting for AM container to be allocated"
    )
    assert "of bo " in lines[3]
    assert "8,264 MB" in lines[3]
    assert "of ada " in lines[4]
    assert "gone" not in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "YARN has room for another session. Wait"),
        ({"nodes": 0, "unhealthy": 1, "total_mb": 0}, "no node that works (1 are unhealthy"),
        ({"total_mb": 1024, "available_mb": 1024}, "more than the cluster can ever give"),
        ({"masters_limit_mb": 1000}, "its master (1,000 MB)"),
        ({"masters_mb": 5000}, "of queue 'default' masters may hold 6,144 MB and hold 5,000"),
    ],
)
def test_each_cause_has_its_own_remedy(
    yarn: YarnRest, url: str, change: dict[str, int], words: str
) -> None:
    vars(yarn).update(change)
    assert words in why_waiting(yarn_state(url), 1408)


def test_sessions_that_are_over_are_left_out() -> None:
    livy = Livy()
    for state in ("idle", "starting", "dead", "busy", "killed"):
        livy.add(state, "ada", "application_1")
    with json_server(livy.answer) as url:
        found = livy_sessions(url)
        assert [(each.id, each.state, each.owner) for each in found] == [
            (0, "idle", "ada"),
            (1, "starting", "ada"),
            (3, "busy", "ada"),
        ]
        with pytest.raises(EngineError, match=r"Expected Livy to answer GET .*404"):
            livy_sessions(f"{url}/else")


def test_a_port_that_nobody_forwards_is_said() -> None:
    with pytest.raises(EngineUnavailable, match="Its port is open inside of the cluster's"):
        livy_sessions(f"http://127.0.0.1:{free_port()}")
    with json_server(lambda *_: (200, [])) as url, pytest.raises(EngineError, match="an object"):
        livy_sessions(url)
