from __future__ import annotations

import multiprocessing
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from resources.catalog.lease import Terms, lease
from resources.errors import CatalogBusy, StorageError
from resources.storage import FolderStorage

PREFIX = "catalog/radio/lease"


@dataclass
class Clock:
    """Time that passes only when somebody waits."""

    seconds: float = 1_000_000.0
    pauses: list[float] = field(default_factory=list)

    def terms(self) -> Terms:
        return Terms(
            seconds=60, skew_seconds=5, wait_seconds=20, now=lambda: self.seconds, pause=self.pause
        )

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def test_turns_are_numbered_and_only_the_last_is_kept(storage: FolderStorage) -> None:
    clock = Clock()
    for token in (1, 2, 3):
        with lease(storage, PREFIX, clock.terms()) as held:
            assert held.token == token
            held.check()
    assert [info.key for info in storage.list("")] == [f"{PREFIX}/0000000003.json"]
    assert clock.pauses == []


def test_another_waits_and_then_says_who_has_it(storage: FolderStorage) -> None:
    clock = Clock()
    with (
        lease(storage, PREFIX, clock.terms()) as held,
        pytest.raises(CatalogBusy, match=r"free within 20 seconds; process \d+ on") as caught,
        lease(storage, PREFIX, clock.terms()),
    ):
        pass
    assert caught.value.retryable
    assert sum(clock.pauses) >= 20
    assert held.token == 1


def test_a_dead_holder_is_succeeded_once_its_turn_and_the_skew_have_passed(
    storage: FolderStorage,
) -> None:
    clock = Clock()
    dead = lease(storage, PREFIX, clock.terms())
    dead.__enter__()
    clock.seconds += 64
    pauses = len(clock.pauses)
    with lease(storage, PREFIX, clock.terms()) as held:
        assert held.token == 2
    assert len(clock.pauses) > pauses
    assert clock.seconds > 1_000_065


def test_a_holder_that_checks_in_keeps_its_turn(storage: FolderStorage) -> None:
    clock = Clock()
    with lease(storage, PREFIX, clock.terms()) as held:
        for _ in range(10):
            clock.seconds += 40
            held.check()
        with (
            pytest.raises(CatalogBusy, match="free within"),
            lease(storage, PREFIX, clock.terms()),
        ):
            pass


def test_a_holder_that_stood_still_finds_its_turn_lost(storage: FolderStorage) -> None:
    clock = Clock()
    with lease(storage, PREFIX, clock.terms()) as slow:
        clock.seconds += 66
        with lease(storage, PREFIX, clock.terms()) as quick:
            with pytest.raises(CatalogBusy, match="turn 1 ran out after 60 seconds") as caught:
                slow.check()
            quick.check()
    assert caught.value.retryable
    with lease(storage, PREFIX, clock.terms()) as held:
        assert held.token == 3


def test_a_clock_that_is_behind_cannot_renew_what_another_took(storage: FolderStorage) -> None:
    clock = Clock()
    behind = replace(clock.terms(), now=lambda: clock.seconds - 30)
    with lease(storage, PREFIX, behind) as slow:
        clock.seconds += 36
        with (
            lease(storage, PREFIX, clock.terms()),
            pytest.raises(CatalogBusy, match="turn 1 ran out"),
        ):
            slow.check()


def test_a_turn_is_renewed_during_work_that_outlasts_it(storage: FolderStorage) -> None:
    """Renewals are what is waited for: after several, the first turn would long be over."""
    renewed = threading.Semaphore(0)

    class Watched(FolderStorage):
        def write(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
            super().write(key, data, if_absent=if_absent)
            if not if_absent:
                renewed.release()

    terms = Terms(seconds=1.6, skew_seconds=0.1, wait_seconds=0)
    with lease(Watched(storage.root), PREFIX, terms) as held:
        for _ in range(4):
            assert renewed.acquire(timeout=30)
        with pytest.raises(CatalogBusy, match="free within 0"), lease(storage, PREFIX, terms):
            pass
        held.check()


def test_what_is_no_lease_is_named(storage: FolderStorage) -> None:
    storage.write(f"{PREFIX}/0000000001.json", b"{}")
    with (
        pytest.raises(StorageError, match=r"a lease in 'catalog/radio/lease/0000000001.json'"),
        lease(storage, PREFIX, Clock().terms()),
    ):
        pass


def test_threads_take_turns_one_at_a_time(storage: FolderStorage) -> None:
    terms = Terms(wait_seconds=60, pause=lambda _: None)
    inside: list[int] = []
    tokens: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(10):
            with lease(storage, PREFIX, terms) as held:
                inside.append(held.token)
                most.append(len(inside))
                tokens.append(held.token)
                inside.remove(held.token)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert tokens == sorted(set(tokens))
    assert len(tokens) == 40


def _count(root: str, rounds: int) -> None:
    storage = FolderStorage(root)
    for _ in range(rounds):
        with lease(storage, PREFIX, Terms(wait_seconds=60, pause=lambda _: None)):
            storage.write("count", str(int(storage.read("count")) + 1).encode())


def test_processes_that_read_and_write_under_a_lease_lose_no_write(
    storage: FolderStorage,
) -> None:
    storage.write("count", b"0")
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_count, args=(storage.root, 20)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert storage.read("count") == b"40"
