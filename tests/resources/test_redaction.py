"""What py4j writes at DEBUG while a password is in use."""

from __future__ import annotations

import logging

import pytest

from resources.redaction import redacted_logs


def test_a_hidden_text_is_replaced_also_as_py4j_escapes_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    password = "back\\slash\nline"
    logger = logging.getLogger("py4j.clientserver")

    with caplog.at_level(logging.DEBUG), redacted_logs() as redaction:
        redaction.hide(password)
        redaction.hide("")
        logger.debug("Command to send: %s", "sback\\\\slash\\nline")
        logger.debug("plain: %s", password)
    logger.warning("after")

    assert "slash" not in caplog.text
    assert caplog.text.count("[a password]") == 2
    assert "after" in caplog.text
