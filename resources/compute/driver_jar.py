"""MySQL's driver for engines: fetched once from Maven Central, checked, and kept in the lake.

Clusters often have no way to the internet, and those that bring a driver bring an old one.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request

from resources.errors import AlreadyThere, EngineError, EngineUnavailable
from resources.mysql_settings import PACKAGE
from resources.storage import Storage

#: Of the jar of `PACKAGE`, as Maven Central has it.
DIGEST = "f2ca3dfaf00d4aa311470db7ea3051962944ba0cb60005a2f75467549c39f425"
_CENTRAL = "https://repo1.maven.org/maven2"
_SECONDS = 60


def driver_key() -> str:
    """Where the driver lies in the lake; somebody without a way to Maven Central can put it there."""
    _, name, version = PACKAGE.split(":")
    return f"code/jars/{DIGEST}/{name}-{version}.jar"


def ship_driver(storage: Storage) -> str:
    """The driver's address, once it is there.

    Raises `EngineUnavailable` where it is not and cannot be fetched, `EngineError` where what was
    fetched is something else.
    """
    key = driver_key()
    if not storage.exists(key):
        data = _fetched(f"{_CENTRAL}/{_path()}", f"{storage.root}/{key}")
        try:
            storage.write(key, data, if_absent=True)
        except AlreadyThere:
            return storage.target_uri(key)  # another run was faster; the bytes are the same
    return storage.target_uri(key)


def _path() -> str:
    group, name, version = PACKAGE.split(":")
    return f"{group.replace('.', '/')}/{name}/{version}/{name}-{version}.jar"


def _fetched(url: str, place: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - https
            data: bytes = answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise EngineUnavailable(
            f"MySQL's driver: expected it at {url}, found {error}. Run it again, or put the file "
            f"into {place} yourself."
        ) from error
    if (found := hashlib.sha256(data).hexdigest()) != DIGEST:
        raise EngineError(
            f"MySQL's driver from {url}: expected a file of SHA-256 {DIGEST}, found {found}."
        )
    return data
