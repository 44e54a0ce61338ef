"""The notebooks of the project are kept with outputs, which tell nothing of who made them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
_REMEDY = "run `make test-notebooks OUTPUTS=yes`"


def code_cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_was_run_in_order(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), _REMEDY
    assert sum(bool(cell["outputs"]) for cell in code_cells(path)) >= len(counts) // 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_name_no_machine(path: Path) -> None:
    of_a_machine = re.compile(
        r"(?<![\w>.])/(tmp|home|root|work|Users|var|private)/|hostname|\d+\.\d+\.\d+\.\d+"
    )
    shown = [
        json.dumps(each)
        for cell in code_cells(path)
        for each in cell["outputs"]
        if "image/png" not in each.get("data", {})
    ]
    assert [each[:300] for each in shown if of_a_machine.search(each)] == [], _REMEDY
    assert all(
        each.get("name") != "stderr" for cell in code_cells(path) for each in cell["outputs"]
    )
