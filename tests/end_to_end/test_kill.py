"""Runs that are killed with `kill -9`, each followed by a rerun, while readers look on."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.end_to_end.conftest import load_songs
from tests.end_to_end.killing import (
    await_session,
    go,
    interrupted,
    kill,
    places,
    reader,
    require_mended,
    require_only_wholes,
    start,
    to_seen,
)
from tests.end_to_end.plays import HOURS, VERSIONS, Seen, deliver, expected, is_whole, seen
from tests.workshop import Workshop

pytestmark = pytest.mark.slow


Run = Callable[[Workshop], subprocess.Popen[str]]


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
        "local_rows.py:has_pointers",  # the table, as it was
        "local.py:_publish",
        "sqlite.py:_transaction",
        "local_rows.py:all_tables",  # reading back
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


@pytest.fixture
def workshop(songs_database: Path, tmp_path: Path) -> Workshop:
    """A lake with its database, whose table holds the first version."""
    made = Workshop(tmp_path / "lake")
    shutil.copytree(songs_database, made.settings.database)
    deliver(made, "before")
    assert made.materialize(span=(HOURS[0], HOURS[-1])).success
    return made


def wait_for(process: subprocess.Popen[str], has_come: Callable[[], bool], moment: str) -> None:
    while not has_come():
        if process.poll() is not None:
            pytest.fail(f"the run ended before {moment}")
        time.sleep(0.01)


@pytest.mark.timeout(1800)  # starts Spark seven times, which a busy machine takes its time for
@pytest.mark.big
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


@pytest.mark.big
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


@pytest.mark.big
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


@pytest.mark.big
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
