"""Figures of past runs: kept, bounded, and read again whatever else lies there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from resources.compute.engine import Usage
from resources.compute.history import KEPT, PastRun, largest_input, past_runs, remember
from resources.storage import FolderStorage

RUN = PastRun(
    run="20261121T034500.000Z-00000000",
    engine="glue",
    cores=8,
    partitions=24,
    input_bytes=5_000_000,
    documents=100_000,
    seconds_waiting=30.5,
    seconds_running=120.25,
    usage=Usage(120.25, dpu_hours=0.07),
    usd=Decimal("0.0308"),
)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def later(number: int, **changes: object) -> PastRun:
    return replace(RUN, run=f"20261121T0345{number:02d}.000Z-00000000", **changes)  # type: ignore[arg-type]


def test_a_run_comes_back_as_it_was_kept(storage: FolderStorage) -> None:
    remember(storage, "plays", "refined", RUN)

    assert past_runs(storage, "plays", "refined") == [RUN]
    assert past_runs(storage, "play", "refined") == []
    assert past_runs(storage, "plays", "ref") == []


def test_the_newest_runs_of_each_engine_and_size_stay(storage: FolderStorage) -> None:
    for number in range(KEPT + 3):
        remember(storage, "plays", "refined", later(number))
    large = later(0, input_bytes=10**12)
    elsewhere = later(1, engine="emr")
    for run in (large, elsewhere):
        remember(storage, "plays", "refined", run)

    found = past_runs(storage, "plays", "refined")

    small = [run for run in found if run not in (large, elsewhere)]
    assert [run.run for run in small] == [later(3 + number).run for number in range(KEPT)]
    assert large in found
    assert elsewhere in found
    assert sum(1 for _ in storage.list("_runs/")) == KEPT + 2


def test_runs_are_given_oldest_first_whatever_their_engine(storage: FolderStorage) -> None:
    for number, engine in enumerate(("local", "emr", "glue", "emr")):
        remember(storage, "plays", "refined", later(number, engine=engine))

    assert [run.engine for run in past_runs(storage, "plays", "refined")] == [
        "local",
        "emr",
        "glue",
        "emr",
    ]


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"run": 1}'])
def test_an_object_that_is_no_record_is_passed_over(storage: FolderStorage, text: bytes) -> None:
    remember(storage, "plays", "refined", RUN)
    storage.write("_runs/plays/refined/glue/01/broken.json", text)

    assert past_runs(storage, "plays", "refined") == [RUN]


def test_an_input_of_no_bytes_is_kept_too(storage: FolderStorage) -> None:
    remember(storage, "plays", "refined", replace(RUN, input_bytes=0, usage=None, usd=None))

    [found] = past_runs(storage, "plays", "refined")
    assert found.usd is None
    assert largest_input([found], "glue") == 0
