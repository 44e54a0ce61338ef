"""A session of Spark on a Spark Connect server, and what is said when that server goes away.

The session lies on the server: temporary views end with it, and frames of before are of no use. The
process that asked goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from pyspark import SparkContext
from pyspark.errors import PySparkException, PySparkImportError, PySparkRuntimeError
from pyspark.sql import SparkSession

from resources.errors import EngineUnavailable, SettingsError

if TYPE_CHECKING:
    from pyspark.sql.connect.client import DefaultChannelBuilder, SparkConnectClient

#: A server that does not answer is asked again so often, for some ten seconds in all. Spark's own
#: policy goes on for ten minutes, in which a notebook says nothing.
_RETRIES, _FIRST_MS, _LONGEST_MS = 6, 50, 4000
#: What the client says of a server that is not there, or that does not know the session any more.
_LOST = re.compile(
    r"UNAVAILABLE|failed to connect|Connection refused|Connection reset|Socket closed|"
    r"RETRIES_EXCEEDED|SESSION_NOT_FOUND|SESSION_CHANGED|SESSION_CLOSED|NO_ACTIVE_SESSION|"
    r"OPERATION_NOT_FOUND|closed channel"
)
_LONGEST_WORDS = 300


def connected(
    address: str, channel: Callable[[], DefaultChannelBuilder] | None = None
) -> SparkSession:
    """The session on the server at `sc://host:port`; a new one where the last one is gone.

    With `channel` its channel is used, and the address is how the server is called.
    Raises `EngineUnavailable` where the server does not answer, `SettingsError` for what is no
    address, where the client is not installed, or where this process has a Spark of its own.
    """
    if channel is None:
        _require_address(address)
    for is_last in (False, True):
        session = _opened(address, channel)
        try:
            session.conf.get("spark.sql.session.timeZone")
        except PySparkException as error:
            lost = lost_server(error, address)
            if lost is None:
                raise
            session.stop()
            if is_last:
                raise lost from error
        else:
            break
    return session


def lost_server(error: BaseException, address: str) -> EngineUnavailable | None:
    """An error of Spark's client as a sentence, where it says that the server or session is gone."""
    if not _is_lost(error):
        return None
    said = " ".join(str(error).split())[:_LONGEST_WORDS]
    return EngineUnavailable(
        f"Expected the Spark Connect server at {address} to know this session, found: {said}\n"
        "The server went away or was started again. Whatever this notebook holds is still there, but "
        "not the session's temporary views, and its frames are of no use. See to it that the server "
        "runs, then run the cells again that made them: `lake.spark` is a new session by then."
    )


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, PySparkException) and _LOST.search(str(error)) is not None


def _opened(address: str, channel: Callable[[], DefaultChannelBuilder] | None) -> SparkSession:
    try:
        from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415 optional

        if channel is None:
            session = SparkSession.builder.config("spark.remote", address).getOrCreate()
        else:
            session = _over_channel(channel)
    except (PySparkImportError, ImportError) as error:
        raise SettingsError(
            f"Expected the client of Spark Connect, found: {error}. `make notebook` installs it, or "
            "`pip install 'lake-assets[notebook]'`."
        ) from error
    except PySparkRuntimeError as error:
        raise SettingsError(
            "Expected no other Spark in this process, found one that was started before "
            f"({error}). Restart the kernel; whatever asks {address} comes first."
        ) from error
    policy = DefaultPolicy(max_retries=_RETRIES, initial_backoff=_FIRST_MS, max_backoff=_LONGEST_MS)
    # PySpark's own decorator hides the property's type.
    client: SparkConnectClient = session.client  # type: ignore[operator]
    client.set_retry_policies([policy])
    return session


def _over_channel(channel: Callable[[], DefaultChannelBuilder]) -> SparkSession:
    """As `SparkSession.builder` does for an address; it takes no channel."""
    from pyspark.sql.connect.session import SparkSession as Remote  # noqa: PLC0415 optional

    if SparkContext._active_spark_context is not None:  # noqa: SLF001 as PySpark's own builder
        raise PySparkRuntimeError(errorClass="SESSION_ALREADY_EXIST", messageParameters={})
    # What functions and columns go by.
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    active = Remote.getActiveSession()
    if active is not None:
        return cast("SparkSession", active)
    return cast("SparkSession", Remote.builder.channelBuilder(channel()).getOrCreate())


def _require_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_right = parts.scheme == "sc" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise SettingsError(
            f"Expected the address of a Spark Connect server, as sc://127.0.0.1:15002, found "
            f"{address!r}."
        )
