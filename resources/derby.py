"""Derby inside Spark's JVM: booting one database, shutting it down, statements in a transaction.

Here live Derby's driver, its SQL states and its SQL. Who may use the database, and when, is decided
in `resources/database.py`. SQL states: Derby Reference Manual, "SQL error messages".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from py4j.java_gateway import JavaObject, JVMView
from py4j.protocol import Py4JJavaError, Py4JNetworkError
from pyspark.sql import SparkSession
from pyspark.sql.types import DataType, StructType

from resources.errors import DatabaseError

#: The class that Derby 10.14 (Spark 3.5) and 10.16 (Spark 4) both have.
DRIVER = "org.apache.derby.jdbc.EmbeddedDriver"
#: The longest text that is still a key, an ORDER BY or a comparison: Derby's largest VARCHAR.
LONGEST_TEXT = 32_672
#: Derby's decimals end here; Spark's dialect silently cuts longer ones.
MOST_DIGITS = 31

_SHUT_DOWN, _NOT_BOOTED, _NOT_STARTED, _BOOTED_ELSEWHERE = "08006", "XJ004", "XJ040", "XSDB6"
_ERROR_FILE = "derby.stream.error.file"
_TYPES = {
    "boolean": "BOOLEAN",
    "tinyint": "SMALLINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "REAL",
    "double": "DOUBLE",
    "string": f"VARCHAR({LONGEST_TEXT})",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamp_ntz": "TIMESTAMP",
}


def derby_url(directory: Path) -> str:
    """The JDBC URL; `DatabaseError` for a folder whose name Derby would take for attributes."""
    if ";" in str(directory):
        raise DatabaseError(f"Expected a folder without ';' in its name, found {directory}.")
    return f"jdbc:derby:{directory}"


class DerbyEngine:
    """One database in this process's JVM."""

    def __init__(self, spark: SparkSession, directory: Path) -> None:
        """Nothing is opened yet."""
        if spark._jvm is None:
            raise DatabaseError("Expected a Spark session with a JVM in this process, found none.")
        self._jvm: JVMView = spark._jvm
        self._directory = directory
        self._url = derby_url(directory)

    def boot(self, *, create: bool) -> bool:
        """Open the database, creating it if asked; False while another process has it open."""
        self._keep_log_out_of_the_working_directory()
        try:
            self._connect(";create=true" if create else "").close()
        except Py4JJavaError as error:
            if _sql_states(error) >= {_NOT_STARTED, _BOOTED_ELSEWHERE}:
                return False
            raise DatabaseError(
                f"Could not open the embedded database in {self._directory}: {_words(error)}"
                " If its creation was interrupted, remove the folder and load the tables again."
            ) from error
        return True

    def shut_down(self) -> None:
        """Close the database, so that another process can open it; it may be closed already."""
        try:
            self._connect(";shutdown=true").close()
        except Py4JJavaError as error:
            if not _sql_states(error) & {_SHUT_DOWN, _NOT_BOOTED}:
                raise DatabaseError(
                    f"Could not shut down the embedded database in {self._directory}, which stays"
                    f" closed to others until this process ends: {_words(error)}"
                ) from error
        except (Py4JNetworkError, ConnectionError):
            return  # the JVM has gone, and its hold on the database with it

    def execute(self, statements: Iterable[str]) -> None:
        """Run all statements in one transaction, or none of them."""
        connection = self._connect("")
        try:
            connection.setAutoCommit(False)
            for each in statements:
                connection.createStatement().execute(each)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.close()

    def value(self, query: str) -> int | None:
        """The one number that a query gives, or None where it gives null."""
        connection = self._connect("")
        try:
            found = connection.createStatement().executeQuery(query)
            found.next()
            number = int(found.getLong(1))
            return None if found.wasNull() else number
        finally:
            connection.close()

    def has_table(self, name: str) -> bool:
        """Whether the current schema has a table of exactly this name."""
        known = "SYS.SYSTABLES JOIN SYS.SYSSCHEMAS USING (SCHEMAID)"
        where = f"SCHEMANAME = CURRENT SCHEMA AND TABLENAME = '{plain_name(name)}'"
        found = self.value(f"SELECT COUNT(*) FROM {known} WHERE {where}")  # noqa: S608 plain name
        return bool(found)

    def _connect(self, attributes: str) -> JavaObject:
        driver = getattr(self._jvm, DRIVER)()
        return driver.connect(self._url + attributes, self._jvm.java.util.Properties())

    def _keep_log_out_of_the_working_directory(self) -> None:
        system = self._jvm.java.lang.System
        if system.getProperty(_ERROR_FILE) is None:
            system.setProperty(_ERROR_FILE, f"{self._directory}.log")


