"""Checks of the source database: whether it can be used, by whom, and each declared reference."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from resources.aws import aws_client
from resources.database import Patience, exclusive_lock
from resources.doctor.base import Check, Doubt, NotTried, Secrets
from resources.doctor.engine import Session
from resources.errors import DatabaseBusy, DatabaseUnreachable, SettingsError
from resources.mysql_login import login_for
from resources.mysql_settings import PASSWORD, MySqlSettings, database_settings
from resources.settings import Settings
from resources.source_database import open_database
from resources.table import Reference
from spark.mysql_source import query
from spark.reference_source import read_reference
from spark.snapshot import SnapshotSpec

if TYPE_CHECKING:
    from resources.source_database import Database

_CONNECT_SECONDS = 10.0
#: How long to wait for an embedded database that others use: a run may have it for minutes.
_WAIT = Patience(5.0)
#: Privileges by which a user changes data or schema.
_WRITING = frozenset(
    """INSERT UPDATE DELETE CREATE DROP ALTER INDEX TRIGGER REFERENCES SUPER EVENT EXECUTE
    CREATE~ROUTINE ALTER~ROUTINE CREATE~VIEW CREATE~USER LOCK~TABLES GRANT~OPTION FILE""".split()
)
#: What the user was granted, anywhere. Privileges of roles are not in these views.
_GRANTED = """
SELECT DISTINCT CAST(privilege_type AS CHAR) AS privilege FROM (
    SELECT grantee, privilege_type FROM information_schema.user_privileges
    UNION ALL SELECT grantee, privilege_type FROM information_schema.schema_privileges
    UNION ALL SELECT grantee, privilege_type FROM information_schema.table_privileges
) AS granted
WHERE grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''',
    SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')
"""


@dataclass(frozen=True)
class Source:
    """The database that the settings name, as it is checked; the session is started if need be."""

    settings: Settings
    environment: Mapping[str, str]
    references: Sequence[Reference]
    session: Session
    secrets: Secrets
    #: Added to once the database let us in, where that is tried.
    entered: list[str] = field(default_factory=list)

    @property
    def mysql(self) -> MySqlSettings | None:
        """The server, or None for the embedded database."""
        return database_settings({**self.environment, "LAKE_DATABASE": self.settings.database})

    def checks(self) -> list[Check]:
        """The embedded database's folder or the server, then each reference."""
        mysql = self.mysql
        if mysql is None:
            folder = Path(self.settings.database)
            first = [Check("database", f"lock {folder}", lambda: _lock(folder, self.references))]
        else:
            server = _Server(self, mysql)
            first = [
                Check("database", f"reach {mysql.host}:{mysql.port}", server.reach),
                Check("database", "get the login", server.login),
                Check(
                    "database", f"log in with TLS {mysql.tls!r}, SELECT VERSION()", server.select
                ),
                Check("database", "look for more than SELECT in its grants", server.grants),
            ]
        return [*first, *(self._reference_check(each) for each in self.references)]

    def open(self) -> Database:
        """The database, with AWS's clients as the settings say."""
        return open_database(
            self.settings.database,
            _WAIT,
            self.environment,
            lambda: aws_client(self.settings.aws, "secretsmanager"),
            lambda: aws_client(self.settings.aws, "rds"),
        )

    def need_way_in(self) -> None:
        """Raise `NotTried` without a database, or where the login was refused already."""
        address = self.settings.database
        if "://" not in address and not Path(address).is_dir():
            raise NotTried("there is no embedded database yet")
        if "://" in address and not self.entered:
            raise NotTried("the login did not succeed")

    def _reference_check(self, reference: Reference) -> Check:
        return Check(
            "database", f"read a row of {reference.table}", lambda: self._reference(reference)
        )

    def _reference(self, reference: Reference) -> str:
        """The declared columns of one row, as a snapshot reads them."""
        spark = self.session.get()
        self.need_way_in()
        with self.open().exclusive(spark, f"lake doctor, reference {reference.name}") as source:
            spec = SnapshotSpec(
                reference.name, reference.table, reference.key, reference.contract,
                "", "", source.options(), 1, 1,
            )  # fmt: skip
            rows = read_reference(spark, spec).limit(1).collect()
        return "its columns are as declared" if rows else "its columns are as declared; no rows"


@dataclass(frozen=True)
class _Server:
    """A MySQL server."""

    source: Source
    settings: MySqlSettings

    def reach(self) -> str:
        try:
            socket.create_connection(
                (self.settings.host, self.settings.port), _CONNECT_SECONDS
            ).close()
        except OSError as error:
            raise DatabaseUnreachable(
                f"{self.settings.place}: expected a server, found: {error}. Correct LAKE_DATABASE, "
                "or open the server's firewall or security group to this machine on port "
                f"{self.settings.port}."
            ) from error
        return ""

    def login(self) -> str:
        """The password, secret or token; whether the server takes it comes next."""
        source = self.source
        login = login_for(
            self.settings,
            source.environment.get(PASSWORD, ""),
            lambda: aws_client(source.settings.aws, "secretsmanager"),
            lambda: aws_client(source.settings.aws, "rds"),
        )
        found = login.credentials(fresh=True)
        source.secrets.hide(found.password)
        return f"as {found.user}"

    def select(self) -> str:
        spark = self.source.session.get()
        with self.source.open().exclusive(spark, "lake doctor") as source:
            sql = "SELECT CAST(VERSION() AS CHAR) AS version"
            [row] = query(spark, source.options(), sql).collect()
        self.source.entered.append(self.settings.place)
        return f"server {row['version']}"

    def grants(self) -> str:
        spark = self.source.session.get()
        self.source.need_way_in()
        with self.source.open().exclusive(spark, "lake doctor") as source:
            rows = query(spark, source.options(), _GRANTED).collect()
        may = sorted(row["privilege"] for row in rows if _is_writing(row["privilege"]))
        if may:
            raise Doubt(
                f"{self.settings.place}: this user may also {', '.join(may)}. Sessions are "
                "read-only all the same; better is a user of its own with a GRANT of SELECT on the "
                "tables, and nothing else."
            )
        return "none found; those of roles are not seen"


def _is_writing(privilege: str) -> bool:
    return privilege.upper().replace(" ", "~") in _WRITING


def _lock(folder: Path, references: Sequence[Reference]) -> str:
    try:
        with exclusive_lock(folder.with_name(folder.name + ".lock"), "lake doctor", Patience(0.0)):
            pass
    except DatabaseBusy as error:
        raise Doubt(f"in use, which runs wait for: {error}") from error
    except OSError as error:
        raise SettingsError(
            f"LAKE_DATABASE: expected a folder that can be written beside {folder}, found: {error}."
        ) from error
    if not folder.is_dir() and references:
        raise Doubt(
            f"there is no embedded database in {folder} yet, and references are declared. Load "
            "their tables into it, or point LAKE_DATABASE at a server."
        )
    return ""
