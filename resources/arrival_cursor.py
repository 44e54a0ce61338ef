"""What is remembered of raw partitions between two looks: a cursor as text, of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

#: Raised when the fields below change their meaning; a cursor of another version is not read.
VERSION = 1


@dataclass(frozen=True)
class Pending:
    """A report that no attempt has answered yet.

    `since` is when it was last made, in seconds of the epoch, `reports` how often. `inputs` are what
    the attempt must be made from, and `attempt` is the newest one of the time of the report.
    """

    since: float
    inputs: dict[str, str]
    reports: int = 1
    attempt: str = ""


@dataclass(frozen=True)
class Seen:
    """A partition of the window as it was last listed."""

    fingerprint: str
    is_complete: bool = False
    pending: Pending | None = None


@dataclass(frozen=True)
class Cursor:
    """What was seen, by partition; where the rounds stand; what is stale, with the reason.

    `left` are partitions that a look had no time for, `receipts` messages to delete from the queue,
    `versions` those of the references and of the declaration.
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    lookback: str = ""
    older: str = ""
    stale: dict[str, str] = field(default_factory=dict)
    receipts: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    version: int = 0

    def only(self, is_key: Callable[[str], bool]) -> Cursor:
        """The cursor without what a table whose partitions were declared anew does not have."""
        return replace(
            self,
            seen={key: each for key, each in self.seen.items() if is_key(key)},
            left=tuple(key for key in self.left if is_key(key)),
            lookback=self.lookback if is_key(self.lookback) else "",
            older=self.older if is_key(self.older) else "",
            stale={key: why for key, why in self.stale.items() if is_key(key)},
        )

    def to_text(self) -> str:
        """The cursor as JSON, what is at its default left out."""
        return _CURSOR.dump_json(replace(self, version=VERSION), exclude_defaults=True).decode()


_CURSOR = TypeAdapter(Cursor)


def read_cursor(text: str | None) -> Cursor | None:
    """A cursor as it was written; None for what another version wrote, or nobody.

    Starting without one is safe: partitions are listed anew, and what was reported stays so.
    """
    if not text:
        return Cursor()
    try:
        cursor = _CURSOR.validate_json(text)
    except ValidationError:
        return None
    return cursor if cursor.version == VERSION else None
