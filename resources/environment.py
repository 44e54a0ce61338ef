"""Variables of the environment read as numbers, names and truths; messages name the variable."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from resources.errors import SettingsError


def whole_number(env: Mapping[str, str], name: str, default: int, *, at_least: int) -> int:
    """A whole number from `at_least`."""
    text = env.get(name, "").strip() or str(default)
    if not re.fullmatch(r"\d{1,12}", text) or int(text) < at_least:
        raise SettingsError(f"{name}: expected a whole number from {at_least}, found {text!r}")
    return int(text)


def amount(env: Mapping[str, str], name: str) -> float | None:
    """A number that may have decimals, or None."""
    text = env.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        raise SettingsError(f"{name}: expected a number such as 2.50, found {text!r}")
    return float(text)


def matching(env: Mapping[str, str], name: str, default: str, pattern: str) -> str:
    """A text that is all of a pattern; the default stands for an example in messages."""
    text = env.get(name, "").strip() or default
    if not re.fullmatch(pattern, text):
        raise SettingsError(f"{name}: expected something like {default!r}, found {text!r}")
    return text


def optional(env: Mapping[str, str], name: str, pattern: re.Pattern[str], example: str) -> str:
    """The same, or nothing."""
    text = env.get(name, "").strip()
    if text and not pattern.fullmatch(text):
        raise SettingsError(f"{name}: expected something like {example!r}, found {text!r}")
    return text


def one_of(env: Mapping[str, str], name: str, allowed: Sequence[str]) -> str:
    """One of the words, the first of them by default."""
    text = env.get(name, "").strip() or allowed[0]
    if text not in allowed:
        raise SettingsError(f"{name}: expected one of {', '.join(allowed)}, found {text!r}")
    return text


def is_true(env: Mapping[str, str], name: str) -> bool:
    """`true` or `false`, which it is by default."""
    text = env.get(name, "").strip().lower() or "false"
    if text not in ("true", "false"):
        raise SettingsError(f"{name}: expected 'true' or 'false', found {text!r}")
    return text == "true"
