"""JupyterLab on this machine whose notebooks use Spark on the lake's cluster of EMR, over Livy."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lake_assets.cli_print import say
from lake_assets.sparkmagic import session_mb, sparkmagic_environment
from resources.compute.emr_notebook import NotebookCluster, NotebookClusters
from resources.compute.livy import livy_sessions
from resources.compute.yarn_state import why_waiting, yarn_state
from resources.errors import EngineError
from resources.settings import Settings


def run_on_emr(settings: Settings, home: Path, command: Sequence[str]) -> int:
    """Find or start the cluster, run JupyterLab until it is left, then end the cluster.

    It stays where somebody else has a session; then it ends after the idle minutes, as it does when
    this process is killed. Gives JupyterLab's exit code.
    """
    clusters = NotebookClusters(settings)
    minutes = settings.emr_notebook.idle_minutes
    cluster = cluster_up(clusters, minutes)
    say(f"Livy: {cluster.livy}  YARN: {cluster.yarn}")
    environment = sparkmagic_environment(home / "sparkmagic", cluster.livy)
    return run_until_left(command, environment, lambda: leave(clusters, cluster, minutes))


def cluster_up(clusters: NotebookClusters, minutes: int) -> NotebookCluster:
    """The cluster there is or a new one, once it is up."""
    found = clusters.find()
    say(f"Cluster {found} is there." if found else "Starting a cluster: five to ten minutes.")
    cluster = clusters.ready(found or clusters.start(), lambda state: say(f"  {state}"))
    say(cluster.url)
    say(f"It ends when you leave, or after {minutes} minutes without a session.")
    return cluster


def run_until_left(
    command: Sequence[str], environment: Mapping[str, str], leave: Callable[[], None]
) -> int:
    """Run JupyterLab with more variables, then `leave`, also when it was left by Ctrl-C."""
    # Ctrl-C is for JupyterLab, which shares the terminal; what follows it must still happen.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with subprocess.Popen(command, env={**os.environ, **environment}) as process:
            code = process.wait()
        leave()
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
