"""A MySQL server as the source database: ranges, one moment, logins, faults."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from resources.database import JdbcSource
from resources.errors import DatabaseError, DatabaseUnreachable, LoginRefused
from resources.mysql import MySqlDatabase
from resources.mysql_login import SecretLogin
from resources.mysql_settings import MySqlSettings
from spark import mysql_ranges as spark_mysql_ranges
from spark import snapshot as spark_snapshot
from spark.contract import Column
from spark.errors import ReferenceRefused
from spark.mysql_ranges import mysql_predicates
from spark.mysql_source import MysqlReading, mysql_table
from spark.snapshot import SnapshotSpec
from tests.mysql import database, folder_of, snapshot, spec_of
from tests.servers.mariadb import READER, MariaDb, mariadb_server

Sql = Callable[[str], list[list[str]]]
CANARY = "c4nary-in-the-m1ne"
_SCHEMAS = count()


@pytest.fixture(scope="module")
def schema(mariadb: MariaDb) -> Iterator[str]:
    name = f"lake_{next(_SCHEMAS)}"
    mariadb.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield name
    mariadb.run(f"DROP DATABASE {name}")


@pytest.fixture
def sql(mariadb: MariaDb, schema: str) -> Sql:
    return lambda text: mariadb.run(text, schema)


# --- ranges ---

KEYS = {
    "integers": ("BIGINT UNSIGNED", "id", "18446744073709551615 - seq * seq"),
    "skewed integers": ("INT", "id", "IF(seq < 990, seq, seq * 2000000)"),
    "negative decimals": ("DECIMAL(30,10)", "id", "(CAST(seq AS SIGNED) - 500) / 3"),
    "days": ("DATE", "id", "DATE('2000-01-01') + INTERVAL seq DAY"),
    "moments": ("DATETIME(6)", "id", "TIMESTAMP('2000-01-01') + INTERVAL seq * 7 MICROSECOND"),
    "texts in any case": (
        "VARCHAR(60)", "id",
        "CONCAT(IF(seq % 2, 'song', 'SONG'), CHAR(39), CHAR(92), seq, IF(seq % 3, ' ', '😀'))",
    ),
    "texts in latin1": ("VARCHAR(60) CHARACTER SET latin1", "id", "CONCAT(seq % 7, 'é', seq)"),
    "long texts alike": ("VARCHAR(700)", "id", "CONCAT(REPEAT('x', 600), seq)"),
    "bytes": ("BINARY(16)", "id", "UNHEX(MD5(seq))"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_ranges_read_each_row_once_and_are_even(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path, name: str
) -> None:
    kind, key, values = KEYS[name]
    sql(
        f"CREATE OR REPLACE TABLE ranges_there ({key} {kind} NOT NULL, n INT, UNIQUE (id));"
        f" INSERT INTO ranges_there SELECT {values}, seq FROM seq_1_to_1000"
    )
    types = {"BIGINT UNSIGNED": "decimal(20,0)", "INT": "int", "DATE": "date", "BINARY(16)": "binary",
             "DATETIME(6)": "timestamp", "DECIMAL(30,10)": "decimal(30,10)"}  # fmt: skip
    columns = [Column("id", types.get(kind, "string"), nullable=False), Column("n", "int")]
    spec = spec_of(tmp_path, "ranges_there", columns, ranges=4)
    source = database(mariadb, schema)
    with source.exclusive(spark, "a test") as address:
        sizes = range_sizes(spark, address, spec, sql)

    report = snapshot(spark, source, spec)
    in_one = snapshot(spark, source, spec_of(tmp_path, "ranges_there", columns, attempt="b"))

    assert sizes == [250, 250, 250, 250]
    assert (report.rows, report.notes, report.version) == (1000, (), in_one.version)


def test_rows_without_a_key_are_read_once(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path
) -> None:
    sql(
        "CREATE OR REPLACE TABLE ranges_there (id INT, n INT);"
        " INSERT INTO ranges_there SELECT IF(seq % 10, seq, NULL), seq FROM seq_1_to_100"
    )
    spec = spec_of(tmp_path, "ranges_there", [Column("id", "int"), Column("n", "int")], ranges=3)
    source = database(mariadb, schema)
    with source.exclusive(spark, "a test") as address:
        sizes = range_sizes(spark, address, spec, sql)

    assert sizes == [40, 30, 30]
    with pytest.raises(ReferenceRefused, match="id=null in 10 rows"):
        snapshot(spark, source, spec)


@pytest.mark.parametrize("kind", ["ENUM('b','a','c')", "DOUBLE", "TIME"])
def test_a_key_that_has_no_order_of_its_own_is_read_in_one_range(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path, kind: str
) -> None:
    sql(
        f"CREATE OR REPLACE TABLE ranges_there (id {kind});"
        " INSERT INTO ranges_there VALUES (1), (2), (3)"
    )
    spec = spec_of(tmp_path, "ranges_there", [Column("id", "string")], ranges=3)
    source = database(mariadb, schema)

    with source.exclusive(spark, "a test") as address:
        assert range_sizes(spark, address, spec, sql) == []
    assert snapshot(spark, source, spec).rows == 3


def test_no_filter_on_texts_reaches_the_server(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path
) -> None:
    sql(
        "CREATE OR REPLACE TABLE texts (id INT PRIMARY KEY, t VARCHAR(9));"
        " INSERT INTO texts VALUES (1, 'a'), (2, 'A'), (3, 'a ')"
    )
    spec = spec_of(tmp_path, "texts", [Column("id", "int"), Column("t", "string")])
    with database(mariadb, schema).exclusive(spark, "a test") as address:
        spec = SnapshotSpec(**{**vars(spec), "jdbc": address.options()})
        found = spark_snapshot.read_reference(spark, spec).where("t = 'a'").collect()

    assert [row["id"] for row in found] == [1]


@pytest.mark.parametrize("predicates", [[], ["1 = 1"]])
def test_every_session_is_encrypted_read_only_and_in_utc(
    spark: SparkSession, mariadb: MariaDb, schema: str, predicates: list[str]
) -> None:
    asked = (
        "(SELECT @@time_zone AS zone, @@tx_read_only AS read_only, VARIABLE_VALUE <> '' AS is_tls"
        " FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher') AS asked"
    )
    with database(mariadb, schema).exclusive(spark, "a test") as address:
        options = address.options()
        url = options.pop("url")
        rows = (
            spark.read.jdbc(url, asked, predicates=predicates, properties=options)
            if predicates
            else spark.read.jdbc(url, asked, properties=options)
        ).collect()

    assert [(row["zone"], int(row["read_only"]), int(row["is_tls"])) for row in rows] == [
        ("+00:00", 1, 1)
    ]
    assert "sslMode=VERIFY_IDENTITY" in url


# --- one moment ---


def test_a_table_that_changes_between_its_ranges_is_read_again_in_one_statement(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Between boundaries and reading, a sum is moved from a row of one range to one of another."""
    sql(
        "CREATE OR REPLACE TABLE accounts (id INT PRIMARY KEY, amount INT);"
        " INSERT INTO accounts SELECT seq, 10 FROM seq_1_to_100"
    )
    columns = [Column("id", "int"), Column("amount", "int")]
    real = spark_mysql_ranges.is_torn

    def moved_meanwhile(*arguments: Any) -> bool:
        arguments[-1].count()  # the ranges are read and cached
        sql("UPDATE accounts SET amount = amount + IF(id = 1, -5, 5) WHERE id IN (1, 100)")
        return real(*arguments)

    monkeypatch.setattr("spark.reference_source.is_torn", moved_meanwhile)
    spec = spec_of(tmp_path, "accounts", columns, ranges=4)

    with caplog.at_level(logging.WARNING):
        report = snapshot(spark, database(mariadb, schema), spec)

    stored = pq.read_table(folder_of(spec, report)).sort_by("id").to_pydict()["amount"]
    assert (stored[0], stored[-1], sum(stored)) == (5, 15, 1000)
    assert "changed while its 4 ranges were read" in report.notes[0]
    assert "changed while its 4 ranges were read" in caplog.text


