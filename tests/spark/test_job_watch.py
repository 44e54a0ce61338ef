"""A job looks whether it is still wanted, in a process of its own here since it ends that."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

PROJECT = Path(__file__).parents[2]

#: A store that answers as S3's ListObjectsV2 does: `KeyCount` is how many keys have the prefix.
STORE = """
import threading
from spark import job_watch

job_watch.LOOK_SECONDS = 0.05

class Store:
    def __init__(self, after):
        self.looks, self.after = 0, after
        self.looked_often = threading.Event()
    def list_objects_v2(self, *, Bucket, Prefix, MaxKeys):
        self.looks += 1
        if self.looks > 3:
            self.looked_often.set()
        assert (Bucket, Prefix, MaxKeys) == ("b", "jobs/ended", 1)
        return {"KeyCount": 1 if self.looks > self.after else 0}
"""


def run(code: str) -> tuple[int, str]:
    """The exit code and output of a program with the store above."""
    done = subprocess.run(
        [sys.executable, "-c", STORE + textwrap.dedent(code)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_job_that_ends_is_watched_to_its_end_and_no_longer() -> None:
    code = """
    store = Store(after=1000)
    with job_watch.watching(store, "s3://b/jobs/ended"):
        print(store.looked_often.wait(30))
    print(threading.active_count())
    """

    assert run(code) == (0, "True\n1\n")


def test_a_job_that_nobody_waits_for_any_more_ends_itself() -> None:
    code = """
    with job_watch.watching(Store(after=3), "s3://b/jobs/ended"):
        threading.Event().wait(30)
    """

    assert run(code)[0] == 143


def test_a_job_that_nobody_waits_for_at_its_start_never_starts() -> None:
    code = """
    with job_watch.watching(Store(after=0), "s3://b/jobs/ended"):
        print("started")
    """

    assert run(code) == (143, "")


def test_a_look_that_fails_ends_nothing() -> None:
    code = """
    class Failing(Store):
        def list_objects_v2(self, **given):
            answer = super().list_objects_v2(**given)
            if self.looks > 1:
                raise OSError("no route")
            return answer
    store = Failing(after=1000)
    with job_watch.watching(store, "s3://b/jobs/ended"):
        print(store.looked_often.wait(30))
    """

    exit_code, said = run(code)
    assert exit_code == 0
    assert said.startswith("True\n")
    assert "no route" in said
