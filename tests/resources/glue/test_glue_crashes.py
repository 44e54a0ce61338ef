from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from resources.catalog.base import check_files
from resources.catalog.lease import Terms
from resources.errors import CatalogBusy, CatalogError
from tests.glue_lake import TABLE, Lake, attempt, hours, open_lake
from tests.pointers import FIVE, SIX, attempts

#: Short turns, so that the place of a killed publisher is free soon.
SHORT = Terms(seconds=1.0, skew_seconds=0.1, wait_seconds=60)


@pytest.fixture
def table(url: str, tmp_path: Path) -> Lake:
    lake = open_lake(url, tmp_path / "lake", terms=SHORT)
    lake.catalog.ensure_table(TABLE)
    return lake


def _killed(url: str, lake: Lake, action: str, nth: int, name: str, count: int) -> None:
    """Publish in a process that is killed as it sends the n-th request of an action."""
    arguments = (url, lake.storage.root, lake.database, action, nth, name, count)
    worker = multiprocessing.get_context("spawn").Process(target=_publish_and_die, args=arguments)
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL


def _publish_and_die(
    url: str, root: str, database: str, action: str, nth: int, name: str, count: int
) -> None:
    lake = open_lake(url, Path(root), database, SHORT)

    def die(_: object) -> None:
        if lake.calls.count[action] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    lake.calls.answer(action, die)
    lake.catalog.publish_all("Radio", hours(lake, name, count))


def test_a_publisher_killed_between_history_and_swap_changed_nothing(table: Lake, url: str) -> None:
    first = "2014-06-01-00"
    for name in "ab":
        table.catalog.publish("Radio", attempt(table, name, first))
    records = len(list(table.storage.list("catalog/Radio/log/")))
    _killed(url, table, "BatchUpdatePartition", 1, "killed", 1)
    assert len(list(table.storage.list("catalog/Radio/log/"))) == records + 1
    assert table.catalog.pointers("Radio")[first].attempt == "b"
    assert attempts(table.catalog.history("Radio", first)) == ["b", "a"]
    assert attempts(table.catalog.retained("Radio", 9)) == ["b", "a"]
    assert attempts(table.catalog.rollback("Radio", [first])) == ["a"]
    table.catalog.publish("Radio", attempt(table, "c", first))
    assert attempts(table.catalog.history("Radio", first)) == ["c", "b", "a"]
    assert attempts(table.catalog.rollback("Radio", [first])) == ["a"]


def test_a_publisher_killed_between_two_batches_is_finished_by_the_next(
    table: Lake, url: str
) -> None:
    pointers = hours(table, "old", 150)
    table.catalog.publish_all("Radio", pointers)
    _killed(url, table, "BatchUpdatePartition", 2, "new", 150)
    found = attempts(list(table.catalog.pointers("Radio").values()))
    assert (found.count("new"), found.count("old")) == (100, 50)
    table.calls.reset()
    table.catalog.publish_all("Radio", hours(table, "new", 150))
    assert table.calls.writes == 1
    current = table.catalog.pointers("Radio")
    assert set(attempts(list(current.values()))) == {"new"}
    for pointer in current.values():
        check_files(table.storage, "Radio", [pointer])
    for key in (pointers[0].partition, pointers[149].partition):
        assert attempts(table.catalog.history("Radio", key)) == ["new", "old"]
    assert set(attempts(table.catalog.rollback("Radio", list(current)))) == {"old"}


def test_a_publisher_killed_before_a_first_publication_left_nothing_to_go_back_to(
    table: Lake, url: str
) -> None:
    _killed(url, table, "BatchCreatePartition", 1, "killed", 2)
    assert table.catalog.pointers("Radio") == {}
    assert table.catalog.history("Radio", "2014-06-01-00") == []
    table.catalog.publish_all("Radio", hours(table, "a", 2))
    assert attempts(table.catalog.history("Radio", "2014-06-01-00")) == ["a"]
    assert attempts(table.catalog.retained("Radio", 9)) == ["a", "a"]


