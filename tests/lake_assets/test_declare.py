"""`lake declare`: what it prints is YAML that a declaration takes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from lake_assets.cli import app
from lake_assets.declaration import ColumnModel, RawModel, ReferenceModel, to_raw, to_reference
from resources.describe_mysql import declared_type
from spark.mysql_source import MysqlColumn
from tests.servers.mariadb import READER_PASSWORD, MariaDb


def test_a_reference_is_declared_as_the_server_describes_it(
    spark: SparkSession, mariadb: MariaDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mariadb.run(
        "CREATE OR REPLACE DATABASE declared CHARACTER SET utf8mb4; USE declared;"
        "CREATE TABLE Songs (b INT UNSIGNED, a VARCHAR(9), title TEXT NOT NULL COMMENT 'It''s: 노래',"
        " is_new TINYINT(1), hidden INT INVISIBLE, PRIMARY KEY (a, b))"
    )
    monkeypatch.setattr("resources.compute.local.local_spark_config", lambda _: {})
    environment = {
        "LAKE_DATABASE": mariadb.url("declared"), "LAKE_DATABASE_CA": str(mariadb.ca),
        "LAKE_DATABASE_PASSWORD": READER_PASSWORD, "LAKE_ROOT": str(tmp_path),
    }  # fmt: skip

    done = CliRunner().invoke(app, ["declare", "reference", "Songs"], env=environment)

    assert done.exit_code == 0, done.output
    said = yaml.safe_load(done.stdout)["references"][0]
    said["columns"] = [ColumnModel(**each) for each in said["columns"]]
    found = to_reference(ReferenceModel(**said))
    assert (found.name, found.table, found.key) == ("songs", "Songs", ("a", "b"))
    assert [
        (each.name, each.type, each.nullable, each.comment) for each in found.contract.columns
    ] == [
        ("b", "bigint", False, ""),
        ("a", "string", False, ""),
        ("title", "string", False, "It's: 노래"),
        ("is_new", "tinyint", True, ""),
        ("hidden", "int", True, ""),
    ]
    assert "# column is_new is tinyint(1): declare boolean if" in done.stdout


def test_a_table_without_a_key_and_no_server_are_said(
    spark: SparkSession, mariadb: MariaDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mariadb.run("CREATE OR REPLACE DATABASE declared; CREATE TABLE declared.t (a INT)")
    monkeypatch.setattr("resources.compute.local.local_spark_config", lambda _: {})
    environment = {
        "LAKE_DATABASE": mariadb.url("declared"), "LAKE_DATABASE_CA": str(mariadb.ca),
        "LAKE_DATABASE_PASSWORD": READER_PASSWORD, "LAKE_ROOT": str(tmp_path),
    }  # fmt: skip

    keyless = CliRunner().invoke(app, ["declare", "reference", "declared.t"], env=environment)
    missing = CliRunner().invoke(app, ["declare", "reference", "nowhere"], env=environment)

    assert "# it has no primary key" in keyless.stdout
    assert yaml.safe_load(keyless.stdout)["references"][0]["name"] == "t"
    assert missing.exit_code == 1
    assert "Expected a table or view nowhere" in missing.stderr


@pytest.mark.parametrize(
    ("kind", "type_text", "expected"),
    [
        ("bigint", "bigint(20) unsigned", "decimal(20,0)"),
        ("bit", "bit(1)", "boolean"),
        ("bit", "bit(64)", "decimal(20,0)"),
        ("decimal", "decimal(10,2)", "decimal(10,2)"),
        ("decimal", "decimal(65,30)", "string"),
        ("datetime", "datetime(6)", "timestamp"),
        ("year", "year(4)", "int"),
        ("time", "time", "string"),
        ("enum", "enum('a(1)','b')", "string"),
        ("mediumblob", "mediumblob", "binary"),
    ],
)
def test_each_kind_has_a_type_that_holds_it(kind: str, type_text: str, expected: str) -> None:
    assert declared_type(MysqlColumn("c", kind, type_text))[0] == expected


def test_raw_columns_are_declared_from_a_sample(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "plays" / "2026"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(
        '{"id": 1, "at": "2026-11-01T05:00:00Z", "tags": ["x"], "deep": {"n": 1.5}, "odd": 1}'
        '{"id": 2, "at": "2026-11-01T05:00:00Z", "tags": [], "deep": {"n": 2}, "odd": "x", "no": null}'
    )
    (folder / "b.gz").write_bytes(gzip.compress(b'{"id": 9223372036854775807, "yes": true}\n{"id"'))

    done = CliRunner().invoke(app, ["declare", "raw", "plays/"], env={"LAKE_ROOT": str(tmp_path)})

    assert done.exit_code == 0, done.output
    said = yaml.safe_load(done.stdout)["raw"]
    said["columns"] = [ColumnModel(**each) for each in said["columns"]]
    found = to_raw(RawModel(**said))
    assert found.prefix == "plays"
    assert {each.name: each.type for each in found.contract.columns} == {
        "id": "bigint",
        "at": "timestamp",
        "tags": "array<string>",
        "deep": "struct<n:double>",
        "odd": "string",
        "no": "string",
        "yes": "boolean",
    }
    for note in ("from 3 documents in 2 objects", "odd holds bigint and string", "no holds nulls only",
                 "b.gz cannot be read from character", "yes is missing in 2 of 3"):  # fmt: skip
        assert note in done.stdout


def test_a_prefix_without_documents_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()

    done = CliRunner().invoke(app, ["declare", "raw", "plays"], env={"LAKE_ROOT": str(tmp_path)})

    assert done.exit_code == 1
    assert "Expected JSON documents in objects below 'plays'" in done.stderr
