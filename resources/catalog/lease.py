"""Turns of one writer at a time, kept in storage by writes that succeed only where nothing is.

A lease is a row of objects `<prefix>/0000000007.json`. The highest number has the turn until it is
released or expires; the next number is taken by a conditional write. Numbers only grow, so that
they serve as fencing tokens: what a holder writes under its number nobody else writes. A thread
renews a turn while its holder works, so that only one that died or stood still loses it.

What is guarded does not belong here, nor how long its work takes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from resources.errors import AlreadyThere, CatalogBusy, ObjectMissing, StorageError
from resources.storage import Storage
from spark.errors import LakeError

_NAME = re.compile(r"\d{10}\.json")
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class Terms:
    """How long a turn lasts unless renewed, and how long others wait for theirs, in seconds.

    Clocks of two machines may differ by twice `skew_seconds`: a holder stops that much early, a
    successor waits that much longer. `now` is the time in seconds since 1970.
    """

    seconds: float = 60.0
    skew_seconds: float = 5.0
    wait_seconds: float = 120.0
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class _Turn:
    """One object of the row, as it was read."""

    token: int
    holder: str
    expires: float
    is_released: bool


class Lease:
    """A turn that is held; `token` is greater than that of every turn before."""

    def __init__(
        self, storage: Storage, prefix: str, token: int, expires: float, terms: Terms
    ) -> None:
        self.token = token
        self._storage = storage
        self._prefix = prefix
        self._expires = expires
        self._terms = terms
        self._renewing = threading.Lock()
        self._is_done = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"lease {prefix}", daemon=True)
        self._keeper.start()

    def check(self) -> None:
        """Call before every step that nobody else may take at the same time.

        Renews the turn once half of it has passed. Raises `CatalogBusy` when it was lost: the
        process stood still for longer than the turn lasts, and another has gone on.
        """
        with self._renewing:
            now = self._terms.now()
            left = self._expires - now
            if left <= self._terms.skew_seconds:
                raise self._lost()
            if left > self._terms.seconds / 2:
                return
            _write(self._storage, self._prefix, _turn(self.token, now + self._terms.seconds))
            if _newest_token(self._storage, self._prefix) != self.token:
                self._expires = now
                raise self._lost()
            self._expires = now + self._terms.seconds

    def release(self) -> None:
        """Let the next have its turn at once."""
        self._is_done.set()
        self._keeper.join()
        _write(self._storage, self._prefix, _turn(self.token, self._expires, is_released=True))

    def _keep(self) -> None:
        """Renew during calls that take long; what fails here, the next `check` meets again."""
        while not self._is_done.wait(self._terms.seconds / 4):
            with contextlib.suppress(LakeError):
                self.check()

    def _lost(self) -> CatalogBusy:
        return CatalogBusy(
            f"Expected to hold {self._prefix!r} of {self._storage.root} while publishing; turn "
            f"{self.token} ran out after {self._terms.seconds:.0f} seconds without a sign of life. "
            "What was published so far stands: run it again."
        )


@contextlib.contextmanager
def lease(storage: Storage, prefix: str, terms: Terms) -> Iterator[Lease]:
    """Hold the turn of `prefix`; a holder that died is succeeded once its turn has expired.

    Raises `CatalogBusy` when others have it for longer than `terms.wait_seconds`.
    """
    held = _acquire(storage, prefix, terms)
    try:
        yield held
    finally:
        held.release()


def _acquire(storage: Storage, prefix: str, terms: Terms) -> Lease:
    give_up = terms.now() + terms.wait_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        current = _newest(storage, prefix)
        if current is None or _is_over(current, terms):
            taken = _take(storage, prefix, (current.token if current else 0) + 1, terms)
            if taken is not None:
                return taken
            continue
        if terms.now() >= give_up:
            raise CatalogBusy(
                f"Expected {prefix!r} of {storage.root} to be free within "
                f"{terms.wait_seconds:.0f} seconds; {current.holder} has it. Try again once that "
                f"has ended; if it died, its turn runs out {terms.seconds:.0f} seconds after."
            )
        terms.pause(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _take(storage: Storage, prefix: str, token: int, terms: Terms) -> Lease | None:
    """The turn of that number, or None when another was faster."""
    expires = terms.now() + terms.seconds
    try:
        _write(storage, prefix, _turn(token, expires), if_absent=True)
    except AlreadyThere:
        return None
    # Old turns are removed, so one who was slow can find a number free that was had before.
    tokens = _tokens(storage, prefix)
    if tokens[-1] != token:
        return None
    storage.delete(_key(prefix, each) for each in tokens[:-1])
    return Lease(storage, prefix, token, expires, terms)


def _is_over(turn: _Turn, terms: Terms) -> bool:
    return turn.is_released or terms.now() > turn.expires + terms.skew_seconds


def _turn(token: int, expires: float, *, is_released: bool = False) -> _Turn:
    return _Turn(token, f"process {os.getpid()} on {socket.gethostname()}", expires, is_released)


def _newest(storage: Storage, prefix: str) -> _Turn | None:
    while True:
        token = _newest_token(storage, prefix)
        if token is None:
            return None
        try:
            return _read(storage, prefix, token)
        except ObjectMissing:
            continue  # a successor has removed it since


def _newest_token(storage: Storage, prefix: str) -> int | None:
    return max(_tokens(storage, prefix), default=None)


def _tokens(storage: Storage, prefix: str) -> list[int]:
    names = (info.key.rpartition("/")[2] for info in storage.list(f"{prefix}/"))
    return sorted(int(name.removesuffix(".json")) for name in names if _NAME.fullmatch(name))


def _key(prefix: str, token: int) -> str:
    return f"{prefix}/{token:010d}.json"


def _read(storage: Storage, prefix: str, token: int) -> _Turn:
    key = _key(prefix, token)
    try:
        said = json.loads(storage.read(key))
        return _Turn(token, str(said["holder"]), float(said["expires"]), bool(said["released"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"Expected a lease in {key!r} of {storage.root}; found something else: {error!r}. "
            "Remove the object while nothing is being published."
        ) from error


def _write(storage: Storage, prefix: str, turn: _Turn, *, if_absent: bool = False) -> None:
    said = {"holder": turn.holder, "expires": turn.expires, "released": turn.is_released}
    storage.write(_key(prefix, turn.token), json.dumps(said).encode(), if_absent=if_absent)
