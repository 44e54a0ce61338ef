"""Holds the transforms to the same rows and the same Parquet types on every Spark they run on.

Runs `tests/spark/portable` on each Spark and compares what the tests wrote, byte for byte. What is
worth comparing is for the tests to say, by writing canonical files into the folder that
`LAKE_PORTABLE_OUT` names.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.differences import differences, files
from scripts.spark_environments import ENVIRONMENTS, ROOT, Environment, MatrixError, ensure, say

TESTS = "tests/spark/portable"
RESULTS = ROOT / "build" / "spark-versions"


@dataclass(frozen=True)
class Outcome:
    """How the tests went on one Spark."""

    environment: Environment
    label: str
    passed: int
    failed: int
    skipped: int
    exit_code: int

    @property
    def out(self) -> Path:
        """What the tests wrote to be compared."""
        return RESULTS / self.environment.spark / "out"

    @property
    def has_passed(self) -> bool:
        return self.exit_code == 0 and self.passed > 0


def label(python: Path) -> str:
    script = "import platform, pyspark as p; print('Spark', p.__version__, 'on Python', platform.python_version())"
    found = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise MatrixError(f"{python} cannot import pyspark:\n{found.stderr}")
    return found.stdout.strip()


def run_tests(environment: Environment, python: Path, arguments: Sequence[str]) -> Outcome:
    """Runs the portable tests with a configuration of their own: these Pythons have few plugins."""
    results = RESULTS / environment.spark
    shutil.rmtree(results, ignore_errors=True)
    out, report = results / "out", results / "junit.xml"
    out.mkdir(parents=True)
    name = label(python)
    say(name)

    variables = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTEST_", "PYSPARK_", "SPARK_HOME", "SPARK_CONF_DIR", "LAKE_"))
    }
    variables |= {
        "LAKE_PORTABLE_OUT": str(out),
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": str(python),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    configuration = ("-c", "scripts/portable.ini", f"--rootdir={ROOT}", f"--junitxml={report}")
    finished = subprocess.run(
        [str(python), "-m", "pytest", TESTS, *configuration, *arguments],
        cwd=ROOT,
        env=variables,
        check=False,
    )
    passed, failed, skipped = counts(report)
    return Outcome(environment, name, passed, failed, skipped, finished.returncode)


def counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped, of a JUnit report; none of any if there is no report."""
    if not report.is_file():
        return 0, 0, 0
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - written by our own pytest
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in suites:
        for key in totals:
            totals[key] += int(suite.get(key, "0"))
    failed = totals["failures"] + totals["errors"]
    return totals["tests"] - failed - totals["skipped"], failed, totals["skipped"]


def verdict(outcome: Outcome, baseline: Outcome) -> list[str]:
    """What is wrong with one Spark's outcome; nothing if it agrees with the baseline."""
    problems = []
    if not outcome.has_passed:
        problems.append(f"pytest ended with {outcome.exit_code}, {outcome.failed} tests failed")
    if not files(outcome.out):
        problems.append(f"{TESTS} wrote nothing to LAKE_PORTABLE_OUT, so nothing was compared")
    elif outcome is not baseline:
        problems += differences(baseline.out, outcome.out)
    return problems


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    versions = [environment.spark for environment in ENVIRONMENTS]
    parser.add_argument(
        "--only", action="append", choices=versions[:-1], help=f"besides {versions[-1]}"
    )
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    *others, baseline_environment = ENVIRONMENTS
    chosen = [each for each in others if not options.only or each.spark in options.only]
    chosen.append(baseline_environment)
    try:
        outcomes = [run_tests(each, ensure(each), options.pytest) for each in chosen]
    except MatrixError as error:
        print(f"spark-versions: {error}", file=sys.stderr)
        return 2

    baseline = outcomes[-1]
    has_problems = False
    say(f"results, compared with {baseline.label}")
    for outcome in outcomes:
        problems = verdict(outcome, baseline)
        has_problems = has_problems or bool(problems)
        counted = f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped"
        compared = len(files(outcome.out))
        state = "NOT the same" if problems else "same"
        print(f"{outcome.label}: {counted}; {compared} files, {state}")
        for problem in problems:
            print(f"  {problem}")
    return 1 if has_problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
