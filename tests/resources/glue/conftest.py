"""A Glue catalog on moto's server. One server a file: what tests tell it beforehand stays in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.glue_lake import TABLE, Lake, open_lake
from tests.servers.moto import moto_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def lake(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A catalog in a database of its own, in which nobody waits long."""
    monkeypatch.setattr("resources.catalog.glue_api._LONGEST_PAUSE_SECONDS", 0)
    return open_lake(url, tmp_path / "lake")


@pytest.fixture
def table(lake: Lake) -> Lake:
    """One with a table in it, whose calls are counted from here on."""
    lake.catalog.ensure_table(TABLE)
    lake.calls.reset()
    return lake


@pytest.fixture
def glue(url: str, tmp_path: Path) -> Lake:
    """One over the folder in which a workshop has its lake."""
    return open_lake(url, tmp_path)
