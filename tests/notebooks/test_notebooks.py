"""The walk-throughs run from start to end, on generated data.

With OUTPUTS set, what they show is kept in the notebooks of the project.
"""

from __future__ import annotations

import ast
import os
import re
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
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two hours of the demo's events, and the housing complexes."""
    try:
        import nbclient  # noqa: F401, PLC0415 of the extra `notebook`
    except ImportError as error:
        missing(f"{error}: make test-notebooks installs it")
    root = tmp_path_factory.mktemp("lake")
    for command in (
        ["examples.demo", f"--hours={HOURS}", f"--events-per-hour={EVENTS}"],
        ["examples.danji"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=PROJECT, env={**os.environ, **_settings(root)},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
    return root


@pytest.fixture(scope="module")
def events_and_tracks(lake: Path) -> Any:
    return _executed("events_and_tracks.ipynb", lake)


@pytest.fixture(scope="module")
def apartment_complexes(lake: Path) -> Any:
    return _executed("apartment_complexes.ipynb", lake)


def test_events_and_tracks_shows_what_the_way_by_hand_lost(events_and_tracks: Any) -> None:
    text = _shown(events_and_tracks, '"figure", "by hand"')
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


def test_events_and_tracks_shows_what_readers_see_meanwhile(events_and_tracks: Any) -> None:
    """By hand an error, then some of the rows; of the declared table all of them, always."""
    shown = _shown(events_and_tracks, '{"by hand": by_hand')
    counts = re.findall(r"\[(\d+)\]", shown)
    assert len(counts) == 4, shown
    assert len(set(counts)) == 1, shown
    assert int(counts[0]) > HOURS * EVENTS * 0.9
    by_hand = ast.literal_eval(_shown(events_and_tracks, "def once_told"))
    assert list(by_hand) == [
        "before", "it has begun", "some of it is written", "afterwards"
    ]  # fmt: skip
    assert by_hand["it has begun"].startswith("IO Error: No files found")
    before, half, after = (
        int(by_hand[each]) for each in ("before", "some of it is written", "afterwards")
    )
    assert before == after
    assert 0 < half < before


def test_events_and_tracks_shows_one_of_each_that_was_lost(events_and_tracks: Any) -> None:
    shown = _shown(events_and_tracks, "a line of three documents")
    found = [tuple(map(int, line.split()[-2:])) for line in shown.splitlines()[1:]]
    assert found == [(1, 3), (0, 1), (2, 1)]


def test_events_and_tracks_ends_in_a_chart(events_and_tracks: Any) -> None:
    assert _has_chart(events_and_tracks.cells[-1])


def test_apartment_complexes_refuses_the_wrong_encodings(apartment_complexes: Any) -> None:
    refused = _shown(apartment_complexes, 'lake.files(f"{raw}/complexes")')
    assert "line 1 of" in refused
    assert "'단지코드,단지명," in refused
    assert "더샾" in _shown(apartment_complexes, 'encoding="EUC-KR"')


def test_apartment_complexes_joins_files_and_the_database(apartment_complexes: Any) -> None:
    """Six districts, dearest first; every complex is in one."""
    rows = [line.split() for line in _shown(apartment_complexes, "by_district = ").splitlines()]
    assert len(rows) == 7
    names = rows[0]
    prices = [float(row[1 + names.index("price_per_m2")]) for row in rows[1:]]
    assert prices == sorted(prices, reverse=True)
    assert sum(int(row[1 + names.index("complexes")]) for row in rows[1:]) == 330
    charts = [cell for cell in apartment_complexes.cells if _has_chart(cell)]
    assert len(charts) == 2


def test_apartment_complexes_leaves_a_result_for_colleagues(
    apartment_complexes: Any, lake: Path
) -> None:
    saved = sorted((lake / "lake" / "_scratch" / "price_by_district").glob("save=*/*.*"))
    kinds = {path.suffix for path in saved if path.suffix in (".parquet", ".csv")}
    assert kinds == {".parquet", ".csv"}
    [sheet] = [path for path in saved if path.suffix == ".csv"]
    assert sheet.read_bytes().decode("cp949").startswith("gu,gu_romanized,")


def _executed(name: str, root: Path) -> Any:
    from tests.notebooks.running import keep, run  # noqa: PLC0415 of the extra `notebook`

    with pytest.MonkeyPatch.context() as patch:
        for variable, value in _settings(root).items():
            patch.setenv(variable, value)
        notebook = run(name)
    if os.environ.get("OUTPUTS"):
        keep(name, notebook)
    return notebook


def _settings(root: Path) -> dict[str, str]:
    return {
        "LAKE_ROOT": str(root / "lake"),
        "LAKE_SPARK_MASTER": "local[2]",
        "DAGSTER_HOME": str(root / "dagster"),
        "PYTHONPATH": str(PROJECT),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def _shown(notebook: Any, source: str) -> str:
    """What the one cell that has this in its source shows last."""
    [cell] = [each for each in notebook.cells if source in each.source]
    last = cell.outputs[-1]
    return str(last["text"] if "text" in last else last["data"]["text/plain"])


def _has_chart(cell: Any) -> bool:
    return any("image/png" in each.get("data", {}) for each in cell.get("outputs", []))