def plain_name(table: str) -> str:
    """A table's name in upper case; `DatabaseError` unless it needs no quotes."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", table):
        raise DatabaseError(
            f"Expected a table's name of letters, digits and underscores, found {table!r}."
        )
    return table.upper()


def lower_case_schema(schema: StructType) -> list[tuple[str, str]]:
    """Lower-case name and SQL type of each column; `DatabaseError` for what Derby cannot hold."""
    names = [each.name.lower() for each in schema.fields]
    if len(set(names)) < len(names):
        raise DatabaseError(f"Expected columns that differ in more than case, found {names}.")
    return [(each.name.lower(), _sql_type(each.name, each.dataType)) for each in schema.fields]


def swap_statements(
    table: str,
    staging: str,
    columns: Sequence[tuple[str, str]],
    key: Sequence[str],
    *,
    replace: bool,
) -> Iterator[str]:
    """Make or replace `table` from what Spark wrote to `staging`, to be run in one transaction."""
    fresh = f"{table}__FRESH"
    described = [
        f"{quoted(name)} {kind}{' NOT NULL' if name in key else ''}" for name, kind in columns
    ]
    if key:
        described.append(f"PRIMARY KEY ({', '.join(quoted(name) for name in key)})")
    names = ", ".join(quoted(name) for name, _ in columns)
    values = ", ".join(_from_staging(name, kind) for name, kind in columns)
    yield f"CREATE TABLE {fresh} ({', '.join(described)})"
    yield f"INSERT INTO {fresh} ({names}) SELECT {values} FROM {staging}"  # noqa: S608 quoted names
    yield f"DROP TABLE {staging}"
    if replace:
        yield f"DROP TABLE {table}"
    yield f"RENAME TABLE {fresh} TO {table}"


def _from_staging(name: str, kind: str) -> str:
    """Spark's texts are CLOBs, timestamps among them, which are no keys and no timestamps yet."""
    if kind == "TIMESTAMP":
        return f"CAST(CAST({quoted(name)} AS VARCHAR(64)) AS TIMESTAMP)"
    return quoted(name) if kind == "BLOB" else f"CAST({quoted(name)} AS {kind})"


def quoted(name: str) -> str:
    """A column's name as Derby takes it whatever it holds."""
    return '"{}"'.format(name.replace('"', '""'))


@contextmanager
def database_errors(where: Path) -> Iterator[None]:
    """Turn what the driver raises, directly or through a Spark task, into `DatabaseError`."""
    try:
        yield
    except Py4JJavaError as error:
        if _sql_states(error) or "java.sql.SQL" in str(error):
            raise DatabaseError(
                f"The embedded database in {where} refused: {_words(error)}"
            ) from error
        raise


def _sql_type(name: str, data_type: DataType) -> str:
    kind = data_type.simpleString()
    if kind.startswith("decimal("):
        precision = int(kind[len("decimal(") :].partition(",")[0])
        if precision <= MOST_DIGITS:
            return kind.upper()
    elif kind in _TYPES:
        return _TYPES[kind]
    raise DatabaseError(
        f"Column `{name}`: the embedded database holds {', '.join(_TYPES)} and decimals of up to"
        f" {MOST_DIGITS} digits, found {kind}."
    )


def _sql_states(error: Py4JJavaError) -> set[str]:
    """The SQL states of an exception, its causes and those chained to it."""
    states: set[str] = set()
    pending, seen = [error.java_exception], 0
    while pending and seen < 50:  # chains may be circular
        each, seen = pending.pop(), seen + 1
        if each is None:
            continue
        pending.append(each.getCause())
        if "SQL" in each.getClass().getName() and hasattr(each, "getNextException"):
            states.add(str(each.getSQLState()))
            pending.append(each.getNextException())
    return states


def _words(error: Py4JJavaError) -> str:
    """What the driver said, without the stack."""
    said = re.search(r"java\.sql\.\w+: (.+)", str(error))
    return said[1] if said else str(error.java_exception.getMessage()).partition("\n")[0]
