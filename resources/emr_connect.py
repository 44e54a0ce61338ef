"""Spark's client for a Spark Connect session on EMR: a token with every call, renewed in time."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql.connect.client import DefaultChannelBuilder

from resources.compute.emr_sessions import EmrSessions, SessionAddress


class EmrChannel(DefaultChannelBuilder):
    """A channel whose calls carry what EMR's proxy asks for."""

    def __init__(self, address: str, session: str, token: Callable[[], str]) -> None:
        """`address` is as Spark has it; `token` is called before each call."""
        super().__init__(address)
        self._session = session
        self._current_token = token

    def metadata(self) -> list[tuple[str, str]]:
        """Spark's client asks for these before each call."""
        return [
            *super().metadata(),
            ("x-aws-proxy-auth", self._current_token()),
            ("authorization", self._session),
        ]


def emr_channel(sessions: EmrSessions, address: SessionAddress) -> EmrChannel:
    """The channel to a session that is up; raises `EngineError` once it is over."""
    return EmrChannel(sessions.endpoint(address).address, address.session, sessions.token(address))
