"""Which Python an environment of `make spark-versions` is made with, and when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import spark_environments
from scripts.spark_environments import Environment, MatrixError, find_python

OLD = Environment("3.5", ".venv-spark35", ("3.9", "3.11"), needs_best=True)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The versions that this machine has; there is no uv on it."""
    there: set[str] = set()
    monkeypatch.setattr(
        spark_environments, "_usable", lambda version: Path(version) if version in there else None
    )
    monkeypatch.setattr(spark_environments, "_installed_by_uv", lambda _: False)
    monkeypatch.delenv("CI", raising=False)
    return there


def test_the_best_python_is_taken(machine: set[str]) -> None:
    machine |= {"3.9", "3.11"}

    assert find_python(OLD) == Path("3.9")


def test_a_laptop_makes_do_with_another_and_says_so(
    machine: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    machine.add("3.11")

    assert find_python(OLD) == Path("3.11")
    assert "Spark 3.5 is NOT TRIED on Python 3.9" in capsys.readouterr().out


def test_ci_does_not(machine: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    machine.add("3.11")
    monkeypatch.setenv("CI", "true")

    with pytest.raises(MatrixError, match=r"no Python 3\.9 for Spark 3\.5.*uv python install 3\.9"):
        find_python(OLD)


def test_a_python_that_uv_could_install_is_taken(
    machine: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(version: str) -> bool:
        machine.add(version)
        return True

    monkeypatch.setattr(spark_environments, "_installed_by_uv", install)

    assert find_python(OLD) == Path("3.9")
