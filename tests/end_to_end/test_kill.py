"""Runs that are killed with `kill -9`, each followed by a rerun, while readers look on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import pytest
from pyspark.sql import SparkSession

from resources.source_database import embedded
from tests.end_to_end.plays import HOURS, VERSIONS, Seen, deliver, expected, is_whole, seen
from tests.workshop import SONGS, Workshop

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


Run = Callable[[Workshop], subprocess.Popen[str]]


class Killed(TypedDict):
    """A run that was killed, and what there was to see then and after its rerun."""

    moment: int
    effect: str
    code: int
    version: str
    after_kill: dict[str, list[int | str]]
    rerun_code: int
    after_rerun: dict[str, list[int | str]]


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process in a group of its own, so that it can be killed with all that it started."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / script), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_HOME": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started, without a chance to tidy up."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts runs of a lake; those that are left at the end of a test are killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(workshop: Workshop) -> subprocess.Popen[str]:
        running.append(start("running.py", workshop.root))
        return running[-1]

    yield begin
    for each in running:
        kill(each)


@dataclass
class Seeing:
    """What a reader saw of a lake while it was running."""

    queries: int = 0
    states: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@contextmanager
def reader(root: Path) -> Iterator[Seeing]:
    """A process that queries the table all the while; what it saw is there afterwards."""
    seeing = Seeing()
    process = start("reading.py", root)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        yield seeing
        report, _ = process.communicate()
    except BaseException:
        kill(process)
        raise
    told = json.loads(report)
    seeing.queries, seeing.errors = told["queries"], told["errors"]
    seeing.states = {key: [(n, text) for n, text in each] for key, each in told["states"].items()}


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """What each version looks like after an undisturbed run."""
    return {
        version: expected(version, Workshop(tmp_path_factory.mktemp(version)))
        for version in VERSIONS
    }


def require_only_wholes(seeing: Seeing, wholes: dict[str, Seen]) -> None:
    """Nothing but complete versions was ever seen, and that often enough to mean something."""
    assert seeing.errors == []
    assert seeing.queries >= 20
    assert sorted(seeing.states) == list(HOURS)
    for key, states in seeing.states.items():
        assert {*states} <= {whole[key] for whole in wholes.values()}


def to_seen(told: dict[str, list[int | str]]) -> Seen:
    return {key: (int(rows), str(checksum)) for key, (rows, checksum) in told.items()}


def interrupted(root: Path, mode: str) -> list[Killed]:
    """Every run that was killed before another of its effects, and how it was mended."""
    process = start("crashing.py", root, mode)
    report, _ = process.communicate()
    assert process.returncode == 0
    *killed, last = [json.loads(line) for line in report.splitlines()]
    assert last["code"] == 0
    assert {each["code"] for each in killed} == {-signal.SIGKILL}
    return killed


def require_mended(killed: list[Killed], wholes: dict[str, Seen]) -> None:
    """Every rerun gave what an undisturbed run gives, and nothing partial was left before it."""
    for each in killed:
        where = f"before {each['effect']} (the {each['moment']}th)"
        assert is_whole(to_seen(each["after_kill"]), wholes), where
        assert each["rerun_code"] == 0, where
        rerun = to_seen(each["after_rerun"])
        assert rerun == wholes[each["version"]], where


def places(killed: list[Killed]) -> set[str]:
    return {each["effect"].partition(" in ")[2] for each in killed}


def test_a_first_run_killed_at_any_of_its_steps_is_mended_by_a_rerun(
    tmp_path: Path, wholes: dict[str, Seen]
) -> None:
    killed = interrupted(tmp_path, "first")

    require_mended(killed, wholes)
    assert len(killed) >= 20
    assert any(each["after_kill"] == {} for each in killed)


def test_a_run_killed_at_any_of_its_steps_never_shows_half_a_partition(
    tmp_path: Path, wholes: dict[str, Seen]
) -> None:
    expected("before", Workshop(tmp_path))

    with reader(tmp_path) as seeing:
        killed = interrupted(tmp_path, "again")

    require_mended(killed, wholes)
    require_only_wholes(seeing, wholes)
    assert all(set(each["after_kill"]) == set(HOURS) for each in killed)
    assert len(killed) >= 60
    assert places(killed) >= {
        "folder.py:_write_through",  # the verdict
        "folder.py:write",
        "local.py:_has_pointers",  # the table, as it was
        "local.py:publish",
        "sqlite.py:_transaction",
        "local.py:_all_tables",  # reading back
    }


# --- Spark itself ---


def there_is(root: Path, pattern: str) -> Callable[[], bool]:
    """Whether something newer than the call lies in storage."""
    before = set(root.glob(pattern))
    return lambda: bool(set(root.glob(pattern)) - before)


#: What lies in storage when the run is killed.
SPARK_MOMENTS = {
    "the snapshot is being written": "reference/songs/version=*/_temporary",
    "the refine has begun to write": "refined/plays/attempt=*/_temporary",
    "the refine has written a file": "refined/plays/attempt=*/_temporary/**/*.parquet",
    "the refine has committed its files": "refined/plays/attempt=*/_SUCCESS",
    "the quarantine is being written": "quarantine/plays/attempt=*/_temporary",
    "a verdict has been recorded": "refined/plays/_manifest/*/*.json",
}


@pytest.fixture(scope="module")
def songs_database(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the songs, loaded once."""
    workshop = Workshop(tmp_path_factory.mktemp("songs"))
    load_songs(spark, workshop, [])
    return Path(workshop.settings.database)