def test_a_busy_table_is_never_torn(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path
) -> None:
    sql(
        "CREATE OR REPLACE TABLE busy (id INT PRIMARY KEY, amount INT) ENGINE=InnoDB;"
        " INSERT INTO busy SELECT seq, 10 FROM seq_1_to_2000"
    )
    stop = threading.Event()

    def transfers() -> None:
        for turn in count():
            if stop.is_set():
                return
            low, high = turn % 500 + 1, 2000 - turn % 500
            sql(
                f"UPDATE busy SET amount = amount + IF(id = {low}, -1, 1) WHERE id IN ({low}, {high})"
            )

    writer = threading.Thread(target=transfers)
    writer.start()
    try:
        spec = spec_of(tmp_path, "busy", [Column("id", "int"), Column("amount", "int")], ranges=4)
        report = snapshot(spark, database(mariadb, schema), spec)
    finally:
        stop.set()
        writer.join()

    amounts = pq.read_table(folder_of(spec, report))["amount"].to_pylist()
    assert (len(amounts), sum(amounts)) == (2000, 20_000)


# --- faults ---


def test_a_wrong_password_is_refused_in_words(
    spark: SparkSession, mariadb: MariaDb, schema: str, tmp_path: Path
) -> None:
    source = database(mariadb, schema, LAKE_DATABASE_PASSWORD=CANARY)

    with pytest.raises(LoginRefused, match="Correct LAKE_DATABASE_PASSWORD") as refused:
        snapshot(spark, source, spec_of(tmp_path, "t", [Column("id", "int")]))

    assert not refused.value.retryable
    assert "reference/t" not in str(refused.value)
    assert READER in str(refused.value)
    assert CANARY not in everything_said(refused.value)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LAKE_DATABASE_CA": ""}, "LAKE_DATABASE_CA"),
        ({"LAKE_DATABASE": "by address"}, "certificate"),
    ],
)
def test_a_server_that_cannot_prove_its_name_is_refused(
    spark: SparkSession, mariadb: MariaDb, schema: str, tmp_path: Path,
    environment: dict[str, str], words: str,
) -> None:  # fmt: skip
    if "LAKE_DATABASE" in environment:
        environment = {"LAKE_DATABASE": mariadb.url(schema, host="127.0.0.1")}
    source = database(mariadb, schema, **environment)

    with pytest.raises(DatabaseError, match=words) as refused:
        snapshot(spark, source, spec_of(tmp_path, "t", [Column("id", "int")]))

    assert not refused.value.retryable
    weak = database(mariadb, schema, **environment, LAKE_DATABASE_TLS="encrypt-without-verifying")
    with weak.exclusive(spark, "a test"):
        pass


