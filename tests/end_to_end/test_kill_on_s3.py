"""Runs on S3 and Glue that are killed with `kill -9`, while readers look on, and then run again."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from resources.aws import AwsSettings, aws_client
from tests.end_to_end.killing import (
    await_session,
    go,
    interrupted,
    kill,
    reader,
    require_mended,
    require_only_wholes,
    start,
)
from tests.end_to_end.plays import (
    HOURS,
    VERSIONS,
    Seen,
    deliver,
    expected,
    is_whole,
    seen,
)
from tests.servers.faulty import NO_CALL, faulty_proxy
from tests.workshop import Workshop

pytestmark = pytest.mark.slow
SCRIPT = "crashing_on_s3.py"
_BUCKETS = itertools.count(1)


@pytest.fixture
def variables(aws_settings: AwsSettings) -> dict[str, str]:
    """The settings of a lake of the test's own."""
    name = f"kill-{next(_BUCKETS)}"
    aws_client(aws_settings, "s3").create_bucket(Bucket=name)
    return {
        "LAKE_ROOT": f"s3://{name}/lake",
        "LAKE_RAW_ROOT": f"s3://{name}/raw",
        "LAKE_S3_ENDPOINT": aws_settings.endpoints["s3"],
        "LAKE_AWS_REGION": aws_settings.region,
        "LAKE_CATALOG": "glue",
        "LAKE_READ_BACK": "duckdb",
        "LAKE_GLUE_DATABASE": name.replace("-", "_"),
        "LAKE_GLUE_ENDPOINT": aws_settings.endpoints["glue"],
    }


class Trigger:
    """Kills a process as soon as a call comes that it waits for, and carries that call out no more."""

    def __init__(self) -> None:
        self._waits_for: tuple[str, ...] = ()
        self._process: subprocess.Popen[str] | None = None

    def arm(self, process: subprocess.Popen[str], *parts: str) -> None:
        """Wait for a call that has all of these in it."""
        self._process, self._waits_for = process, parts

    def decide(self, call: str, _: int) -> str | None:
        """What the proxy asks of each call."""
        if self._process is None or not all(part in call for part in self._waits_for):
            return None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None
        return NO_CALL


#: What of a call shows how far Spark is, in the order in which the magic committer comes to them.
SPARK_MOMENTS = {
    "an upload is begun": ("POST", "/refined/", "part-", "?uploads"),
    "a part is uploaded": ("PUT", "/refined/", "part-", "partNumber="),
    "a task commits": ("PUT", "/refined/", "pendingset"),
    "the job completes an upload": ("POST", "/refined/", "part-", "uploadId="),
    "the job has committed": ("PUT", "/refined/", "_SUCCESS"),
    "the quarantine is written": ("POST", "/quarantine/", "?uploads"),
    "a verdict is recorded": ("PUT", "/_manifest/"),
}


@pytest.mark.timeout(1800)  # starts Spark fourteen times
@pytest.mark.big
def test_a_run_killed_inside_spark_never_shows_half_a_partition(
    tmp_path: Path, variables: dict[str, str], songs_database: Path, wholes: dict[str, Seen]
) -> None:
    del variables["LAKE_RAW_ROOT"]
    workshop = Workshop(tmp_path, environment=variables)
    shutil.copytree(songs_database, workshop.settings.database)
    expected("before", workshop)
    trigger = Trigger()
    with (
        reader(tmp_path, variables) as seeing,
        faulty_proxy(variables["LAKE_S3_ENDPOINT"], trigger.decide) as proxy,
        contextlib.ExitStack() as running,
    ):

        def run() -> subprocess.Popen[str]:
            process = start(
                "running.py", tmp_path, variables={**variables, "LAKE_S3_ENDPOINT": proxy.url}
            )
            running.callback(kill, process)
            return process

        process = run()
        for number, (moment, parts) in enumerate(SPARK_MOMENTS.items()):
            version = VERSIONS[(number + 1) % 2]
            deliver(workshop, version)
            await_session(process)
            trigger.arm(process, *parts)
            go(process)
            assert process.wait() == -signal.SIGKILL, moment
            left = seen(workshop.lake)
            assert is_whole(left, wholes), moment
            assert set(left) == set(HOURS), moment

            again, process = run(), run()
            await_session(again)
            again.communicate("go\n")
            assert again.returncode == 0, moment
            assert seen(workshop.lake) == wholes[version], moment
    require_only_wholes(seeing, wholes)


@pytest.mark.big
def test_a_first_run_killed_before_any_change_is_mended_by_a_rerun(
    tmp_path: Path, variables: dict[str, str], wholes: dict[str, Seen]
) -> None:
    killed = interrupted(tmp_path, "first", SCRIPT, variables)

    require_mended(killed, wholes)
    assert any(each["after_kill"] == {} for each in killed)
    assert len(killed) >= 12
    effects = {each["effect"].partition(" in ")[0] for each in killed}
    assert effects >= {"CreateDatabase", "CreateTable", "BatchCreatePartition", "PutObject"}


def test_a_run_killed_before_any_change_never_shows_half_a_partition(
    tmp_path: Path, variables: dict[str, str], wholes: dict[str, Seen]
) -> None:
    expected("before", Workshop(tmp_path, environment=variables))

    with reader(tmp_path, variables) as seeing:
        killed = interrupted(tmp_path, "again", SCRIPT, variables)

    require_mended(killed, wholes)
    require_only_wholes(seeing, wholes)
    assert all(set(each["after_kill"]) == set(HOURS) for each in killed)
    assert len(killed) >= 10
    assert any("BatchUpdatePartition" in each["effect"] for each in killed)
