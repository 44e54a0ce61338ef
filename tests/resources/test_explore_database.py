"""A table of the source database in a notebook: read at once, from the embedded one and MySQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from resources.database import DerbyDatabase
from resources.errors import DatabaseError
from resources.explore_database import reference_rows, table_rows
from resources.source_database import Database
from resources.table import Reference
from spark.contract import Column, Contract
from spark.errors import ReferenceRefused
from tests.mysql import database
from tests.servers.mariadb import MariaDb

SONGS = Reference(
    "songs",
    "SONGS",
    ("song_id",),
    Contract((Column("song_id", "bigint"), Column("title", "string"))),
)


@pytest.fixture
def derby(spark: SparkSession, tmp_path: Path) -> DerbyDatabase:
    made = DerbyDatabase(tmp_path / "database")
    rows = spark.createDataFrame([(1, "하나", 9), (2, None, 8)], "song_id int, title string, n int")
    made.load_table(spark, "SONGS", rows, ["song_id"])
    return made


def test_a_table_is_read_in_the_types_of_the_database(
    spark: SparkSession, derby: DerbyDatabase
) -> None:
    frame = table_rows(spark, derby, "SONGS")
    assert sorted(tuple(row) for row in frame.collect()) == [(1, "하나", 9), (2, None, 8)]
    with derby.exclusive(spark, "another look"):
        assert frame.count() == 2, "it was read before, and holds the database no more"
    with pytest.raises(DatabaseError, match="ARTISTS"):
        table_rows(spark, derby, "ARTISTS")


def test_a_reference_is_read_in_its_declared_types(
    spark: SparkSession, derby: DerbyDatabase
) -> None:
    frame = reference_rows(spark, derby, SONGS)
    assert frame.schema.simpleString() == "struct<song_id:bigint,title:string>"
    assert sorted(tuple(row) for row in frame.collect()) == [(1, "하나"), (2, None)]
    wrong = Reference("songs", "SONGS", (), Contract((Column("title", "int"),)))
    with pytest.raises(ReferenceRefused, match=r"`title` of SONGS .* found '하나'"):
        reference_rows(spark, derby, wrong)
    odd = Reference("songs", "SONGS", (), Contract((Column("artist", "string"),)))
    with pytest.raises(ReferenceRefused, match="to have artist, which it lacks"):
        reference_rows(spark, derby, odd)


def test_a_server_is_read_likewise_and_its_password_is_in_no_plan(
    spark: SparkSession, mariadb: MariaDb
) -> None:
    mariadb.run("CREATE DATABASE notebook CHARACTER SET utf8mb4")
    mariadb.run("CREATE TABLE DISTRICTS (code VARCHAR(9) PRIMARY KEY, people INT)", "notebook")
    mariadb.run("INSERT INTO DISTRICTS VALUES ('90110', 182400), ('00120', NULL)", "notebook")
    source: Database = database(mariadb, "notebook")
    frame = table_rows(spark, source, "DISTRICTS")
    mariadb.run("DROP DATABASE notebook")
    assert sorted(tuple(row) for row in frame.collect()) == [("00120", None), ("90110", 182400)]
    plan = frame._jdf.queryExecution().toString()
    assert "jdbc" not in plan.lower()
