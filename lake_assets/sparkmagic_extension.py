"""In Sparkmagic's kernels: what YARN has and who holds it, below a cell whose session did not start.

`lake notebook --on emr` copies this file beside Sparkmagic's configuration and has its kernels load
it as an extension of IPython. Their environment has nothing of the project, hence the standard
library only, and a process of the project's own Python that is asked.

Source: Sparkmagic 0.23, `kernels/kernelmagics.py`: the magics catch whatever keeps a session from
starting, show it, and remember it in `fatal_error`. No error reaches IPython, so that its hooks for
errors see none; its event after each cell does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: The command that says it, as a list in JSON.
COMMAND_VARIABLE = "LAKE_SESSION_STATE_COMMAND"
_SECONDS = 60.0


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by IPython when it loads the extension."""
    command = json.loads(os.environ[COMMAND_VARIABLE])

    def answer(*_: object) -> None:
        magics = shell.magics_manager.registry.get("KernelMagics")
        if getattr(magics, "fatal_error", False):
            sys.stderr.write(f"\n{_said(command)}\n")
            sys.stderr.flush()

    shell.events.register("post_run_cell", answer)


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"What YARN has could not be asked: {error}"
    return (done.stdout + done.stderr).strip()