def _publish_many(url: str, root: str, database: str, worker: str, rounds: int) -> None:
    lake = open_lake(url, Path(root), database)
    for number in range(rounds):
        name = f"{worker}-{number}"
        lake.catalog.publish_all("Radio", [attempt(lake, name, key, 3) for key in (FIVE, SIX)])


@pytest.mark.slow
def test_two_processes_publish_at_once_and_no_publication_is_lost(table: Lake, url: str) -> None:
    rounds = 6
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(
            target=_publish_many, args=(url, table.storage.root, table.database, name, rounds)
        )
        for name in "ab"
    ]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        for pointer in table.catalog.pointers("Radio").values():
            assert len(pointer.files) == 3
            assert all(f"attempt={pointer.attempt}/" in file.key for file in pointer.files)
    assert [worker.exitcode for worker in workers] == [0, 0]
    for key in (FIVE, SIX):
        published = attempts(table.catalog.history("Radio", key))
        assert sorted(published) == sorted(f"{name}-{n}" for name in "ab" for n in range(rounds))
        assert table.catalog.pointers("Radio")[key].attempt == published[0]
        back = [table.catalog.rollback("Radio", [key])[0].attempt for _ in published[1:]]
        assert back == published[1:]


def test_a_publisher_that_stood_still_writes_nothing_more(table: Lake) -> None:
    """Its turn is over when it wakes: another may have published since."""
    now = [1_000_000.0]
    terms = Terms(seconds=60, skew_seconds=5, now=lambda: now[0])
    slow = open_lake(
        table.client.meta.endpoint_url, Path(table.storage.root), table.database, terms
    )
    pointers = hours(table, "slow", 150)

    def stand_still(_: object) -> None:
        now[0] += 100

    slow.calls.answer("BatchCreatePartition", stand_still)
    with pytest.raises(CatalogBusy, match="ran out after 60 seconds"):
        slow.catalog.publish_all("Radio", pointers)
    assert slow.calls.count["BatchCreatePartition"] == 1
    assert len(table.catalog.pointers("Radio")) == 100


def test_a_publisher_waits_while_the_catalog_is_held(table: Lake) -> None:
    pointer = attempt(table, "a")
    publisher = threading.Thread(target=table.another().publish, args=("Radio", pointer))
    with table.catalog.holding():
        publisher.start()
        publisher.join(timeout=0.5)
        assert publisher.is_alive()
        assert table.catalog.pointers("Radio") == {}
    publisher.join(timeout=30)
    assert table.catalog.pointers("Radio")[FIVE].attempt == "a"


def test_a_rollback_that_fails_midway_names_what_was_left(table: Lake) -> None:
    for name in ("old", "new"):
        table.catalog.publish_all("Radio", hours(table, name, 150))
    keys = list(table.catalog.pointers("Radio"))
    calls = []

    def second_denied(_: object) -> tuple[int, object] | None:
        calls.append(1)
        denied = {"__type": "AccessDeniedException", "message": "not any more"}
        return (400, denied) if len(calls) == 2 else None

    table.calls.answer("BatchUpdatePartition", second_denied)
    with pytest.raises(CatalogError, match="100 are rolled back, 50 are as they were") as caught:
        table.catalog.rollback("Radio", keys)
    assert not caught.value.retryable
    assert keys[100] in str(caught.value)

    table.catalog.rollback("Radio", keys[100:])
    assert set(attempts(list(table.catalog.pointers("Radio").values()))) == {"old"}


def test_a_rollback_whose_answer_is_lost_is_done(table: Lake) -> None:
    for name in ("old", "new"):
        table.catalog.publish("Radio", attempt(table, name))
    asked = []

    def done_unheard(request: Mapping[str, object]) -> tuple[int, object] | None:
        asked.append(1)
        if len(asked) > 1:
            return None
        table.client.batch_update_partition(**request)  # type: ignore[arg-type]
        return 400, {"__type": "InvalidInputException", "message": "of the test's making"}

    table.calls.answer("BatchUpdatePartition", done_unheard)

    assert attempts(table.catalog.rollback("Radio", [FIVE])) == ["old"]
    assert table.catalog.pointers("Radio")[FIVE].attempt == "old"
