"""The demo and the command `lake materialize`, as a newcomer runs them, on less data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.activity import Counts, Options, generate_hour

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("-m", "examples.demo", "--hours", "2", "--events-per-hour", "300")
LAKE = ("-m", "lake_assets.cli")
FIRST = "2026-11-01-00"


def run(lake: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python at the project's root on a lake, as in a shell of its own."""
    environment = {
        **os.environ,
        "LAKE_ROOT": str(lake),
        "DAGSTER_HOME": str(lake.parent / "dagster"),
        "LAKE_SPARK_MASTER": "local[2]",
        "LAKE_SPARK_MEMORY": "1g",
        "COLUMNS": "160",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
    )


def count(lake: Path, where: str = "true") -> int:
    query = f"select count(*) n from activity where {where}"
    found = run(lake, *LAKE, "sql", query, "--format", "json")
    return int(json.loads(found.stdout)[0]["n"])


def contents(lake: Path) -> dict[Path, tuple[int, int]]:
    """Every file of the lake with its size and time of change, but what SQLite keeps open."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in lake.rglob("*")
        if path.is_file() and not path.name.startswith("catalog.sqlite")
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that the demo made."""
    lake = tmp_path_factory.mktemp("demo") / "lake"
    done = run(lake, *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "= documents read" in done.stdout
    assert (lake / "refined" / "activity").as_uri() in done.stdout
    return lake


def test_the_demo_publishes_what_was_generated(lake: Path) -> None:
    options = Options(hours=2, events_per_hour=300)
    truth = sum((generate_hour(options, hour)[1] for hour in options.partitions()), Counts())

    assert count(lake) == truth.distinct
    assert count(lake, "title is null") == truth.unmatched


def test_a_second_demo_changes_nothing_and_starts_no_spark(lake: Path) -> None:
    before = contents(lake)
    log = (lake.parent / "dagster" / "lake.log").stat().st_size

    again = run(lake, *SMALL)

    assert again.returncode == 0
    assert "nothing has changed" in again.stdout
    assert contents(lake) == before
    assert (lake.parent / "dagster" / "lake.log").stat().st_size == log


def test_materialize_takes_up_what_was_delivered_since_and_nothing_else(lake: Path) -> None:
    rows = count(lake)
    late = {"uuid": "late", "device_ts": "2026-11-01 01:00:00", "track_id": 1}
    hour = lake / "raw" / "activity" / "2026" / "11" / "01" / "01"
    (hour / "late.json").write_text(json.dumps(late), encoding="utf-8")

    done = run(lake, *LAKE, "materialize", "activity")

    assert (done.returncode, done.stderr) == (0, "")
    assert "activity: 2026-11-01-01\n" in done.stdout
    assert FIRST not in done.stdout
    assert count(lake) == rows + 1
    idle = run(lake, *LAKE, "materialize", "activity", "--partition", FIRST)
    assert "Nothing to do" in idle.stdout


def test_an_audit_that_fails_is_told_in_words_and_publishes_nothing(lake: Path) -> None:
    rows = count(lake, "hour = '00'")
    hour = lake / "raw" / "activity" / "2026" / "11" / "01" / "00"
    (hour / "broken.json").write_text("<html>\n" * 200, encoding="utf-8")

    done = run(lake, *LAKE, "materialize", "activity", "--partition", FIRST)
    looked_at = run(lake, *LAKE, "quarantine", "activity", "--partition", FIRST)

    assert done.returncode == 1
    assert done.stderr.startswith("lake: the audit failed")
    assert FIRST in done.stderr
    assert "Traceback" not in done.stderr
    assert count(lake, "hour = '00'") == rows
    assert "failed its audit, not published" in looked_at.stdout
