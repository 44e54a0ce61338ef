"""S3 under load: many writers of one key, many small objects, a week of the radio data."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.aws import AwsSettings, aws_client
from resources.errors import AlreadyThere
from resources.listing import list_folders
from resources.storage import S3Storage
from tests.end_to_end.radio_on_s3 import run_on_s3
from tests.end_to_end.test_radio import WEEK, plays_of
from tests.servers.versitygw import KEYS, versitygw_server

pytestmark = pytest.mark.load
WRITERS = 16


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsSettings]:
    """A server with a bucket `load`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        with versitygw_server() as server:
            aws_client(server.aws, "s3").create_bucket(Bucket="load")
            yield server.aws


def test_of_many_writers_of_each_key_exactly_one_writes_it(aws: AwsSettings) -> None:
    keys = [f"claims/{number:03d}" for number in range(100)]
    together = threading.Barrier(WRITERS)

    def claim_all(writer: int) -> list[str]:
        storage = S3Storage("load", "conditional", aws)
        won = []
        for key in keys:
            together.wait()
            try:
                storage.write(key, str(writer).encode(), if_absent=True)
                won.append(key)
            except AlreadyThere:
                pass
        return won

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(claim_all, range(WRITERS)))

    storage = S3Storage("load", "conditional", aws)
    assert sorted(key for each in won for key in each) == keys
    for writer, claimed in enumerate(won):
        assert {storage.read(key) for key in claimed} <= {str(writer).encode()}


def test_ten_thousand_small_objects_are_listed_read_and_removed(aws: AwsSettings) -> None:
    storage = S3Storage("load", "many/a+b %20", aws)
    hours = [f"raw/2024/05/{1 + n // 24:02d}/{n % 24:02d}/" for n in range(100)]
    keys = [f"{hour}{number:04d}.json" for hour in hours for number in range(100)]

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda key: storage.write(key, key.encode()), keys))
        listed = [info.key for info in storage.list("raw/")]
        by_hour = list_folders(storage, hours)
        contents = list(pool.map(storage.read, keys[::10]))

    assert listed == keys
    assert [info.key for hour in hours for info in by_hour[hour]] == keys
    assert contents == [key.encode() for key in keys[::10]]
    storage.delete(keys)
    assert list(storage.list("")) == []


def test_a_week_of_the_radio_data_is_published_whole(
    aws: AwsSettings, radio: Path, tmp_path: Path
) -> None:
    raw = S3Storage("load", "in", aws)
    for path in sorted((radio / "plays").rglob("*.gz")):
        raw.write(str(path.relative_to(radio)), path.read_bytes())

    told = run_on_s3(
        tmp_path,
        WEEK,
        {
            **KEYS,
            "LAKE_ROOT": "s3://load/lake",
            "LAKE_RAW_ROOT": raw.root,
            "LAKE_S3_ENDPOINT": aws.endpoints["s3"],
            "LAKE_AWS_REGION": aws.region,
        },
    )

    plays = [str(play["play_id"]) for hour in {(each["dt"], each["hour"]) for each in told["rows"]}
             for play in plays_of(radio, "-".join(hour))]  # fmt: skip
    assert sorted(str(each["play_id"]) for each in told["rows"]) == sorted(plays)
    assert len(plays) == 37673
    assert told["quarantined"] == []
