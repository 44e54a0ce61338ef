"""The embedded database: one user at a time, across threads and processes, and its tables."""

from __future__ import annotations

import datetime as dt
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, Row, SparkSession

from resources.database import (
    DerbyDatabase,
    JdbcSource,
    Patience,
    exclusive_lock,
)
from resources.derby import DerbyEngine
from resources.errors import DatabaseBusy, DatabaseError

ROOT = Path(__file__).parents[2]
IMPATIENT = Patience(timeout_seconds=0.3, notice_seconds=0.1)
HOLD_THE_LOCK = """
import sys
from pathlib import Path
from resources.database import Patience, exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "a long import", Patience()):
    print("held", flush=True)
    sys.stdin.read()
"""
READ_THEN_HOLD = """
import logging, sys
from pathlib import Path
from pyspark.sql import SparkSession
from resources.database import DerbyDatabase, Patience
from resources.derby import DerbyEngine
logging.basicConfig(stream=sys.stdout)
spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
         .config("spark.driver.memory", "1g").getOrCreate())
database = DerbyDatabase(Path(sys.argv[1]), Patience(300, 0.1))
with database.exclusive(spark, "the other process") as source:
    rows = spark.read.format("jdbc").options(**source.options(), dbtable="T").load().count()
print("read", rows, flush=True)
sys.stdin.readline()
DerbyEngine(spark, database.directory).boot(create=False)
print("open without the lock", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(script: str, argument: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(argument)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        process.wait()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"the other process ended without saying {text!r}")


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def numbers(spark: SparkSession) -> DataFrame:
    return spark.range(3).selectExpr("cast(id as int) as id", "concat('n', id) as name")


def table(spark: SparkSession, database: DerbyDatabase, name: str) -> DataFrame:
    source = spark.read.format("jdbc").options(**database.source.options(), dbtable=name)
    columns = source.load().columns
    return (source.option("customSchema", "at STRING") if "at" in columns else source).load()


@pytest.fixture
def database(tmp_path: Path) -> DerbyDatabase:
    return DerbyDatabase(tmp_path / "source")


# --- the lock, without Spark ---


def test_the_lock_file_is_made_where_there_is_no_folder_yet(tmp_path: Path) -> None:
    lock = tmp_path / "lake" / "source.lock"

    with exclusive_lock(lock, "a snapshot", IMPATIENT):
        assert f"process {os.getpid()}" in lock.read_text()
        assert "for a snapshot" in lock.read_text()

    assert lock.read_text() == ""


def test_who_waits_too_long_learns_for_whom_and_may_retry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock = tmp_path / "source.lock"

    with (
        another_process(HOLD_THE_LOCK, lock) as holder,
        caplog.at_level(logging.WARNING, "resources.database"),
    ):
        line_with(holder, "held")
        with (
            pytest.raises(DatabaseBusy, match=r"a snapshot waits for .*for a long import") as busy,
            exclusive_lock(lock, "a snapshot", IMPATIENT),
        ):
            pass

    assert f"held by process {holder.pid} on " in str(busy.value)
    assert "Gave up after 0 seconds" in str(busy.value)
    assert busy.value.retryable
    assert "a snapshot waits for" in caplog.messages[0]


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "source.lock"

    with another_process(HOLD_THE_LOCK, lock) as holder:
        line_with(holder, "held")
        holder.send_signal(signal.SIGKILL)
        with exclusive_lock(lock, "a snapshot", Patience(30, 30)):
            assert "a snapshot" in lock.read_text()


def test_the_lock_is_freed_by_an_error(tmp_path: Path) -> None:
    lock = tmp_path / "source.lock"

    with pytest.raises(ValueError, match="inside"), exclusive_lock(lock, "one", IMPATIENT):
        raise ValueError("inside")

    with exclusive_lock(lock, "two", IMPATIENT):
        pass


def test_threads_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    lock = tmp_path / "source.lock"
    inside: list[int] = []
    most: list[int] = []

    def use(number: int) -> None:
        with exclusive_lock(lock, f"thread {number}", Patience(60, 60)):
            inside.append(number)
            most.append(len(inside))
            threading.Event().wait(0.02)
            inside.remove(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1, 1, 1, 1]


# --- addresses ---


def test_a_source_shows_no_password() -> None:
    source = JdbcSource("jdbc:mysql://db/radio", "com.mysql.cj.jdbc.Driver", {"password": "secret"})

    assert "secret" not in repr(source)
    assert source.options() == {
        "url": "jdbc:mysql://db/radio",
        "driver": "com.mysql.cj.jdbc.Driver",
        "password": "secret",
    }


def test_a_folder_that_derby_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="without ';'"):
        _ = DerbyDatabase(tmp_path / "a;create=true").source


# --- tables ---


def test_a_loaded_table_is_read_back_with_its_types(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    df = spark.sql(
        "select 1 as Id, 'a' as `two words`, timestamp'2024-03-31 12:30:00.123456' as at,"
        " date'2024-02-29' as day, 1.50BD as amount union all select 2, null, null, null, null"
    )

    database.load_table(spark, "tracks", df, key=["ID"])

    with database.exclusive(spark, "test"):
        found = table(spark, database, "TRACKS")
        assert found.columns == ["id", "two words", "at", "day", "amount"]
        assert [tuple(row) for row in found.orderBy("id").collect()] == [
            (1, "a", "2024-03-31 12:30:00.123456", dt.date(2024, 2, 29), Decimal("1.50")),
            (2, None, None, None, None),
        ]


def test_loading_again_replaces_the_table_and_leaves_no_other(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    database.load_table(spark, "T", numbers(spark))
    database.load_table(spark, "t", spark.range(5).toDF("other"))

    with database.exclusive(spark, "test"):
        assert table(spark, database, "T").columns == ["other"]
        assert table(spark, database, "T").count() == 5
        names = "(SELECT TABLENAME FROM SYS.SYSTABLES WHERE TABLETYPE = 'T') AS t"
        assert table(spark, database, names).collect() == [Row(TABLENAME="T")]


def test_a_load_that_fails_leaves_the_old_table(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    database.load_table(spark, "T", numbers(spark), key=["id"])
    twice = numbers(spark).union(numbers(spark))

    with pytest.raises(DatabaseError, match="duplicate key"):
        database.load_table(spark, "T", twice, key=["id"])

    with database.exclusive(spark, "test"):
        assert table(spark, database, "T").count() == 3


def test_what_derby_cannot_hold_is_refused_before_it_is_opened(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    with pytest.raises(DatabaseError, match="decimals of up to 31 digits, found decimal"):
        database.load_table(spark, "T", spark.sql("select cast(1 as decimal(38,2)) as a"))
    with pytest.raises(DatabaseError, match=r"`a`: .*found array<int>"):
        database.load_table(spark, "T", spark.sql("select array(1) as a"))
    with pytest.raises(DatabaseError, match="differ in more than case"):
        database.load_table(spark, "T", spark.sql("select 1 as a, 2 as A"))
    with pytest.raises(DatabaseError, match="letters, digits and underscores"):
        database.load_table(spark, "T; DROP TABLE X", numbers(spark))

    assert not database.directory.exists()


def test_text_too_long_to_compare_is_refused_rather_than_cut(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    with pytest.raises(DatabaseError, match=r"at most 32672 characters.*found one of 32673"):
        database.load_table(spark, "T", spark.sql("select repeat('x', 32673) as a"))


# --- exclusive use ---


def test_a_database_that_is_not_there_is_not_made_by_reading(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    with pytest.raises(DatabaseError, match="there is none"), database.exclusive(spark, "test"):
        pass

    assert not database.directory.exists()


def test_a_table_that_is_not_there_is_named_in_the_databases_words(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    database.load_table(spark, "T", numbers(spark))

    with (
        pytest.raises(DatabaseError, match="'NOPE' does not exist"),
        database.exclusive(spark, "test"),
    ):
        table(spark, database, "NOPE")


def test_errors_that_are_not_the_databases_pass_through(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    database.load_table(spark, "T", numbers(spark))

    with pytest.raises(KeyError), database.exclusive(spark, "test"):
        raise KeyError("mine")
    java = spark._jvm
    assert java is not None
    with pytest.raises(Py4JJavaError), database.exclusive(spark, "test"):
        java.java.lang.Class.forName("no.such.Class")


@pytest.mark.parametrize("fails", [True, False])
def test_the_database_is_shut_down_after_use(
    spark: SparkSession, database: DerbyDatabase, fails: bool
) -> None:
    database.load_table(spark, "T", numbers(spark))
    lock = database.directory / "db.lck"
    assert not lock.exists()

    try:
        with database.exclusive(spark, "test"):
            assert lock.exists()
            if fails:
                raise ValueError("inside")
    except ValueError:
        pass

    assert not lock.exists()


def test_the_databases_log_lies_beside_it_and_not_in_the_working_directory(
    spark: SparkSession, database: DerbyDatabase
) -> None:
    before = Path("derby.log").exists()

    database.load_table(spark, "T", numbers(spark))

    assert Path("derby.log").exists() == before


def test_shutting_down_twice_is_no_error(spark: SparkSession, database: DerbyDatabase) -> None:
    database.load_table(spark, "T", numbers(spark))
    engine = DerbyEngine(spark, database.directory)

    engine.shut_down()
    engine.shut_down()


def test_a_folder_that_holds_no_database_is_an_error_that_says_so(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    database = DerbyDatabase(tmp_path / "empty")

    with (
        pytest.raises(DatabaseError, match="Could not open the embedded database"),
        database.exclusive(spark, "test"),
    ):
        pass


@pytest.mark.slow
def test_two_processes_take_turns(spark: SparkSession, database: DerbyDatabase) -> None:
    database.load_table(spark, "T", numbers(spark))

    with another_process(READ_THEN_HOLD, database.directory) as other:
        with database.exclusive(spark, "this process"):
            waiting = line_with(other, "waits for")
            assert table(spark, database, "T").count() == 3
        assert f"held by process {os.getpid()}" in waiting
        assert "the other process waits for" in waiting
        assert line_with(other, "read") == "read 3\n"

        with database.exclusive(spark, "this process again"):
            assert table(spark, database, "T").count() == 3

        tell(other)
        line_with(other, "open without the lock")
        hasty = DerbyDatabase(database.directory, IMPATIENT)
        with (
            pytest.raises(DatabaseBusy, match="which another process has open"),
            hasty.exclusive(spark, "a hasty one"),
        ):
            pass
        other.send_signal(signal.SIGKILL)

        with database.exclusive(spark, "this process at last"):
            assert table(spark, database, "T").count() == 3
