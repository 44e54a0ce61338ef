"""What Sparkmagic's kernels are told: the cluster's Livy, and whom to ask where it is in trouble."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from lake_assets import sparkmagic_extension

#: What a session's driver takes, and YARN with it: Spark adds a tenth, at least 384 MB.
_DRIVER_MB, _OVERHEAD_MB = 1024, 384
#: Sparkmagic's default of 60 seconds is less than a new cluster takes for its first session.
_PATIENCE_SECONDS = 300
_EXTENSION = "lake_session_state"
_STATE_COMMAND = ("-m", "lake_assets.cli", "notebook-state")


def session_mb() -> int:
    """What YARN is asked for to start a session as `write_config` configures it."""
    return _DRIVER_MB + _OVERHEAD_MB


def sparkmagic_environment(folder: Path, livy: str) -> dict[str, str]:
    """Write configuration and kernels for the Livy server; gives the variables that name them."""
    write_config(folder, livy)
    path = os.pathsep.join(each for each in (str(folder), os.environ.get("JUPYTER_PATH")) if each)
    for name, kernel in _installed_kernels().items():
        write_kernel(folder, name, kernel)
    return {"SPARKMAGIC_CONF_DIR": str(folder), "JUPYTER_PATH": path}


def write_config(folder: Path, livy: str) -> None:
    """Sparkmagic's configuration, in a folder for SPARKMAGIC_CONF_DIR."""
    login = {"username": "", "password": "", "url": livy, "auth": "None"}
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "kernel_python_credentials": login,
        "kernel_scala_credentials": login,
        "kernel_r_credentials": login,
        "livy_session_startup_timeout_seconds": _PATIENCE_SECONDS,
        "session_configs": {"driverMemory": f"{_DRIVER_MB}M"},
        "fatal_error_suggestion": "{}\nWhat YARN has, who holds it and what to change: see below, or "
        "run `lake notebook-state` in a terminal.",
    }
    (folder / "config.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def write_kernel(folder: Path, name: str, kernel: Mapping[str, object]) -> None:
    """A kernel of Sparkmagic, given as its specification, that also loads `sparkmagic_extension`.

    It lies where JUPYTER_PATH is searched, and goes before the installed one of the same name.
    """
    shutil.copyfile(sparkmagic_extension.__file__, folder / f"{_EXTENSION}.py")
    command = kernel["argv"]
    assert isinstance(command, list)  # noqa: S101 as Jupyter has read it
    variables = {
        "PYTHONPATH": str(folder),
        sparkmagic_extension.COMMAND_VARIABLE: json.dumps([sys.executable, *_STATE_COMMAND]),
    }
    said = {
        **kernel,
        "argv": [*command, f"--IPKernelApp.extensions={_EXTENSION}"],
        "env": variables,
    }
    place = folder / "kernels" / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "kernel.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _installed_kernels() -> dict[str, dict[str, object]]:
    """Jupyter's specifications of the kernels that are Sparkmagic's."""
    if importlib.util.find_spec("jupyter_client") is None:
        return {}
    from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415 of `notebook`

    found = KernelSpecManager().get_all_specs()
    specifications = {name: each["spec"] for name, each in found.items()}
    return {
        name: each
        for name, each in specifications.items()
        if any(part.startswith("sparkmagic.kernels.") for part in each["argv"])
    }
