"""What services that run jobs take of names and tags."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9 /_.:=+@-]")
_LONGEST_TAG = 256


def lake_name(root: str) -> str:
    """How what belongs to a lake begins its name where names are short: the same for one root."""
    return f"lake-assets-{hashlib.sha256(root.encode()).hexdigest()[:12]}"


def tag_values(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as every service takes them: other characters are replaced, and long ones cut."""
    return {
        name: _NOT_IN_TAGS.sub("_", value)[:_LONGEST_TAG] for name, value in tags.items() if value
    }
