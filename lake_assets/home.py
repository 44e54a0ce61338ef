"""Where Dagster's instance lies when the command `lake` runs something in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from resources.settings import Settings

_PROJECT = Path(__file__).resolve().parents[1]


def dagster_home(settings: Settings) -> Path:
    """The folder of the instance: DAGSTER_HOME, or `dagster` beside the lake; made if needed."""
    beside = Path(settings.local_folder.removeprefix("file://")).resolve().parent / "dagster"
    home = Path(os.environ.get("DAGSTER_HOME") or beside).resolve()
    home.mkdir(parents=True, exist_ok=True)
    ours = _PROJECT / "scripts" / "dagster.yaml"
    if not (home / "dagster.yaml").exists() and ours.is_file():
        shutil.copyfile(ours, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home
