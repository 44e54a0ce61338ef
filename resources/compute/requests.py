"""What services that run jobs take of addresses, names and tags, said before anything is started."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from resources.compute.engine import JobRequest
from resources.errors import EngineError, SettingsError

#: `spark-submit` reads addresses as URIs, and undoes no escape; tags take these characters too.
_PLAIN = re.compile(r"s3a?://[A-Za-z0-9._/=+@-]+")
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9 /_.:=+@-]")
_LONGEST_TAG = 256


def require_plain_root(root: str, engine: str) -> None:
    """Raise `SettingsError` for a lake's root that this engine could not be told of."""
    if not _PLAIN.fullmatch(root):
        raise SettingsError(
            f"LAKE_ROOT: expected an address on S3 of letters, digits and ._/=+@- for jobs on "
            f"{engine}, found {root!r}"
        )


def require_plain(request: JobRequest, engine: str) -> None:
    """Raise `EngineError` for a file that Spark would not find by its address."""
    for address in (request.entry_point, request.code, *request.jars):
        if not _PLAIN.fullmatch(address):
            raise EngineError(
                f"Expected files of letters, digits and ._/=+@- on S3 for a job on {engine}, found "
                f"{address!r}."
            )


def lake_name(root: str) -> str:
    """How what belongs to a lake begins its name where names are short: the same for one root."""
    return f"lake-assets-{hashlib.sha256(root.encode()).hexdigest()[:12]}"


def tag_values(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as every service takes them: other characters are replaced, and long ones cut."""
    return {
        name: _NOT_IN_TAGS.sub("_", value)[:_LONGEST_TAG] for name, value in tags.items() if value
    }
