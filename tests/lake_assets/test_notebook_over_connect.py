"""`lake notebook --on emr-connect`: a session on a cluster, used by a notebook, and ended."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lake_assets.cli import app
from lake_assets.notebook_over_connect import run_over_connect
from resources.compute.emr_notebook import NotebookClusters
from resources.compute.emr_sessions import EmrSessions, SessionAddress
from resources.errors import EngineError, SettingsError
from resources.settings import Settings, load_settings
from tests.servers.emr import serving
from tests.servers.emr_sessions import EmrWithSessions
from tests.servers.spark_connect import spark_connect

ENVIRONMENT = {
    "LAKE_ROOT": "s3://bucket/lake",
    "LAKE_AWS_REGION": "eu-west-1",
    "LAKE_EMR_SERVICE_ROLE": "service",
    "LAKE_EMR_INSTANCE_PROFILE": "instances",
    "LAKE_EMR_RELEASE": "emr-spark-8.0.0",
    "LAKE_EMR_STEP_ROLE": "arn:aws:iam::123456789012:role/analyst",
}
#: What a notebook does, in place of JupyterLab.
NOTEBOOK = """
from pyspark.sql import functions as F
from lake_assets.notebook import open_lake
lake = open_lake()
frame = lake.spark.range(10).where(F.col("id") > 3)
print("rows", frame.count(), type(frame).__module__)
"""


@pytest.fixture
def emr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmrWithSessions]:
    server = EmrWithSessions(tmp_path / "emr", "https://is-1.elasticmapreduce-services.test")
    with serving(server) as url:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("COLUMNS", "300")
        for name, value in {**ENVIRONMENT, "LAKE_EMR_ENDPOINT": url}.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def settings(emr: EmrWithSessions) -> Settings:
    assert emr.clusters == {}
    return load_settings()


def test_a_session_is_started_named_to_the_kernels_and_ended(
    emr: EmrWithSessions, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    program = [sys.executable, "-c", "import os; print(os.environ['LAKE_SPARK_REMOTE'])"]
    assert run_over_connect(settings, program) == 0
    [cluster] = emr.clusters.values()
    [session] = emr.sessions.values()
    out = capfd.readouterr().out
    assert f"\nemr://{cluster.id}/{session.id}\n" in out
    assert f"Cluster {cluster.id} is ending" in out
    assert (session.state, cluster.is_alive) == ("TERMINATED", False)
    assert session.asked["SessionIdleTimeoutInMinutes"] == 30
    assert session.asked["ExecutionRoleArn"] == ENVIRONMENT["LAKE_EMR_STEP_ROLE"]
    assert cluster.asked["AutoTerminationPolicy"] == {"IdleTimeout": 1800}
    assert [each["Name"] for each in cluster.asked["Applications"]] == ["Spark"]


def test_the_command_gives_jupyterlabs_exit_code(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def run(settings: Settings, command: list[str]) -> int:
        given.extend([settings, *command[1:3]])
        return 7

    monkeypatch.setattr("lake_assets.notebook_over_connect.run_over_connect", run)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    done = CliRunner().invoke(app, ["notebook", str(tmp_path), "--on", "emr-connect"])
    assert done.exit_code == 7, done.output
    assert given == [settings, "-m", "jupyterlab"]


def test_a_cluster_that_colleagues_use_stays(
    emr: EmrWithSessions, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    clusters = NotebookClusters(settings, has_sessions=True)
    there = clusters.ready(clusters.start(), lambda _: None, 0.05).id
    for state in ("FAILED", "TERMINATED", "BUSY"):
        emr.add(there, state)
    assert run_over_connect(settings, [sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert "Sessions: is-0003. The cluster ends 30 minutes after" in capfd.readouterr().out
    assert [each.id for each in emr.clusters.values() if each.is_alive] == [there]


def test_a_token_is_asked_for_again_before_it_ends(
    emr: EmrWithSessions, settings: Settings
) -> None:
    clusters = NotebookClusters(settings, has_sessions=True)
    cluster = clusters.ready(clusters.start(), lambda _: None, 0.05).id
    sessions = EmrSessions(settings.aws, settings.root)
    address = sessions.start(cluster, "mine", 30)
    assert SessionAddress.of(str(address)) == address
    sessions.ready(address, lambda _: None, 0.05)
    found = sessions.endpoint(address)
    assert found.address == "sc://is-1.elasticmapreduce-services.test:443/;use_ssl=true"
    token = sessions.token(address)
    assert token() == token() == "token-2"
    emr.token_seconds = 200
    short = sessions.token(address)
    assert [short(), short()] == ["token-3", "token-4"]
    sessions.end(address)
    with pytest.raises(EngineError, match="EMR ends one that is idle"):
        short()
    with pytest.raises(EngineError, match="is TERMINATED: EMR gives no reason"):
        sessions.ready(address, lambda _: None, 0.05)


def test_what_has_no_sessions_is_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"emr://j-1ABC/is-2DEF, found 'emr://j-1'"):
        SessionAddress.of("emr://j-1")
    older = load_settings({**ENVIRONMENT, "LAKE_EMR_RELEASE": "emr-7.13.0"})
    with pytest.raises(SettingsError, match=r"LAKE_EMR_RELEASE: expected emr-spark-8.0 or later"):
        NotebookClusters(older, has_sessions=True)
    assert settings.spark_remote == ""


@pytest.mark.notebook
def test_every_call_carries_the_session_and_a_token_that_is_valid() -> None:
    pytest.importorskip("grpc_status", reason="of the extra `notebook`")
    # In a process of its own: Spark Connect's client marks the one that it is in.
    code = """
import copy, itertools
from resources.emr_connect import EmrChannel
tokens = map("token-{}".format, itertools.count(1))
channel = EmrChannel("sc://host:443/;use_ssl=true", "is-1", lambda: next(tokens))
print(channel.metadata(), channel.metadata()[0], channel.endpoint, channel.secure)
copy.deepcopy(EmrChannel("sc://host:443/", "is-1", lambda: "x"))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == (
        "[('x-aws-proxy-auth', 'token-1'), ('authorization', 'is-1')] "
        "('x-aws-proxy-auth', 'token-2') host:443 True\n"
    ), done.stderr


@pytest.mark.slow
@pytest.mark.notebook
def test_a_notebook_asks_the_sessions_server(
    emr: EmrWithSessions, settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The server is Spark's own, its endpoint without TLS."""
    pytest.importorskip("grpc_status", reason="of the extra `notebook`")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with spark_connect(tmp_path / "server") as server:
        emr.endpoint = f"http://127.0.0.1:{server.port}"
        assert run_over_connect(settings, [sys.executable, "-c", NOTEBOOK]) == 0
    assert "rows 6 pyspark.sql.connect.dataframe" in capfd.readouterr().out
    assert emr.calls["GetSessionEndpoint"] >= 2
