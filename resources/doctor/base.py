"""What a check is, how it ends, and how secrets are kept out of what it says.

A check fails by raising a `LakeError`. What is checked belongs to the modules beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from resources.mysql_settings import PASSWORD
from spark.errors import LakeError

#: Variables whose values no output may show.
_SECRET = (PASSWORD, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
#: A password in a URL, where none belongs.
_IN_URL = re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+@")
_INSTEAD = "[hidden]"
#: Below it lies what checks write; nothing else does, and a clean-up looks there.
PROBES = "_doctor/"


class State(StrEnum):
    """How a check ended."""

    ok = "ok"
    warning = "warning"
    failed = "failed"
    not_tried = "not tried"


class Doubt(Exception):  # not an error: the lake works as it is
    """Raised by a check for what works and should be looked at."""


class NotTried(Exception):  # not an error either
    """Raised by a check that cannot try what it is for, with the reason."""


@dataclass(frozen=True)
class Check:
    """One thing to try of a place, such as `root`. `run` says what it found, or raises."""

    place: str
    tried: str
    run: Callable[[], str]


@dataclass(frozen=True)
class Finding:
    """What became of a check; `said` names what to do unless it is ok."""

    place: str
    tried: str
    state: State
    said: str


@dataclass
class Secrets:
    """Texts that are replaced in everything that a check says."""

    _hidden: set[str] = field(default_factory=set, repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Secrets:
        """Those that the environment holds."""
        return cls({environment[name] for name in _SECRET if environment.get(name)})

    def hide(self, text: str) -> None:
        """Hide one more text."""
        if text:
            self._hidden.add(text)

    def cleaned(self, text: str) -> str:
        """The text without any of them."""
        for each in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(each, _INSTEAD)
        return _IN_URL.sub(rf"\1:{_INSTEAD}@", text)


def examine(checks: Iterable[Check], secrets: Secrets) -> Iterator[Finding]:
    """Run each check, whatever became of those before it; nothing is raised.

    A place that could not answer is not asked again: every call would wait as long as the first.
    """
    silent: set[str] = set()
    for check in checks:
        if check.place in silent:
            state, said = State.not_tried, "the call before this one got no answer"
        else:
            state, said, is_silent = _tried(check)
            if is_silent:
                silent.add(check.place)
        yield Finding(check.place, check.tried, state, secrets.cleaned(said))


def _tried(check: Check) -> tuple[State, str, bool]:
    """How the check ended, what is to be said of it, and whether there was no answer."""
    try:
        return State.ok, check.run(), False
    except Doubt as doubt:
        return State.warning, str(doubt), False
    except NotTried as reason:
        return State.not_tried, str(reason), False
    except LakeError as error:
        return State.failed, str(error), error.retryable
    except Exception as error:  # noqa: BLE001 - one that nobody foresaw must not hide the others
        words = " ".join(str(error).split())[:500]
        return State.failed, f"unforeseen {type(error).__name__}: {words}", False
