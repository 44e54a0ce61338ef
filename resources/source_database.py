"""The source database that the settings choose: the embedded one, or a MySQL server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pyspark.sql import SparkSession

from resources.aws import aws_client
from resources.database import DerbyDatabase, JdbcSource, Patience, RemoteSource
from resources.errors import DatabaseError
from resources.mysql import MySqlDatabase
from resources.mysql_login import login_for
from resources.mysql_settings import PASSWORD, database_settings
from resources.settings import Settings

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient
    from types_boto3_secretsmanager import SecretsManagerClient


class Database(Protocol):
    """Where reference tables live."""

    def exclusive(self, spark: SparkSession, purpose: str) -> AbstractContextManager[JdbcSource]:
        """Its address while it may be used; what its driver raises inside is a `DatabaseError`."""

    def remote(self) -> RemoteSource:
        """Its address for a job elsewhere; raises `DatabaseError` where no other machine gets in."""


def open_database(
    address: str,
    patience: Patience,
    environment: Mapping[str, str],
    secrets: Callable[[], SecretsManagerClient],
    rds: Callable[[], RDSClient],
) -> Database:
    """The database at `address`, a folder or `mysql://…`; nothing is opened, nor a client made.

    The login is chosen by the environment. Raises `SettingsError`.
    """
    settings = database_settings({**environment, "LAKE_DATABASE": address})
    if settings is None:
        return DerbyDatabase(Path(address), patience)
    password = environment.get(PASSWORD, "")
    return MySqlDatabase(settings, login_for(settings, password, secrets, rds))


def embedded(database: Database) -> DerbyDatabase:
    """The database, if tables can be loaded into it; `DatabaseError` for a server."""
    if not isinstance(database, DerbyDatabase):
        raise DatabaseError(
            "Expected the embedded database, into which tables can be loaded, found a server, which"
            " is only ever read. Unset LAKE_DATABASE, or point it at a folder."
        )
    return database


def lake_database(settings: Settings, environment: Mapping[str, str] | None = None) -> Database:
    """The database of a lake, with AWS's clients as its settings say."""
    return open_database(
        settings.database,
        Patience(settings.database_wait_seconds),
        os.environ if environment is None else environment,
        lambda: aws_client(settings.aws, "secretsmanager"),
        lambda: aws_client(settings.aws, "rds"),
    )
