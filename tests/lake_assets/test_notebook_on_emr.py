"""`lake notebook --on emr`: a cluster that is found or started, used, and ended."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lake_assets.cli import app
from lake_assets.notebook_on_emr import leave, run_on_emr, session_state
from lake_assets.notebook_versions import keep, keep_version
from resources.aws import AwsSettings
from resources.compute.emr_notebook import NotebookClusters, livy_cluster
from resources.compute.emr_notebook_settings import EmrNotebookSettings, emr_notebook_settings
from resources.compute.emr_settings import EmrSettings
from resources.errors import EngineError, SettingsError
from resources.settings import load_settings
from resources.storage import open_storage
from tests.lake_assets.notebook_site import Site, site
from tests.servers.ports import free_port
from tests.servers.yarn_rest import application

__all__ = ["site"]

EMR = EmrSettings(service_role="service", instance_profile="instances")
PAGE = Path(__file__).parents[2] / "docs" / "notebooks-on-clusters.md"


def program(text: str) -> list[str]:
    """In place of JupyterLab."""
    return [sys.executable, "-c", text]


def test_it_is_one_node_with_livy_that_ends_by_itself() -> None:
    own = {"Classification": "livy-conf", "Properties": {}}
    found = livy_cluster(EMR, EmrNotebookSettings(idle_minutes=20), "s3://b/lake")
    assert [each["Name"] for each in found["Applications"]] == [
        "Spark",
        "Livy",
        "JupyterEnterpriseGateway",
    ]
    assert [each["InstanceFleetType"] for each in found["Instances"]["InstanceFleets"]] == [
        "MASTER"
    ]
    assert found["AutoTerminationPolicy"] == {"IdleTimeout": 1200}
    assert found["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert {"Key": "lake-assets:lake", "Value": "s3://b/lake"} in found["Tags"]
    own["Properties"] = {
        "livy.server.session.timeout": "20m",
        "livy.server.session.timeout-check": "true",
    }
    assert found["Configurations"] == [own]
    larger = livy_cluster(EMR, EmrNotebookSettings(core_instances=2), "s3://b/lake")
    assert larger["Name"] != found["Name"]


def test_the_cluster_is_started_used_and_ended(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = "import os; print(open(os.environ['SPARKMAGIC_CONF_DIR'] + '/config.json').read())"
    assert run_on_emr(site.settings, tmp_path, program(code)) == 0
    out = capfd.readouterr().out
    config = json.loads(out[out.index("{") : out.rindex("}") + 1])
    assert config["kernel_python_credentials"]["url"] == site.settings.emr_notebook.livy
    assert config["livy_session_startup_timeout_seconds"] == 300
    [cluster] = site.clusters
    assert not cluster.is_alive
    assert f"Cluster {cluster.id} is ending" in out


def test_a_cluster_that_is_there_is_found_and_colleagues_keep_it(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clusters = NotebookClusters(site.settings)
    there = clusters.start()
    assert clusters.start() == there
    site.livy.add("idle", "ada", "application_1")
    assert run_on_emr(site.settings, tmp_path, program("raise SystemExit(3)")) == 3
    out = capfd.readouterr().out
    assert f"Cluster {there} is there" in out
    assert "Sessions: 0 of ada (idle). The cluster ends 30 minutes after the last" in out
    assert [each.id for each in site.clusters if each.is_alive] == [there]


def test_a_cluster_whose_answer_got_lost_is_found_and_not_started_again(site: Site) -> None:
    site.emr.lose_answer("RunJobFlow")

    started = NotebookClusters(site.settings).start()

    assert [each.id for each in site.clusters] == [started]


def test_where_nobody_can_say_the_cluster_stays(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    clusters = NotebookClusters(site.settings)
    up = clusters.ready(clusters.start(), lambda _: None, 0.05)
    leave(clusters, replace(up, livy=f"http://127.0.0.1:{free_port()}"), 30)
    assert "The cluster stays; it ends after 30 minutes" in capfd.readouterr().out
    assert [each.is_alive for each in site.clusters] == [True]


def test_addresses_are_the_primary_nodes_unless_ports_are_forwarded(site: Site) -> None:
    own = replace(site.settings, emr_notebook=EmrNotebookSettings())
    clusters = NotebookClusters(own)
    states: list[str] = []
    up = clusters.ready(clusters.start(), states.append, 0.05)
    assert (up.livy, up.yarn) == (
        "http://ip-10-0-0-1.internal:8998",
        "http://ip-10-0-0-1.internal:8088",
    )
    assert states[-1] == "WAITING"
    clusters.end(up.id)
    with pytest.raises(EngineError, match="the cluster TERMINATED"):
        clusters.ready(up.id, states.append, 0.05)


def test_a_session_that_does_not_start_is_answered_with_yarns_state(site: Site) -> None:
    assert "`lake notebook --on emr` starts one" in session_state(site.settings)
    NotebookClusters(site.settings).start()
    site.livy.add("starting", "cy", "application_1762000000000_0002")
    site.yarn.available_mb = 512
    site.yarn.applications += [
        application(1, "RUNNING", 11776, "ada"),
        application(2, "ACCEPTED", 0, "cy"),
    ]
    done = CliRunner().invoke(app, ["notebook-state"])
    assert done.exit_code == 0, done.output
    said = done.stdout
    assert "Livy session 0 of cy: starting application_1762000000000_0002" in said
    assert "A session asks for 1,408 MB, and 512 are free. End a session" in said
    assert re.search(r"holds: \S+0001 'livy-session-1' of ada", said)


def test_without_roles_there_is_none_and_settings_are_judged() -> None:
    with pytest.raises(SettingsError, match="LAKE_EMR_SERVICE_ROLE"):
        NotebookClusters(load_settings({"LAKE_ROOT": "s3://bucket/lake"}))
    for name, value in (
        ("LAKE_EMR_NOTEBOOK_IDLE_MINUTES", "0"),
        ("LAKE_EMR_NOTEBOOK_IDLE_MINUTES", "20000"),
        ("LAKE_EMR_NOTEBOOK_LIVY", "localhost:8998"),
    ):
        with pytest.raises(SettingsError, match=name):
            emr_notebook_settings({name: value})


def test_the_page_has_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(LAKE_\w+)` \| `?([^|`]*)`? \|", PAGE.read_text(), re.MULTILINE))
    code = (PAGE.parents[1] / "resources" / "compute" / "emr_notebook_settings.py").read_text()
    assert set(rows) == set(re.findall(r'"(LAKE_\w+)"', code))
    assert rows["LAKE_EMR_NOTEBOOK_IDLE_MINUTES"] == str(EmrNotebookSettings().idle_minutes)
    assert rows["LAKE_EMR_NOTEBOOK_CORE_INSTANCES"] == str(EmrNotebookSettings().core_instances)


def test_every_version_of_a_notebook_is_kept_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_storage(str(tmp_path / "kept"), AwsSettings())
    now = datetime(2026, 11, 1, tzinfo=UTC)
    first = keep_version(store, "a/plays", b"one", now)
    assert first.startswith("a/plays/2026-11-01T00-00-00.000000Z-")
    assert keep_version(store, "a/plays", b"one", now + timedelta(hours=1)) == first
    second = keep_version(store, "a/plays", b"two", now + timedelta(hours=2))
    third = keep_version(store, "a/plays", b"one", now + timedelta(hours=3))
    assert [store.read(key) for key in (first, second, third)] == [b"one", b"two", b"one"]

    @dataclass
    class Manager:
        root_dir: str

    monkeypatch.setenv("LAKE_NOTEBOOK_VERSIONS", str(tmp_path / "saved"))
    notebook = tmp_path / "notebooks" / "b.ipynb"
    notebook.parent.mkdir()
    notebook.write_text("{}")
    for kind in ("notebook", "file"):
        keep(str(notebook), {"type": kind}, Manager(str(notebook.parent)))
    [saved] = (tmp_path / "saved").rglob("*.ipynb")
    assert saved.parent.name == "b"
    assert saved.read_text() == "{}"


@pytest.mark.notebook
def test_jupyters_own_contents_manager_keeps_what_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = pytest.importorskip("traitlets.config", reason="of the extra `notebook`")
    files = pytest.importorskip("jupyter_server.services.contents.largefilemanager")
    nbformat = pytest.importorskip("nbformat.v4")
    monkeypatch.setenv("LAKE_NOTEBOOK_VERSIONS", str(tmp_path / "saved"))
    hook = {"FileContentsManager": {"post_save_hook": "lake_assets.notebook_versions.keep"}}
    manager = files.LargeFileManager(root_dir=str(tmp_path), config=config.Config(hook))
    content = nbformat.new_notebook(cells=[nbformat.new_code_cell("1")])
    manager.save({"type": "notebook", "content": content, "format": "json"}, "a.ipynb")
    [saved] = (tmp_path / "saved").rglob("*.ipynb")
    assert saved.read_bytes() == (tmp_path / "a.ipynb").read_bytes()
