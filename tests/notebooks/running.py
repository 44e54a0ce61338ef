"""The walk-throughs, run as people run them: each in a kernel, in the folder that it lies in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Chatter of a JVM that starts, and what tells one machine from another.
_CHATTER = re.compile(r"WARN|log4j|log level|logging level|incubator modules")


def run(name: str) -> Any:
    """The notebook with its outputs; a cell that raises fails. Its settings are the environment's."""
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    resources = {"metadata": {"path": str(EXAMPLES)}}
    return NotebookClient(notebook, timeout=600, resources=resources).execute()


def keep(name: str, notebook: Any) -> None:
    """Put the outputs into the notebook of the project, without times, chatter and the machine."""
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if not _is_chatter(each)]
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.validate(notebook)
    nbformat.write(notebook, EXAMPLES / name)


def _is_chatter(output: Any) -> bool:
    return (
        output.output_type == "stream"
        and output.name == "stderr"
        and all(_CHATTER.search(line) for line in output.text.splitlines() if line.strip())
    )
