"""JupyterLab on this machine whose notebooks use Spark on the lake's cluster of EMR, over Livy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lake_assets.cli_print import say
from resources.compute.emr_notebook import NotebookCluster, NotebookClusters
from resources.compute.livy import livy_sessions
from resources.compute.yarn_state import why_waiting, yarn_state
from resources.errors import EngineError
from resources.settings import Settings

#: What a session's driver takes, and YARN with it: Spark adds a tenth, at least 384 MB.
_DRIVER_MB, _OVERHEAD_MB = 1024, 384
#: Sparkmagic's default of 60 seconds is less than a new cluster takes for its first session.
_PATIENCE_SECONDS = 300


def run_on_emr(settings: Settings, home: Path, command: Sequence[str]) -> int:
    """Find or start the cluster, run JupyterLab until it is left, then end the cluster.

    It stays where somebody else has a session; then it ends after the idle minutes, as it does when
    this process is killed. Gives JupyterLab's exit code.
    """
    clusters = NotebookClusters(settings)
    minutes = settings.emr_notebook.idle_minutes
    found = clusters.find()
    say(f"Cluster {found} is there." if found else "Starting a cluster: five to ten minutes.")
    cluster = clusters.ready(found or clusters.start(), lambda state: say(f"  {state}"))
    say(f"Livy: {cluster.livy}  YARN: {cluster.yarn}  {cluster.url}")
    say(f"It ends when you leave, or after {minutes} minutes without a session.")
    folder = write_sparkmagic(home / "sparkmagic", cluster.livy)
    environment = {**os.environ, "SPARKMAGIC_CONF_DIR": str(folder)}
    # Ctrl-C is for JupyterLab, which shares the terminal; what follows it must still happen.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with subprocess.Popen(command, env=environment) as process:
            code = process.wait()
        leave(clusters, cluster, minutes)
    finally:
        signal.signal(signal.SIGINT, before)
    return code


def leave(clusters: NotebookClusters, cluster: NotebookCluster, minutes: int) -> None:
    """End the cluster unless somebody has a session on it, or nobody can say."""
    try:
        sessions = livy_sessions(cluster.livy)
    except EngineError as error:
        say(f"{error}\nThe cluster stays; it ends after {minutes} minutes without a session.")
        return
    if sessions:
        named = ", ".join(f"{each.id} of {each.owner or '?'} ({each.state})" for each in sessions)
        say(f"Sessions: {named}. The cluster ends {minutes} minutes after the last of them.")
        return
    clusters.end(cluster.id)
    say(f"Cluster {cluster.id} is ending.")


def session_state(settings: Settings) -> str:
    """Livy's sessions and YARN's state: why a session does not start, and what to change."""
    clusters = NotebookClusters(settings)
    found = clusters.find()
    if found is None:
        return "This lake has no cluster for notebooks: `lake notebook --on emr` starts one."
    cluster = clusters.ready(found, lambda state: say(f"Cluster {found}: {state}"))
    sessions = livy_sessions(cluster.livy)
    lines = [
        f"Livy session {each.id} of {each.owner or '?'}: {each.state} {each.application}".rstrip()
        for each in sessions
    ]
    state = yarn_state(cluster.yarn)
    return "\n".join([*(lines or ["Livy has no session."]), why_waiting(state, session_mb())])


def session_mb() -> int:
    """What YARN is asked for to start a session as `write_sparkmagic` configures it."""
    return _DRIVER_MB + _OVERHEAD_MB


def write_sparkmagic(folder: Path, livy: str) -> Path:
    """Sparkmagic's configuration for the Livy server, in a folder for SPARKMAGIC_CONF_DIR."""
    login = {"username": "", "password": "", "url": livy, "auth": "None"}
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "kernel_python_credentials": login,
        "kernel_scala_credentials": login,
        "kernel_r_credentials": login,
        "livy_session_startup_timeout_seconds": _PATIENCE_SECONDS,
        "session_configs": {"driverMemory": f"{_DRIVER_MB}M"},
        "fatal_error_suggestion": "{}\nRun `lake notebook-state` in a terminal: it says what YARN "
        "has, who holds it and what to change.",
    }
    (folder / "config.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return folder
