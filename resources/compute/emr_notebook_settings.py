"""Settings of notebooks on EMR: how large their cluster is, when it ends, how it is reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from resources.environment import optional, whole_number
from resources.errors import SettingsError

_URL = re.compile(r"https?://[^\s/]+(/\S*)?")
_LONGEST_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class EmrNotebookSettings:
    """`docs/notebooks-on-clusters.md` has the variables.

    `idle_minutes` without a session end the cluster. `livy` and `yarn` are the URLs of forwarded
    ports, empty for those of the cluster's primary node. `versions` is where each saved version of a
    notebook is kept, empty for nowhere.
    """

    idle_minutes: int = 30
    core_instances: int = 0
    livy: str = ""
    yarn: str = ""
    versions: str = ""


def emr_notebook_settings(env: Mapping[str, str]) -> EmrNotebookSettings:
    """Read the variables; raises `SettingsError` naming the variable, its value and what it takes."""
    found = EmrNotebookSettings(
        whole_number(env, "LAKE_EMR_NOTEBOOK_IDLE_MINUTES", 30, at_least=1),
        whole_number(env, "LAKE_EMR_NOTEBOOK_CORE_INSTANCES", 0, at_least=0),
        optional(env, "LAKE_EMR_NOTEBOOK_LIVY", _URL, "http://127.0.0.1:8998"),
        optional(env, "LAKE_EMR_NOTEBOOK_YARN", _URL, "http://127.0.0.1:8088"),
        env.get("LAKE_NOTEBOOK_VERSIONS", "").strip(),
    )
    if found.idle_minutes > _LONGEST_MINUTES:
        raise SettingsError(
            f"LAKE_EMR_NOTEBOOK_IDLE_MINUTES: expected at most {_LONGEST_MINUTES} (a week), which is "
            f"what EMR takes, found {found.idle_minutes}"
        )
    return found
