"""What a MySQL server or its driver says when it refuses, as errors with a remedy.

Codes: MySQL 8.4 Error Message Reference; MariaDB and Aurora use the same. An error that comes
through a Spark task has only its text left, so the text is looked at as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from py4j.protocol import Py4JError, Py4JJavaError

from resources.errors import DatabaseError, DatabaseUnreachable, LoginExpired, LoginRefused
from resources.mysql_settings import DRIVER, PACKAGE, MySqlSettings

_TLS = re.compile(
    r"SSLHandshakeException|PKIX path|CertificateException|SSLPeerUnverified|certificate identity"
    r"|does not support SSL|SSLParams"
)
_LOGIN = re.compile(r"Access denied for user (?!.* to database)")
_GRANT = re.compile(r"Access denied for user .* to database|command denied to user")
_NO_SCHEMA = re.compile(r"Unknown database")
_CHANGED = re.compile(r"Table '.*' doesn't exist|Unknown column|Data truncat|out of range")
_GONE = re.compile(
    r"CommunicationsException|Communications link failure|Connection refused|UnknownHostException"
    r"|connection closed|Too many connections|shutdown in progress|EOFException|SocketException"
    r"|CJCommunications|Connection reset|Lock wait timeout|Deadlock found|was interrupted"
    r"|Streaming result set .* is still active|Connection was killed"
)
_FROM_DRIVER = re.compile(r"java\.sql\.SQL|com\.mysql\.cj|SQLSyntaxErrorException|java\.sql\.Batch")
_SAID = re.compile(r"(?:java\.sql\.SQL\w+|com\.mysql\.cj[\w.]+(?:Exception|Failure)): ?(.+)")
_LOGIN_CODES, _GRANT_CODES = {1045, 1698}, {1044, 1142, 1143, 1227}
_GONE_CODES = {1040, 1053, 1203, 1205, 1213, 1317, 1927}


@dataclass(frozen=True)
class _Refusal:
    """An exception's text and the vendor's codes in its chain."""

    text: str
    codes: frozenset[int]

    @property
    def words(self) -> str:
        """What the driver said, without the stack."""
        said = _SAID.search(self.text)
        first = (said[1] if said else self.text.partition("\n")[0]).strip()
        return first[:300].rstrip(". ")


def mysql_error(
    error: BaseException, settings: MySqlSettings, *, renews: bool
) -> DatabaseError | None:
    """The error as one of ours, or None for one that is not the database's.

    `renews` says that fresh credentials can cure a refused login.
    """
    found = _Refusal(_text(error), frozenset(_codes(error)))
    place = settings.place
    if not found.codes and not _FROM_DRIVER.search(found.text):
        return None
    if _TLS.search(found.text):
        return DatabaseError(
            f"{place}: expected a server whose certificate is valid for this name, found:"
            f" {_tls_words(found.text)}. Give its authority's certificates in LAKE_DATABASE_CA (AWS"
            " publishes a bundle for RDS) and the name that the certificate is made out to in"
            " LAKE_DATABASE; LAKE_DATABASE_TLS=encrypt-without-verifying gives up the check."
        )
    if found.codes & _LOGIN_CODES or _LOGIN.search(found.text):
        kind = LoginExpired if renews else LoginRefused
        return kind(f"{place}: expected to log in, found: {found.words}. {_login_remedy(settings)}")
    if found.codes & _GRANT_CODES or _GRANT.search(found.text):
        return DatabaseError(f"{place}: {found.words}. GRANT SELECT to {settings.user or 'it'}.")
    if _NO_SCHEMA.search(found.text):
        return DatabaseError(f"{place}: {found.words}. Correct the schema in LAKE_DATABASE.")
    if found.codes & _GONE_CODES or _GONE.search(found.text):
        return DatabaseUnreachable(
            f"{place}: expected an answer, found: {found.words}. Is the server up, and open to this"
            " machine? Nothing was recorded; run it again."
        )
    if _CHANGED.search(found.text):
        return DatabaseError(
            f"{place}: the table changed or is not as declared: {found.words}. Compare it with its"
            " declaration: `lake declare reference TABLE` prints what is there."
        )
    return DatabaseError(f"{place} refused: {found.words}.")


def driver_missing(error: Exception) -> DatabaseError:
    """The session was started without the driver."""
    return DatabaseError(
        f"Expected the driver {DRIVER} in Spark's session, found none ({error}). Start the session"
        f" with spark.jars.packages={PACKAGE}, or put its JAR into spark.jars."
    )


def _login_remedy(settings: MySqlSettings) -> str:
    if settings.secret:
        return f"Is the password in secret {settings.secret} the server's?"
    if settings.iam:
        return (
            "Allow rds-db:connect on arn:aws:rds-db:REGION:ACCOUNT:dbuser:RESOURCE-ID/"
            f"{settings.user}, and create that user with AWSAuthenticationPlugin."
        )
    return "Correct LAKE_DATABASE_PASSWORD, or the user in LAKE_DATABASE."


def _tls_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if _TLS.search(line)]
    return lines[-1].removeprefix("Caused by: ")[:300].rstrip(". ")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Py4JError:
        return type(error).__name__  # the JVM has gone


def _codes(error: BaseException) -> set[int]:
    """The vendor's codes in an exception and its causes."""
    codes: set[int] = set()
    each = error.java_exception if isinstance(error, Py4JJavaError) else None
    for _ in range(20):  # chains may be circular
        if each is None:
            break
        if "SQL" in each.getClass().getName() and hasattr(each, "getErrorCode"):
            codes.add(int(each.getErrorCode()))
        each = each.getCause()
    return codes - {0}
