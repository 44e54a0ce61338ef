"""The walk-throughs run from start to end, on the demo's data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers.needed import missing

pytestmark = pytest.mark.notebook
PROJECT = Path(__file__).parents[2]
HOURS, EVENTS = 2, 1_500


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A lake with two hours of the demo's events."""
    root = tmp_path_factory.mktemp("lake")
    variables = {
        **os.environ,
        "LAKE_ROOT": str(root / "lake"),
        "LAKE_SPARK_MASTER": "local[2]",
        "DAGSTER_HOME": str(root / "dagster"),
        "PYTHONPATH": str(PROJECT),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo", f"--hours={HOURS}", f"--events-per-hour={EVENTS}"],
        cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return variables


@pytest.fixture
def executed(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The first walk-through with its outputs; a cell that raises fails the test."""
    try:
        import nbformat  # noqa: PLC0415 of the extra `notebook`
        from nbclient import NotebookClient  # noqa: PLC0415
    except ImportError as error:
        missing(f"{error}: make test-notebooks installs it")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(PROJECT / "examples" / "events_and_tracks.ipynb", as_version=4)
    resources = {"metadata": {"path": str(PROJECT)}}
    return NotebookClient(notebook, timeout=300, resources=resources).execute()


def test_events_and_tracks_shows_what_the_way_by_hand_lost(executed: Any) -> None:
    [figures] = [cell for cell in executed.cells if '"by hand", "declared"' in cell.source]
    text = figures.outputs[-1]["data"]["text/plain"]
    lines = [line.split() for line in text.splitlines()[1:]]
    found = {" ".join(line[1:-2]): (int(line[-2]), int(line[-1])) for line in lines}
    read_by_hand, read = found["documents read"]
    assert read >= HOURS * EVENTS
    by_hand, published = found["rows in the result"]
    assert by_hand < published < read
    assert found["of these, readings delivered again"][0] > 0
    assert found["readings without a track"][1] > 0
    assert found["kept apart with a reason"][1] > 0
    assert read_by_hand > 0


def test_events_and_tracks_ends_in_a_chart(executed: Any) -> None:
    assert any("image/png" in each.get("data", {}) for each in executed.cells[-1].outputs)
