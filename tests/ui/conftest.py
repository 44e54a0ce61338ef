"""A browser on a running `dagster dev`, whose lake has some hours of the demo's table in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resources.catalog.local import LocalCatalog
from tests.servers.graphql import ask
from tests.servers.needed import missing
from tests.ui.server import ROOT, dagster_dev

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

#: Everything in a page may take this long; runs are waited for by the API, see `test_ui.py`.
_PAGE_SECONDS = 120
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_HOURS, _EVENTS = 12, 300
#: In a smaller window the graph is drawn so small that its boxes have names only.
_VIEW: ViewportSize = {"width": 1440, "height": 900}
#: What screenshots show in place of the folder that this test made.
_SHOWN_FOLDER = "/data"
_RENAME = """([folder, shown]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    texts.currentNode.nodeValue = texts.currentNode.nodeValue.replaceAll(folder, shown);
  }
}"""


@dataclass(frozen=True)
class Ui:
    """The page, where the UI is, and the lake behind it."""

    page: Page
    url: str
    folder: Path

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    @property
    def catalog(self) -> LocalCatalog:
        return LocalCatalog(str(self.lake))

    def open(self, path: str) -> Page:
        """Go to a path of the UI."""
        self.page.goto(f"{self.url}{path}")
        return self.page

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """What the page would be told."""
        return ask(self.url, query, **variables)


@pytest.fixture(scope="session")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The demo on little data, `dagster dev`, and Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'lake-assets[ui]'")
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if program is None:
        missing("no Chromium found: apt-get install chromium")
    folder = tmp_path_factory.mktemp("ui")
    environment = {
        "LAKE_ROOT": str(folder / "lake"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "LAKE_SPARK_MASTER": "local[2]",
        "LAKE_SPARK_MEMORY": "1g",
    }
    _run_demo(environment)
    shutil.copy(ROOT / "scripts" / "dagster.yaml", folder / "dagster")
    with (
        dagster_dev(environment, folder / "dagster.log") as url,
        playwright.sync_playwright() as started,
    ):
        # Chromium's own sandbox does not work for root, as whom containers run it.
        browser = started.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        page = browser.new_page(viewport=_VIEW, timezone_id="UTC")
        page.set_default_timeout(_PAGE_SECONDS * 1000)
        yield Ui(page, url, folder)
        browser.close()


@pytest.fixture
def shoot(ui: Ui) -> Callable[[str], None]:
    """Takes a screenshot for the docs, where `SCREENSHOTS` names a folder for them."""
    target = os.environ.get("SCREENSHOTS")

    def shoot(name: str) -> None:
        if target:
            ui.page.evaluate(_RENAME, [str(ui.folder), _SHOWN_FOLDER])
            ui.page.screenshot(path=Path(ROOT, target, f"{name}.png"), animations="disabled")

    return shoot


def _run_demo(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "examples.demo", "--hours", str(_HOURS)]
    subprocess.run(
        [*command, "--events-per-hour", str(_EVENTS)],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=600,
    )
