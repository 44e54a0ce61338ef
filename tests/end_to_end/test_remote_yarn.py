"""Steps of EMR on a real YARN: the job runs away from what launched it, is refused, or waits."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from resources.aws import AwsSettings, aws_client
from resources.compute.emr import EmrEngine
from resources.compute.emr_settings import EmrSettings
from resources.compute.job_run import Terms
from resources.compute.pace import Pace
from resources.compute.remote import RemoteCompute
from resources.compute.remote_config import remote_spark_config
from resources.errors import EngineError
from resources.lake import Lake
from resources.settings import load_settings
from tests.end_to_end.plays import HOURS
from tests.end_to_end.remote_lake import Remote, remote_lake
from tests.end_to_end.remote_running import workshop
from tests.servers.emr import EmrServer, serving
from tests.servers.emr_steps import yarn_launcher
from tests.servers.yarn import Yarn, yarn_cluster
from tests.waiting import wait_for

ROLES = EmrSettings("emr-service", "emr-instances", keep_minutes=30)


@dataclass
class OnYarn:
    """EMR over YARN, and a lake beside it."""

    remote: Remote
    server: EmrServer
    yarn: Yarn
    lake: Lake
    aws: AwsSettings

    def compute(self, run: str, terms: Terms) -> RemoteCompute:
        engine = EmrEngine(ROLES, self.remote.storage.root, self.aws)
        return RemoteCompute(engine, self.remote.storage, run, terms, logging.getLogger("tests"))


@pytest.fixture(scope="module")
def yarn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    with yarn_cluster(tmp_path_factory.mktemp("yarn") / "cluster") as cluster:
        yield cluster


@pytest.fixture
def on_yarn(aws_settings: AwsSettings, yarn: Yarn, tmp_path: Path) -> Iterator[OnYarn]:
    remote = remote_lake(aws_settings, tmp_path, "emr")
    client = aws_client(aws_settings, "s3")

    def put_log(address: str, data: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=data)

    server = EmrServer(yarn_launcher(aws_settings, yarn), tmp_path / "emr", put_log)
    with serving(server) as url:
        aws = replace(aws_settings, endpoints={**aws_settings.endpoints, "emr": url})
        lake = Lake(replace(load_settings(remote.environment), aws=aws))
        yield OnYarn(remote, server, yarn, lake, aws)


def terms(on_yarn: OnYarn, **config: str) -> Terms:
    config = {name.replace("_", "."): value for name, value in config.items()}
    return Terms({**remote_spark_config(on_yarn.lake.settings), **config}, pace=Pace(0.5, 1.0, 1.0))


@pytest.mark.big
def test_a_job_in_a_container_of_yarn_reports_every_hour(on_yarn: OnYarn) -> None:
    table = workshop(on_yarn.remote.folder, "emr").table

    done = on_yarn.lake.refine(on_yarn.compute("run", terms(on_yarn)), table, HOURS)

    assert [each.report.ledger.published for each in done] == [400] * len(HOURS)
    assert any(name.endswith("stderr") for name, _ in on_yarn.yarn.container_logs())


@pytest.mark.big
def test_what_no_node_has_is_refused_by_yarn_and_said_with_what_to_change(on_yarn: OnYarn) -> None:
    table = workshop(on_yarn.remote.folder, "emr").table
    asked = terms(on_yarn, spark_executor_memory="100g")

    with pytest.raises(EngineError, match="above the max threshold") as caught:
        on_yarn.lake.refine(on_yarn.compute("run", asked), table, HOURS)

    assert "executor" in str(caught.value)


@pytest.mark.big
def test_a_job_that_yarn_has_no_room_for_is_ended_and_so_is_one_whose_launcher_is_killed(
    on_yarn: OnYarn,
) -> None:
    table = workshop(on_yarn.remote.folder, "emr").table
    large = {"spark_driver_memory": "1600m"}
    waiting = replace(terms(on_yarn, **large), start_seconds=90)

    class Stop(Exception):
        """The caller of the first job goes away."""

    def sleep(_: float) -> None:
        wait_for(lambda: any("messages/" in i.key for i in on_yarn.remote.storage.list("_jobs/")))
        with pytest.raises(EngineError, match="no room for it"):
            on_yarn.lake.refine(on_yarn.compute("starved", waiting), table, HOURS[:1])
        raise Stop

    first = replace(terms(on_yarn, **large), pace=Pace(sleep=sleep))
    with pytest.raises(Stop):
        on_yarn.lake.refine(on_yarn.compute("first", first), table, HOURS)

    # Both have left: there is room again for another.
    done = on_yarn.lake.refine(on_yarn.compute("last", terms(on_yarn, **large)), table, HOURS[:1])
    assert done[0].report.ledger.published == 400
