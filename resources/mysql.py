"""A MySQL server (RDS, Aurora, MariaDB) as the source database: read-only, over TLS, by Spark.

Here live the driver's options, the certificates it trusts and what happens when a login is refused.
What is read of a table is in `spark/mysql_source.py`, where passwords come from in
`resources/mysql_login.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from py4j.java_gateway import JVMView
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.sql import SparkSession

from resources.database import JdbcSource, RemoteSource
from resources.errors import DatabaseError, LoginExpired, LoginRefused
from resources.mysql_errors import driver_missing, mysql_error
from resources.mysql_login import Credentials, Login
from resources.mysql_settings import DRIVER, MySqlSettings
from resources.redaction import Redaction, redacted_logs
from spark.errors import SPARK_FAILURES, CertificatesRefused
from spark.snapshot_spec import LoginSpec
from spark.trust_store import shared_trust_options, trust_options, write_trust_store

_SSL_MODES = {
    "verify": "VERIFY_IDENTITY",
    "encrypt-without-verifying": "REQUIRED",
    "off": "DISABLED",
}
#: Connector/J 9 Developer Guide, "Configuration Properties". The server's session is in UTC, so that
#: a TIMESTAMP is its instant; a server that says nothing for half an hour is gone. All of these go
#: into the URL: Spark 4 lowers the case of a partitioned read's properties, and the driver then
#: ignores them without a word, TLS among them.
_PROPERTIES = {
    "connectionTimeZone": "UTC",
    "sessionVariables": "time_zone='+00:00'",
    "characterEncoding": "UTF-8",
    "tinyInt1isBit": "false",
    "yearIsDateType": "false",
    "zeroDateTimeBehavior": "CONVERT_TO_NULL",
    "allowLoadLocalInfile": "false",
    "paranoid": "true",
    "tcpKeepAlive": "true",
    "connectTimeout": "10000",
    "socketTimeout": "1800000",
}
#: Spark's own. `fetchsize` is how Connector/J is told to stream: a row is in memory once, where by
#: default it takes in a whole result first.
_SPARK_OPTIONS = {
    "fetchsize": str(-(2**31)),
    "sessionInitStatement": "SET SESSION TRANSACTION READ ONLY",
}


class MySqlDatabase:
    """A server that many read at once, by one login. Making one connects to nothing."""

    def __init__(self, settings: MySqlSettings, login: Login) -> None:
        self.settings = settings
        self._login = login

    @contextmanager
    def exclusive(self, spark: SparkSession, purpose: str) -> Iterator[JdbcSource]:
        """The server, reached and logged in to; nobody is kept from it.

        A refused login is tried once more with fresh credentials, where they can have changed.
        Raises `DatabaseError` or a kind of it for what the driver raises, here or inside; `purpose`
        begins its message.
        """
        with (
            tempfile.TemporaryDirectory(prefix="lake-mysql-") as folder,
            redacted_logs() as redaction,
        ):
            properties = {**_PROPERTIES, **self._tls_properties(spark, Path(folder))}
            try:
                source = self._logged_in(spark, properties, redaction)
            except DatabaseError as error:
                raise type(error)(f"For {purpose}: {error}") from error
            try:
                yield source
            except SPARK_FAILURES as error:
                found = mysql_error(error, self.settings, renews=self._login.renews)
                if found is None:
                    raise
                raise type(found)(f"For {purpose}: {found}") from error

    def remote(self) -> RemoteSource:
        """The server for a job that logs in itself, by a secret or by IAM.

        Raises `DatabaseError` where only this process knows the password.
        """
        settings = self.settings
        if not (settings.secret or settings.iam):
            raise DatabaseError(
                "LAKE_DATABASE_PASSWORD: expected a login that does not leave this machine, for a "
                "snapshot that is taken elsewhere. Put the password into a secret of AWS and name "
                "it in LAKE_DATABASE_SECRET, or set LAKE_DATABASE_IAM."
            )
        properties = {**_PROPERTIES, "sslMode": _SSL_MODES[settings.tls]}
        authorities = ""
        if settings.ca is not None and settings.tls == "verify":
            authorities = _authorities(settings.ca)
            properties |= shared_trust_options()
        login = LoginSpec(settings.secret, settings.user, settings.host, settings.port, authorities)
        source = JdbcSource(self._url(properties), DRIVER, _SPARK_OPTIONS)
        return RemoteSource(source.options(), login)

    def _logged_in(
        self, spark: SparkSession, properties: dict[str, str], redaction: Redaction
    ) -> JdbcSource:
        credentials = self._login.credentials(fresh=False)
        redaction.hide(credentials.password)
        source = self._source(credentials, properties)
        try:
            self._connect(spark, source)
        except LoginExpired:
            credentials = self._login.credentials(fresh=True)
            redaction.hide(credentials.password)
            source = self._source(credentials, properties)
            try:
                self._connect(spark, source)
            except LoginExpired as error:
                raise LoginRefused(str(error)) from error
        return source

    def _source(self, credentials: Credentials, properties: dict[str, str]) -> JdbcSource:
        login = {"user": credentials.user, "password": credentials.password}
        return JdbcSource(self._url(properties), DRIVER, {**_SPARK_OPTIONS, **login})

    def _url(self, properties: dict[str, str]) -> str:
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"jdbc:mysql://{host}:{settings.port}/{quote(settings.schema, safe='')}"
        return f"{url}?{urlencode(properties, quote_via=quote)}"

    def _connect(self, spark: SparkSession, source: JdbcSource) -> None:
        """Connect and hang up, so that a refusal is met before any work and with its code."""
        jvm = _jvm(spark)
        properties = jvm.java.util.Properties()
        for name, value in source.properties.items():
            if name not in _SPARK_OPTIONS:
                properties.setProperty(name, value)
        try:
            driver = getattr(jvm, DRIVER)()
        except (Py4JError, TypeError) as error:
            raise driver_missing(error) from error
        try:
            driver.connect(source.url, properties).close()
        except Py4JJavaError as error:
            found = mysql_error(error, self.settings, renews=self._login.renews)
            if found is None:
                raise
            raise found from error

    def _tls_properties(self, spark: SparkSession, folder: Path) -> dict[str, str]:
        properties = {"sslMode": _SSL_MODES[self.settings.tls]}
        if self.settings.ca is not None and self.settings.tls == "verify":
            store = folder / "trusted"
            try:
                write_trust_store(_jvm(spark), _authorities(self.settings.ca), store)
            except CertificatesRefused as error:
                found = f"LAKE_DATABASE_CA: {error}, in {self.settings.ca}."
                raise DatabaseError(found) from error
            properties |= trust_options(store.as_uri())
        return properties


def _jvm(spark: SparkSession) -> JVMView:
    if spark._jvm is None:
        raise DatabaseError("Expected a Spark session with a JVM in this process, found none.")
    return spark._jvm


def _authorities(ca: Path) -> str:
    try:
        return ca.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DatabaseError(
            f"LAKE_DATABASE_CA: expected certificates as PEM in {ca}, found {error}"
        ) from error
