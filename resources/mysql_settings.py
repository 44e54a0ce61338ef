"""Where a MySQL database is and how to log in to it, read from the environment and checked.

Passwords are no part of these settings: `resources/mysql_login.py` fetches them when they are
needed. Nothing here opens or connects to anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from resources.errors import SettingsError

#: The driver, as Spark fetches it and as Java calls it.
PACKAGE = "com.mysql:mysql-connector-j:9.5.0"
DRIVER = "com.mysql.cj.jdbc.Driver"

Tls = Literal["verify", "encrypt-without-verifying", "off"]
#: The variable that chooses the kind of login, of which at most one may be set.
PASSWORD, SECRET, IAM = "LAKE_DATABASE_PASSWORD", "LAKE_DATABASE_SECRET", "LAKE_DATABASE_IAM"
_TLS: tuple[Tls, ...] = ("verify", "encrypt-without-verifying", "off")
_SCHEMES = ("mysql", "mariadb")
_FORM = "mysql://user@host:3306/schema"


@dataclass(frozen=True)
class MySqlSettings:
    """A database by its address. `user` may be empty where a secret names it.

    `secret` is the name or ARN of an AWS secret in RDS's layout; `iam` asks for IAM database
    authentication. With neither, the password is in the environment. `ca` is a PEM file.
    """

    host: str
    port: int
    schema: str
    user: str = ""
    tls: Tls = "verify"
    ca: Path | None = None
    secret: str = ""
    iam: bool = False

    @property
    def place(self) -> str:
        """The address in messages; it holds no secret."""
        return f"mysql://{self.user + '@' * bool(self.user)}{self.host}:{self.port}/{self.schema}"


def is_mysql(address: str) -> bool:
    """Whether `LAKE_DATABASE` names a MySQL server, as against the embedded database's folder."""
    return address.partition("://")[0].lower() in _SCHEMES and "://" in address


def spark_config_for(address: str) -> dict[str, str]:
    """What Spark's session needs for the database; join `spark.jars.packages` by commas."""
    return {"spark.jars.packages": PACKAGE} if is_mysql(address) else {}


def database_settings(environment: Mapping[str, str]) -> MySqlSettings | None:
    """The MySQL database that the variables name, or None for the embedded one.

    Raises `SettingsError` naming the variable and what it takes; never with a password in it.
    """
    address = environment.get("LAKE_DATABASE", "").strip()
    if not is_mysql(address):
        return None
    parts = _split(address)
    found = MySqlSettings(
        host=parts.hostname or "",
        port=_port(parts),
        schema=unquote(parts.path.removeprefix("/")),
        user=unquote(parts.username or ""),
        tls=_tls(environment),
        ca=_ca(environment),
        secret=environment.get(SECRET, "").strip(),
        iam=_flag(environment, IAM),
    )
    _refuse_logins(found, environment)
    return found


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise SettingsError(f"LAKE_DATABASE: expected an address like {_FORM}: {error}") from None
    if parts.password is not None:
        raise SettingsError(
            f"LAKE_DATABASE: expected an address without a password, like {_FORM}, found one with a"
            f" password. Put it into {PASSWORD}, or name a secret in {SECRET}."
        )
    schema = parts.path.removeprefix("/")
    if not parts.hostname or not schema or "/" in schema or parts.query or parts.fragment:
        raise SettingsError(f"LAKE_DATABASE: expected an address like {_FORM}, found {address!r}")
    return parts


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise SettingsError(
            f"LAKE_DATABASE: expected a port from 1 to 65535, found {parts.netloc!r}"
        )
    return port or 3306


def _tls(environment: Mapping[str, str]) -> Tls:
    text = environment.get("LAKE_DATABASE_TLS", "").strip() or "verify"
    for each in _TLS:
        if text == each:
            return each
    raise SettingsError(f"LAKE_DATABASE_TLS: expected one of {', '.join(_TLS)}, found {text!r}")


def _ca(environment: Mapping[str, str]) -> Path | None:
    text = environment.get("LAKE_DATABASE_CA", "").strip()
    if text and not Path(text).is_file():
        raise SettingsError(
            f"LAKE_DATABASE_CA: expected a PEM file of certificates, such as the bundle that AWS"
            f" publishes for RDS, found no file {text!r}"
        )
    return Path(text).resolve() if text else None


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip().lower() or "false"
    if text not in ("true", "false"):
        raise SettingsError(f"{name}: expected true or false, found {text!r}")
    return text == "true"


def _refuse_logins(found: MySqlSettings, environment: Mapping[str, str]) -> None:
    chosen = [
        name
        for name, is_set in (
            (PASSWORD, bool(environment.get(PASSWORD))),
            (SECRET, bool(found.secret)),
            (IAM, found.iam),
        )
        if is_set
    ]
    if len(chosen) != 1:
        raise SettingsError(
            f"expected one of {PASSWORD}, {SECRET} and {IAM} to say how to log in to {found.place},"
            f" found {' and '.join(chosen) or 'none'}"
        )
    if not found.user and not found.secret:
        raise SettingsError(f"LAKE_DATABASE: expected a user, as in {_FORM}, found none")
    if found.user and re.search(r"[\s:/]", found.user):
        raise SettingsError(f"LAKE_DATABASE: expected a plain user name, found {found.user!r}")
    if found.iam and found.tls == "off":
        raise SettingsError(
            f"LAKE_DATABASE_TLS: expected verify with {IAM}, whose token must not travel in the"
            " clear, found off"
        )
