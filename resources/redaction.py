"""Passwords kept out of what py4j writes at level DEBUG: every text that goes to the JVM."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("py4j.clientserver", "py4j.java_gateway")
_INSTEAD = "[a password]"


class Redaction(logging.Filter):
    """Replaces the texts it was told of in every record that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self._hidden: set[str] = set()

    def hide(self, text: str) -> None:
        """Keep a text out of the records, also as py4j escapes it."""
        escaped = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
        self._hidden |= {each for each in (text, escaped) if each}

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        for each in sorted(self._hidden, key=len, reverse=True):
            said = said.replace(each, _INSTEAD)
        record.msg, record.args = said, ()
        return True


@contextmanager
def redacted_logs() -> Iterator[Redaction]:
    """Hide what `hide` is told, for as long as the block lasts."""
    redaction = Redaction()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for each in loggers:
        each.addFilter(redaction)
    try:
        yield redaction
    finally:
        for each in loggers:
            each.removeFilter(redaction)