def test_a_missing_schema_and_a_missing_table_are_said(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path
) -> None:
    sql("CREATE OR REPLACE TABLE songs (id INT)")
    nowhere = database(mariadb, schema, LAKE_DATABASE=mariadb.url("nowhere"))
    spec = spec_of(tmp_path, "SONGS", [Column("id", "int")])

    with pytest.raises(DatabaseError, match="Correct the schema in LAKE_DATABASE") as no_schema:
        snapshot(spark, nowhere, spec)
    with pytest.raises(ReferenceRefused, match=r"There is songs: names of tables heed case") as no:
        snapshot(spark, database(mariadb, schema), spec)

    assert not no_schema.value.retryable
    assert not no.value.retryable


def test_a_column_that_is_dropped_or_retyped_between_two_runs_is_refused(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path
) -> None:
    sql(
        "CREATE OR REPLACE TABLE songs (id INT PRIMARY KEY, title VARCHAR(9), year INT);"
        " INSERT INTO songs VALUES (1, 'one', 1999)"
    )
    columns = [Column("id", "int"), Column("title", "string"), Column("year", "int")]
    source = database(mariadb, schema)
    snapshot(spark, source, spec_of(tmp_path, "songs", columns))

    sql("ALTER TABLE songs DROP COLUMN title")
    with pytest.raises(ReferenceRefused, match="to have title, which it lacks"):
        snapshot(spark, source, spec_of(tmp_path, "songs", columns, attempt="b"))
    sql("ALTER TABLE songs ADD title VARCHAR(9), MODIFY year VARCHAR(9)")
    sql("UPDATE songs SET year = 'MCMXCIX'")
    with pytest.raises(ReferenceRefused, match=r"Column `year` \(int\), 1 rows: 'MCMXCIX'"):
        snapshot(spark, source, spec_of(tmp_path, "songs", columns, attempt="c"))

    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_server_that_goes_away_while_it_is_read_is_worth_a_retry(
    spark: SparkSession, mariadb: MariaDb, tmp_path: Path
) -> None:
    """Half of the rows are there at once, the others never: the server is killed meanwhile."""
    with mariadb_server() as doomed:
        doomed.run("CREATE DATABASE d")
        doomed.run(
            "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2);"
            "CREATE VIEW slow AS SELECT id + SLEEP(IF(id = 2, 60, 0)) AS id FROM t",
            "d",
        )
        killer = threading.Thread(target=kill_once_reading, args=(doomed,))
        killer.start()
        try:
            with pytest.raises(DatabaseUnreachable, match="expected an answer") as gone:
                snapshot(
                    spark, database(doomed, "d"), spec_of(tmp_path, "slow", [Column("id", "int")])
                )
        finally:
            killer.join()
        with pytest.raises(DatabaseUnreachable, match="Is the server up"):
            snapshot(spark, database(doomed, "d"), spec_of(tmp_path, "t", [Column("id", "int")]))

    assert gone.value.retryable
    assert not (tmp_path / "out").exists()


