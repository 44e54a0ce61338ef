"""The command that opens JupyterLab on the project's notebooks, with the lake at hand."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lake_assets.cli_app import command
from lake_assets.home import dagster_home
from resources.errors import SettingsError
from resources.settings import load_settings

#: Settings that may be folders, named from where the command is typed.
_FOLDERS = ("LAKE_ROOT", "LAKE_RAW_ROOT", "LAKE_LOCAL_FOLDER", "LAKE_DATABASE")
_PROJECT = Path(__file__).resolve().parents[1]


@command
def notebook(
    folder: Annotated[
        Path | None, typer.Argument(help="Where notebooks lie [the project's examples].")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of this machine only.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,  # noqa: FBT002
) -> None:
    """Open JupyterLab; in a notebook: from lake_assets.notebook import open_lake."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise SettingsError(
            "Expected JupyterLab to be installed, found none: `make notebook` installs it, or "
            "`pip install 'lake-assets[notebook]'`."
        )
    place = folder or (_PROJECT / "examples" if (_PROJECT / "examples").is_dir() else Path.cwd())
    if not place.is_dir():
        raise SettingsError(
            f"Expected a folder for notebooks, found {str(place)!r}. Make it first."
        )
    dagster_home(load_settings())
    for name in _FOLDERS:
        if name in os.environ and "://" not in os.environ[name]:
            # A kernel works in the folder of its notebook.
            os.environ[name] = str(Path(os.environ[name]).expanduser().absolute())
    arguments = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={place.resolve()}",
        f"--ServerApp.open_browser={browser}",
    ]
    # In place of this process, so that Ctrl-C reaches it.
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *arguments])  # noqa: S606