def load_songs(spark: SparkSession, workshop: Workshop, more: list[tuple[int, str]]) -> None:
    """Put the songs into the database, and more of them that nobody plays."""
    rows = [(row["song_id"], row["title"]) for row in SONGS]
    songs = spark.createDataFrame([*rows, *more], "song_id int, title string")
    embedded(workshop.lake.database).load_table(spark, "SONGS", songs, ["song_id"])


@pytest.fixture
def workshop(songs_database: Path, tmp_path: Path) -> Workshop:
    """A lake with its database, whose table holds the first version."""
    made = Workshop(tmp_path / "lake")
    shutil.copytree(songs_database, made.settings.database)
    deliver(made, "before")
    assert made.materialize(span=(HOURS[0], HOURS[-1])).success
    return made


def await_session(process: subprocess.Popen[str]) -> None:
    """Wait until a run's Spark session is up; the run then waits for a line of input."""
    assert process.stdout is not None
    assert process.stdout.readline() == "session\n"


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def wait_for(process: subprocess.Popen[str], has_come: Callable[[], bool], moment: str) -> None:
    while not has_come():
        if process.poll() is not None:
            pytest.fail(f"the run ended before {moment}")
        time.sleep(0.01)


@pytest.mark.timeout(1800)  # starts Spark seven times, which a busy machine takes its time for
def test_a_run_killed_inside_spark_is_mended_by_a_rerun(
    workshop: Workshop, run: Run, spark: SparkSession, wholes: dict[str, Seen]
) -> None:
    assert seen(workshop.lake) == wholes["before"]
    load_songs(spark, workshop, [(100, "Never played, so that there is a new snapshot to write")])
    with reader(workshop.root) as seeing:
        process = run(workshop)
        for number, (moment, pattern) in enumerate(SPARK_MOMENTS.items()):
            version = VERSIONS[(number + 1) % 2]
            deliver(workshop, version)
            await_session(process)
            has_come = there_is(workshop.root, pattern)
            go(process)
            wait_for(process, has_come, moment)
            kill(process)
            left = seen(workshop.lake)
            assert is_whole(left, wholes), moment
            assert set(left) == set(HOURS), moment

            process = run(workshop)  # the next one, which waits to be told
            rerun = workshop.materialize(span=(HOURS[0], HOURS[-1]))

            assert rerun.success, moment
            assert seen(workshop.lake) == wholes[version], moment
        kill(process)
    require_only_wholes(seeing, wholes)


def test_a_run_whose_spark_outlives_it_is_mended_by_a_rerun(
    workshop: Workshop, run: Run, wholes: dict[str, Seen]
) -> None:
    deliver(workshop, "after")
    process = run(workshop)
    await_session(process)
    has_come = there_is(workshop.root, SPARK_MOMENTS["the refine has begun to write"])
    go(process)
    wait_for(process, has_come, "the refine has begun to write")
    process.kill()

    rerun = workshop.materialize(span=(HOURS[0], HOURS[-1]))

    assert rerun.success
    assert seen(workshop.lake) == wholes["after"]
    kill(process)
    assert seen(workshop.lake) == wholes["after"]


# --- Two at the same time ---


def test_two_runs_of_the_same_partitions_both_end_and_one_wins_whole(
    workshop: Workshop, run: Run, wholes: dict[str, Seen]
) -> None:
    deliver(workshop, "after")
    before = {key: each.attempt for key, each in workshop.lake.catalog.pointers("plays").items()}

    with reader(workshop.root) as seeing:
        both = [run(workshop) for _ in range(2)]
        for each in both:
            await_session(each)
        for each in both:
            go(each)
        told = [each.communicate()[0] for each in both]

    assert [each.returncode for each in both] == [0, 0]
    assert told == ["done\n", "done\n"]
    assert seen(workshop.lake) == wholes["after"]
    require_only_wholes(seeing, wholes)
    for key, pointer in workshop.lake.catalog.pointers("plays").items():
        assert pointer.attempt != before[key]
        assert all(file.key.startswith(f"{pointer.directory}/") for file in pointer.files)
        assert f"attempt={pointer.attempt}" in pointer.directory


def test_runs_with_different_rows_at_the_same_time_leave_one_of_them_whole(
    tmp_path: Path, wholes: dict[str, Seen]
) -> None:
    expected("before", Workshop(tmp_path))

    with reader(tmp_path) as seeing:
        process = start("crashing.py", tmp_path, "race")
        report, _ = process.communicate()

    assert process.returncode == 0
    rounds = [json.loads(line) for line in report.splitlines()]
    assert [each["codes"] for each in rounds] == [[0, 0]] * len(rounds)
    assert all(is_whole(to_seen(each["after"]), wholes) for each in rounds)
    require_only_wholes(seeing, wholes)
