"""Who we are to a MySQL server: a password from the environment, AWS Secrets Manager or IAM.

A password is fetched when it is needed and kept in memory only; no object here shows it. How it is
used is in `resources/mysql.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from resources.errors import DatabaseUnreachable, LoginRefused, SettingsError
from resources.mysql_settings import PASSWORD, SECRET, MySqlSettings

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient
    from types_boto3_secretsmanager import SecretsManagerClient

_THROTTLED = frozenset({"ThrottlingException", "InternalServiceError", "ServiceUnavailable"})


@dataclass(frozen=True)
class Credentials:
    """A user and a password; the latter shows nowhere."""

    user: str
    password: str = field(repr=False)


class Login(Protocol):
    """Where credentials come from."""

    def credentials(self, *, fresh: bool) -> Credentials:
        """User and password; `fresh` ones are fetched again, where they can have changed."""

    @property
    def renews(self) -> bool:
        """Whether a refusal can be cured by fresh credentials."""


@dataclass(frozen=True)
class FixedLogin:
    """A password that was given once and for all."""

    known: Credentials
    renews: bool = field(default=False, init=False)

    def credentials(self, *, fresh: bool) -> Credentials:  # noqa: ARG002 nothing to fetch
        return self.known


@dataclass
class SecretLogin:
    """A secret in RDS's layout, JSON with `username` and `password`, kept until it is refused."""

    client: Callable[[], SecretsManagerClient] = field(repr=False)
    secret: str
    user: str = ""
    renews: bool = field(default=True, init=False)
    _known: Credentials | None = field(default=None, repr=False, init=False)

    def credentials(self, *, fresh: bool) -> Credentials:
        if self._known is None or fresh:
            self._known = self._fetched()
        return self._known

    def _fetched(self) -> Credentials:
        try:
            found = self.client().get_secret_value(SecretId=self.secret)
        except ClientError as error:
            raise _secret_error(self.secret, error) from error
        except BotoCoreError as error:
            raise DatabaseUnreachable(
                f"Secret {self.secret} of AWS Secrets Manager: expected an answer, found {error}."
            ) from error
        return _credentials(self.secret, found.get("SecretString", ""), self.user)


@dataclass(frozen=True)
class IamLogin:
    """IAM database authentication: a token that opens connections for 15 minutes.

    The length is RDS's (RDS User Guide, "IAM database authentication"); a token is made here,
    without a call, so that each snapshot has its own.
    """

    client: Callable[[], RDSClient] = field(repr=False)
    host: str
    port: int
    user: str
    renews: bool = field(default=True, init=False)

    def credentials(self, *, fresh: bool) -> Credentials:  # noqa: ARG002 always fresh
        try:
            token = self.client().generate_db_auth_token(
                DBHostname=self.host, Port=self.port, DBUsername=self.user
            )
        except (BotoCoreError, ClientError) as error:
            raise LoginRefused(
                f"Expected AWS credentials to make a login token for {self.user} at {self.host},"
                f" found {error}. Give this process a role with rds-db:connect."
            ) from error
        return Credentials(self.user, token)


def login_for(
    settings: MySqlSettings,
    password: str,
    secrets: Callable[[], SecretsManagerClient],
    rds: Callable[[], RDSClient],
) -> Login:
    """The login that the settings choose; the clients are made only for those that use them."""
    if settings.secret:
        return SecretLogin(secrets, settings.secret, settings.user)
    if settings.iam:
        return IamLogin(rds, settings.host, settings.port, settings.user)
    if not password:
        raise SettingsError(f"{PASSWORD}: expected the password of {settings.user}, found nothing")
    return FixedLogin(Credentials(settings.user, password))


def _credentials(secret: str, text: str, user: str) -> Credentials:
    """What the secret says; its content is never part of a message."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("password"), str):
        raise SettingsError(
            f"Secret {secret}: expected JSON with the texts `username` and `password`, as RDS"
            f" writes it, found something else. Correct the secret, or name another in {SECRET}."
        )
    named = said.get("username")
    if user and isinstance(named, str) and named != user:
        raise SettingsError(
            f"Secret {secret}: expected the password of {user}, whom LAKE_DATABASE names, found"
            f" that of {named}. Leave the user out of LAKE_DATABASE, or name another secret."
        )
    if not user and not isinstance(named, str):
        raise SettingsError(
            f"Secret {secret}: expected a `username`, found none. Name the user in LAKE_DATABASE."
        )
    return Credentials(user or str(named), said["password"])


def _secret_error(secret: str, error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    if code in _THROTTLED:
        return DatabaseUnreachable(f"Secret {secret}: AWS Secrets Manager answered {code}.")
    if code == "ResourceNotFoundException":
        return SettingsError(
            f"Secret {secret}: expected it in AWS Secrets Manager of this account and region,"
            f" found none. Correct {SECRET}, or the region."
        )
    remedy = (
        f"Allow kms:Decrypt on the key that encrypts {secret}"
        if code == "DecryptionFailure"
        else f"Allow secretsmanager:GetSecretValue on {secret} to this process's role"
    )
    return LoginRefused(f"Secret {secret}: expected to read it, found {code}. {remedy}.")
