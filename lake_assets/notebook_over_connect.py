"""JupyterLab on this machine whose notebooks use Spark on EMR over Spark Connect."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

from lake_assets.cli_print import say
from lake_assets.notebook_on_emr import cluster_up, run_until_left
from resources.compute.emr_notebook import NotebookClusters
from resources.compute.emr_sessions import EmrSessions, SessionAddress
from resources.settings import Settings


def run_over_connect(settings: Settings, command: Sequence[str]) -> int:
    """Find or start the cluster, start a session on it, run JupyterLab, then end both.

    The cluster stays where somebody else has a session; EMR ends it after the idle minutes, as it
    does when this process is killed. Gives JupyterLab's exit code.
    """
    clusters = NotebookClusters(settings, has_sessions=True)
    minutes = settings.emr_notebook.idle_minutes
    cluster = cluster_up(clusters, minutes)
    sessions = EmrSessions(settings.aws, settings.root)
    address = sessions.start(
        cluster.id, f"lake-assets {getpass.getuser()}", minutes, settings.emr.step_role
    )
    say(f"Session {address.session}, which notebooks use: LAKE_SPARK_REMOTE={address}")
    sessions.ready(address, lambda state: say(f"  {state}"))
    return run_until_left(
        command,
        {"LAKE_SPARK_REMOTE": str(address)},
        lambda: leave(clusters, sessions, address, minutes),
    )


def leave(
    clusters: NotebookClusters, sessions: EmrSessions, address: SessionAddress, minutes: int
) -> None:
    """End the session, and the cluster unless somebody else has one."""
    sessions.end(address)
    others = sessions.others(address.cluster, address.session)
    if others:
        say(f"Sessions: {', '.join(others)}. The cluster ends {minutes} minutes after the last.")
        return
    clusters.end(address.cluster)
    say(f"Cluster {address.cluster} is ending.")