def kill_once_reading(server: MariaDb) -> None:
    asked = "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep'"
    while server.run(asked) == [["0"]]:
        pass
    server.kill()


# --- rotation ---


class OneSecret:
    """A secret of which only the content matters; Secrets Manager itself is tested elsewhere."""

    def __init__(self, *passwords: str) -> None:
        self.passwords, self.calls = list(passwords), 0

    def get_secret_value(self, **_: str) -> dict[str, str]:
        password = self.passwords[min(self.calls, len(self.passwords) - 1)]
        self.calls += 1
        return {"SecretString": f'{{"username": "rotated", "password": "{password}"}}'}


def test_a_rotated_password_is_fetched_again_once(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql
) -> None:
    sql(
        "CREATE OR REPLACE USER rotated@'%' IDENTIFIED BY 'first';"
        " GRANT SELECT ON *.* TO rotated@'%'"
    )
    settings = MySqlSettings("localhost", mariadb.port, schema, ca=mariadb.ca, secret="s")
    secret, stale = OneSecret("first", "second"), OneSecret("first")
    source = MySqlDatabase(settings, SecretLogin(lambda: secret, "s"))  # type: ignore[arg-type,return-value]
    left_behind = MySqlDatabase(settings, SecretLogin(lambda: stale, "s"))  # type: ignore[arg-type,return-value]
    for each in (source, left_behind):
        with each.exclusive(spark, "the first attempt"):
            pass

    sql("ALTER USER rotated@'%' IDENTIFIED BY 'second'")
    with source.exclusive(spark, "the second attempt") as address:
        assert address.properties["password"] == "second"
    with (
        pytest.raises(LoginRefused, match="Is the password in secret s") as refused,
        left_behind.exclusive(spark, "the second attempt"),
    ):
        pass

    assert (secret.calls, stale.calls, refused.value.retryable) == (2, 2, False)


# --- secrecy ---


def test_the_password_shows_nowhere(
    spark: SparkSession, mariadb: MariaDb, schema: str, sql: Sql, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sql(
        f"CREATE OR REPLACE USER canary@'%' IDENTIFIED BY '{CANARY}';"
        " GRANT SELECT ON *.* TO canary@'%';"
        " CREATE OR REPLACE TABLE songs (id INT PRIMARY KEY, t VARCHAR(9));"
        " INSERT INTO songs SELECT seq, seq FROM seq_1_to_10"
    )
    source = database(
        mariadb, schema, LAKE_DATABASE=mariadb.url(schema, user="canary"),
        LAKE_DATABASE_PASSWORD=CANARY,
    )  # fmt: skip
    spec = spec_of(tmp_path, "songs", [Column("id", "int"), Column("t", "string")], ranges=3)
    bad = spec_of(tmp_path, "songs", [Column("id", "int"), Column("t", "boolean")], ranges=3)
    said = []

    with caplog.at_level(logging.DEBUG):
        with source.exclusive(spark, "a test") as address:
            filled = SnapshotSpec(**{**vars(spec), "jdbc": address.options()})
            rows = spark_snapshot.read_reference(spark, filled)
            said += [repr(source), repr(vars(source)), repr(address), repr(filled), repr(rows)]
            said += [rows._jdf.queryExecution().toString(), address.url]
            rows.explain(mode="formatted")
        said.append(repr(snapshot(spark, source, spec)))
        with pytest.raises(ReferenceRefused) as refused:
            snapshot(spark, source, bad)
        sql("DROP USER canary@'%'")
        with pytest.raises(LoginRefused) as failed:
            snapshot(spark, source, spec)

    said += [everything_said(refused.value), everything_said(failed.value), caplog.text]
    said += list(capfd.readouterr())
    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert left
    assert [each[:300] for each in said if CANARY in each] == []
    assert not any(CANARY.encode() in each for each in left)


def everything_said(error: BaseException) -> str:
    """An error and what it came from, with what the JVM says."""
    said: list[str] = []
    each: BaseException | None = error
    while each is not None:
        said += [repr(each), str(each)]
        each = each.__cause__ or each.__context__
    return "\n".join(said)


def range_sizes(
    spark: SparkSession, address: JdbcSource, spec: SnapshotSpec, sql: Sql
) -> list[int]:
    """How many rows the server finds in each range."""
    table = mysql_table(spark, address.options(), spec.table)
    reading = MysqlReading(table, spec.contract, {n: n for n in spec.contract.names}, spec.key[0])
    found = mysql_predicates(spark, address.options(), reading, (spec.ranges, 1))
    source = reading.source(hashed=False)
    return [int(sql(f"SELECT COUNT(*) FROM {source} WHERE {each}")[0][0]) for each in found]
