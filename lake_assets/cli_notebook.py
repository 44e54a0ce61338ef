"""The command that opens JupyterLab on the project's notebooks, with the lake at hand."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from lake_assets.cli_app import app, command, ends_in_words
from lake_assets.cli_print import say
from lake_assets.home import dagster_home
from resources.errors import SettingsError
from resources.settings import load_settings

#: Settings that may be folders, named from where the command is typed.
_FOLDERS = (
    "LAKE_ROOT",
    "LAKE_RAW_ROOT",
    "LAKE_LOCAL_FOLDER",
    "LAKE_DATABASE",
    "LAKE_NOTEBOOK_VERSIONS",
)
_KEEP = "lake_assets.notebook_versions.keep"
_PROJECT = Path(__file__).resolve().parents[1]


@command
def notebook(
    folder: Annotated[
        Path | None, typer.Argument(help="Where notebooks lie [the project's examples].")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of this machine only.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,  # noqa: FBT002
    on: Annotated[
        Literal["here", "emr", "emr-connect"],
        typer.Option(help="Where Spark runs: here, or on EMR over Livy or over Spark Connect."),
    ] = "here",
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
    settings = load_settings()
    home = dagster_home(settings)
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
    if settings.emr_notebook.versions:
        arguments.append(f"--FileContentsManager.post_save_hook={_KEEP}")
    jupyter = [sys.executable, "-m", "jupyterlab", *arguments]
    if on == "emr":
        from lake_assets.notebook_on_emr import run_on_emr  # noqa: PLC0415 boto3 is slow to import

        raise typer.Exit(run_on_emr(settings, home.parent, jupyter))
    if on == "emr-connect":
        from lake_assets.notebook_over_connect import run_over_connect  # noqa: PLC0415 likewise

        raise typer.Exit(run_over_connect(settings, jupyter))
    # In place of this process, so that Ctrl-C reaches it.
    os.execv(sys.executable, jupyter)  # noqa: S606


@app.command("notebook-state")
@ends_in_words
def notebook_state() -> None:
    """Say why a session of a notebook on EMR does not start: what YARN has and who holds it."""
    from lake_assets.notebook_on_emr import session_state  # noqa: PLC0415 boto3 is slow to import

    say(session_state(load_settings()))
