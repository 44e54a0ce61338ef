"""The radio data on S3, through Spark's S3A connector, published in the Glue Data Catalog."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.on_s3 import AWKWARD_PREFIX
from tests.end_to_end.radio_on_s3 import (
    HOURS,
    MIXED,
    MIXED_KEY,
    Done,
    require_every_play_once,
    take_to_s3,
)
from tests.end_to_end.test_radio import plays_of


@pytest.fixture(scope="module")
def done(radio: Path, moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    return take_to_s3(radio, moto_url, moto_url, "radio", tmp_path_factory.mktemp("on_s3"))


@pytest.mark.slow
def test_hours_on_s3_are_published_and_read_back(done: Done, radio: Path) -> None:
    require_every_play_once(done, radio)
    assert done.told["one_hour"] == [{"n": len(plays_of(radio, HOURS[-1]))}]


@pytest.mark.slow
def test_glue_points_at_the_files_of_one_attempt(done: Done) -> None:
    assert sorted(done.locations) == sorted(HOURS)
    for hour, location in done.locations.items():
        below = location.removeprefix(f"{done.lake.root}/").rstrip("/")
        keys = [info.key for info in done.lake.list(f"{below}/")]
        assert f"dt={hour[:10]}/hour={hour[11:]}" in below
        assert any(key.endswith(".parquet") for key in keys)


@pytest.mark.slow
def test_spark_reads_and_writes_objects_of_awkward_names(done: Done) -> None:
    assert done.told["awkward"] == []
    written = [info.key for info in done.lake.list(f"{AWKWARD_PREFIX}/")]
    assert any(key.endswith(".parquet") for key in written)


@pytest.mark.slow
def test_the_magic_committer_wrote_every_directory_and_left_nothing(done: Done) -> None:
    keys = [info.key for info in done.lake.list("")]
    markers = [key for key in keys if key.endswith("_SUCCESS")]
    assert {key.split("/")[0] for key in markers} >= {"refined", "reference"}
    assert {json.loads(done.lake.read(key))["committer"] for key in markers} == {"magic"}
    assert [key for key in keys if "__magic" in key or "_temporary" in key] == []
    assert list(done.lake.unfinished("")) == []


@pytest.mark.slow
def test_raw_objects_are_left_as_they_were(done: Done, radio: Path) -> None:
    there = {info.key: info.size for info in done.raw.list("")}
    assert there.pop(MIXED_KEY) == len(MIXED)
    assert there == {
        str(path.relative_to(radio)): path.stat().st_size
        for hour in HOURS
        for path in (radio / "plays" / hour.replace("-", "/")).iterdir()
    }
