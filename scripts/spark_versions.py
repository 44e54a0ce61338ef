"""Holds what is shipped to the same rows and the same Parquet types on every Spark it runs on.

On each Spark it runs `tests/spark/portable` in that Spark's own environment, and by
`tests/spark/shipped` whole jobs as an engine starts them; then it compares what the tests wrote,
byte for byte. What is worth comparing is for the tests to say, by writing canonical files into the
folder that `LAKE_PORTABLE_OUT` names.
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

PORTABLE, SHIPPED = "tests/spark/portable", "tests/spark/shipped"
#: pytest's exit code where it collected no test.
_NONE_CHOSEN = 5
RESULTS = ROOT / "build" / "spark-versions"


@dataclass(frozen=True)
class Counts:
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )


@dataclass(frozen=True)
class Outcome:
    """How the tests went on one Spark; `failures` are the folders of tests that did not pass."""

    environment: Environment
    label: str
    counts: Counts
    failures: tuple[str, ...]

    @property
    def out(self) -> Path:
        """What the tests wrote to be compared."""
        return RESULTS / self.environment.spark / "out"


def label(python: Path) -> str:
    script = "import platform, pyspark as p; print('Spark', p.__version__, 'on Python', platform.python_version())"
    found = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise MatrixError(f"{python} cannot import pyspark:\n{found.stderr}")
    return found.stdout.strip()


def run_tests(environment: Environment, python: Path, arguments: Sequence[str]) -> Outcome:
    """Runs both folders of tests on one Spark."""
    results = RESULTS / environment.spark
    shutil.rmtree(results, ignore_errors=True)
    (results / "out").mkdir(parents=True)
    name = label(python)
    say(name)

    commands = {
        PORTABLE: portable(python),
        SHIPPED: [sys.executable, "-m", "pytest", SHIPPED, "-m", "versions"],
    }
    total, failures = Counts(), []
    for tests, command in commands.items():
        report = results / f"{Path(tests).name}.xml"
        finished = subprocess.run(
            [*command, f"--junitxml={report}", *arguments],
            cwd=ROOT,
            env=variables(python, results / "out"),
            check=False,
        )
        total += counts(report)
        # Arguments may choose tests of one folder only.
        if finished.returncode not in ((0, _NONE_CHOSEN) if arguments else (0,)):
            failures.append(tests)
    return Outcome(environment, name, total, tuple(failures))


def portable(python: Path) -> list[str]:
    """Tests in an environment of few plugins, with a configuration of their own."""
    configuration = ("-c", "scripts/portable.ini", f"--rootdir={ROOT}")
    return [str(python), "-m", "pytest", PORTABLE, *configuration]


def variables(python: Path, out: Path) -> dict[str, str]:
    """The environment of tests of the Spark that an interpreter has."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTEST_", "PYSPARK_", "SPARK_HOME", "SPARK_CONF_DIR", "LAKE_"))
    }
    return kept | {
        "LAKE_PORTABLE_OUT": str(out),
        "LAKE_SPARK_PYTHON": str(python),
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": str(python),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def counts(report: Path) -> Counts:
    """The counts of a JUnit report; none of any if there is no report."""
    if not report.is_file():
        return Counts()
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - written by our own pytest
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in suites:
        for key in totals:
            totals[key] += int(suite.get(key, "0"))
    failed = totals["failures"] + totals["errors"]
    return Counts(totals["tests"] - failed - totals["skipped"], failed, totals["skipped"])


def verdict(outcome: Outcome, baseline: Outcome) -> list[str]:
    """What is wrong with one Spark's outcome; nothing if it agrees with the baseline."""
    problems = [f"tests in {each} failed, or none ran" for each in outcome.failures]
    if not files(outcome.out):
        problems.append("no test wrote to LAKE_PORTABLE_OUT, so nothing was compared")
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
        total = outcome.counts
        counted = f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped"
        compared = len(files(outcome.out))
        state = "NOT the same" if problems else "same"
        print(f"{outcome.label}: {counted}; {compared} files, {state}")
        for problem in problems:
            print(f"  {problem}")
    return 1 if has_problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
