"""A session that does not start is answered below the cell, in Sparkmagic's own kernel too."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lake_assets.sparkmagic import sparkmagic_environment, write_config, write_kernel
from resources.compute.emr_notebook import NotebookClusters
from tests.lake_assets.notebook_site import Site, site
from tests.servers.yarn_rest import application

__all__ = ["site"]

#: Where docs/notebooks-on-clusters.md puts it: it shares no environment with pandas 3.
PYTHON = Path.home() / ".sparkmagic" / "venv" / "bin" / "python"
MODULE = "sparkmagic.kernels.pysparkkernel.pysparkkernel"


def specification(python: str) -> dict[str, object]:
    """What Sparkmagic installs as its kernel."""
    command = [python, "-m", MODULE, "-f", "{connection_file}"]
    return {"argv": command, "display_name": "PySpark", "language": "python"}


@pytest.mark.notebook
def test_an_installed_kernel_is_written_anew_with_the_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "installed" / "kernels" / "pysparkkernel"
    there.mkdir(parents=True)
    (there / "kernel.json").write_text(json.dumps(specification("/sparkmagic/python")))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "installed"))
    folder = tmp_path / "ours"
    found = sparkmagic_environment(folder, "http://livy:8998")
    assert found["JUPYTER_PATH"].split(":") == [str(folder), str(tmp_path / "installed")]
    [file] = (folder / "kernels").rglob("kernel.json")
    kernel = json.loads(file.read_text())
    assert kernel["argv"][:3] == ["/sparkmagic/python", "-m", MODULE]
    assert kernel["argv"][-1] == "--IPKernelApp.extensions=lake_session_state"
    assert (Path(kernel["env"]["PYTHONPATH"]) / "lake_session_state.py").is_file()


@pytest.mark.notebook
def test_below_a_cell_whose_session_failed_stands_what_the_command_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shells = pytest.importorskip("IPython.core.interactiveshell", reason="of `notebook`")
    said = [sys.executable, "-c", "print('YARN: 0 of 12,288 MB')"]
    monkeypatch.setenv("LAKE_SESSION_STATE_COMMAND", json.dumps(said))
    shell = shells.InteractiveShell.instance()
    try:
        magics = SimpleNamespace(fatal_error=False)
        shell.run_cell("%load_ext lake_assets.sparkmagic_extension")
        shell.run_cell("1")
        shell.magics_manager.registry["KernelMagics"] = magics
        shell.run_cell("1")
        assert "YARN" not in capsys.readouterr().err
        magics.fatal_error = True
        shell.run_cell("1")
        assert "YARN: 0 of 12,288 MB" in capsys.readouterr().err
        monkeypatch.setenv("LAKE_SESSION_STATE_COMMAND", json.dumps(["/no/such/program"]))
        shell.run_cell("%reload_ext lake_assets.sparkmagic_extension")
        assert "could not be asked" in capsys.readouterr().err
    finally:
        shells.InteractiveShell.clear_instance()


@pytest.mark.notebook
def test_sparkmagics_own_kernel_says_who_holds_the_cluster(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not PYTHON.is_file():
        pytest.skip(f"no Sparkmagic at {PYTHON}: docs/notebooks-on-clusters.md installs it")
    nbclient = pytest.importorskip("nbclient", reason="of the extra `notebook`")
    nbformat = pytest.importorskip("nbformat.v4", reason="of the extra `notebook`")
    NotebookClusters(site.settings).start()
    site.yarn.available_mb = 512
    site.yarn.applications.append(application(1, "RUNNING", 11776, "ada"))
    folder = tmp_path / "sparkmagic"
    write_config(folder, site.settings.emr_notebook.livy)
    config = json.loads((folder / "config.json").read_text())
    config["livy_session_startup_timeout_seconds"] = 2
    (folder / "config.json").write_text(json.dumps(config))
    write_kernel(folder, "pysparkkernel", specification(str(PYTHON)))
    monkeypatch.setenv("SPARKMAGIC_CONF_DIR", str(folder))
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    notebook = nbformat.new_notebook(cells=[nbformat.new_code_cell("spark.range(3).count()")])
    client = nbclient.NotebookClient(
        notebook, kernel_name="pysparkkernel", timeout=300, allow_errors=True
    )
    [cell] = client.execute().cells
    shown = "".join(each.get("text", "") for each in cell.outputs)
    assert "did not start up in 2 seconds" in shown
    # Sparkmagic has ended its session by then.
    assert "Livy has no session." in shown
    assert "A session asks for 1,408 MB, and 512 are free. End a session" in shown
    assert "'livy-session-1' of ada" in shown
