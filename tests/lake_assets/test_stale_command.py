"""`lake stale` on the demo's table."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lake_assets.cli import app


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKE_ROOT", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def test_what_was_never_published_is_listed_with_its_commands(root: Path) -> None:
    for hour in ("05", "06", "09"):
        folder = root / "raw/activity/2026/11/01" / hour
        folder.mkdir(parents=True)
        (folder / "a.json").write_text('{"uuid": "one"}')

    result = CliRunner().invoke(app, ["stale", "activity"])

    assert result.exit_code == 0
    assert "never published" in result.stdout
    assert "lake materialize activity --partitions 2026-11-01-05...2026-11-01-06" in result.stdout
    assert "lake materialize activity --partitions 2026-11-01-09" in result.stdout


def test_where_everything_is_up_to_date_that_is_said(root: Path) -> None:
    for option in ("--raw", "--no-raw"):
        result = CliRunner().invoke(app, ["stale", "activity", option])

        assert result.exit_code == 0
        assert "Every partition of activity is made from what is there now." in result.stdout
