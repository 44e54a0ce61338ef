"""Every MySQL type's edges: what a snapshot keeps against what the `mariadb` client prints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark.contract import Column
from spark.errors import ReferenceRefused
from tests.mysql import database, folder_of, snapshot, spec_of
from tests.mysql_things import CASES, Case, make_things, tick
from tests.servers.mariadb import MariaDb


@pytest.fixture(scope="module")
def types_there(mariadb: MariaDb) -> Iterator[MariaDb]:
    make_things(mariadb, "types_there")
    yield mariadb
    mariadb.run("DROP DATABASE types_there")


@pytest.mark.parametrize("ranges", [1, 3])
def test_every_type_arrives_as_the_client_prints_it(
    spark: SparkSession, types_there: MariaDb, tmp_path: Path, ranges: int
) -> None:
    contract = [Column("id", "int", nullable=False)]
    contract += [Column(name, case.type) for name, case in CASES.items()]
    spec = spec_of(tmp_path, "things", contract, ranges=ranges)

    report = snapshot(spark, database(types_there, "types_there"), spec)

    stored = pq.read_table(folder_of(spec, report)).sort_by("id").to_pydict()
    different = {
        name: (found, printed)
        for name, case in CASES.items()
        if (found := [shown(value, case.type) for value in stored[name]])
        != (printed := expected(types_there, name, case))
    }
    assert report.notes == ()
    assert different == {}, repr(different)[:2000]


def test_the_machines_time_zone_moves_nothing(
    spark: SparkSession, types_there: MariaDb, tmp_path: Path
) -> None:
    columns = [Column("id", "int"), *(Column(n, CASES[n].type) for n in ("date", "timestamp_6"))]
    spec = spec_of(tmp_path, "things", columns)
    source = database(types_there, "types_there")
    in_utc = snapshot(spark, source, spec)
    assert spark._jvm is not None
    zones = spark._jvm.java.util.TimeZone
    zone = zones.getDefault()
    zones.setDefault(zones.getTimeZone("Europe/Berlin"))
    try:
        in_berlin = snapshot(spark, source, spec_of(tmp_path, "things", columns, attempt="b"))
    finally:
        zones.setDefault(zone)

    assert in_berlin.version == in_utc.version


def test_zero_dates_become_null_and_are_counted(
    spark: SparkSession, types_there: MariaDb, tmp_path: Path
) -> None:
    types_there.run(
        "CREATE TABLE zeros (id INT PRIMARY KEY, day DATE, moment DATETIME(3));"
        "INSERT INTO zeros VALUES (1, '0000-00-00', '0000-00-00'), (2, '2024-02-29', NULL),"
        " (3, '0000-00-00', '2024-02-29 01:02:03.004')",
        "types_there",
    )
    columns = [Column("id", "int"), Column("day", "date"), Column("moment", "timestamp")]
    spec = spec_of(tmp_path, "zeros", columns)
    source = database(types_there, "types_there")

    report = snapshot(spark, source, spec)

    stored = pq.read_table(folder_of(spec, report)).sort_by("id").to_pydict()
    assert stored["day"] == [None, dt.date(2024, 2, 29), None]
    assert [value is None for value in stored["moment"]] == [True, True, False]
    assert report.notes == (
        "column `day`: 2 zero dates became null",
        "column `moment`: 1 zero dates became null",
    )
    required = [Column("id", "int"), Column("day", "date", nullable=False)]
    with pytest.raises(ReferenceRefused, match=r"Column `day` \(date not null\), 2 rows: '0000-00"):
        snapshot(spark, source, spec_of(tmp_path, "zeros", required))


@pytest.mark.parametrize(
    ("ddl", "value", "type_text", "words"),
    [
        ("DATE", "'2024-00-10'", "date", "1 rows: '2024-00-10' at id"),
        ("TINYINT(1)", "2", "boolean", "1 rows: '2' at id="),
        ("BIGINT UNSIGNED", "9223372036854775808", "bigint", "9223372036854775808' at id="),
        ("DECIMAL(65,30)", "1e-30", "decimal(38,20)", r"'0\.000000000000000000000000000001' at id"),
        ("DECIMAL(65,30)", "1e-30", "decimal(38,29)", r"'0\.000000000000000000000000000001' at id"),
        ("DECIMAL(65,30)", "1" + "0" * 34, "decimal(38,20)", "1 rows: '1000000"),
        ("DATETIME", "'2024-01-01 00:00:01'", "date", "1 rows: '2024-01-01 00:00:01' at id="),
        ("TIME", "'25:00:00'", "timestamp", "1 rows: '25:00:00' at id="),
        ("VARCHAR(9)", "'1x'", "int", "1 rows: '1x' at id="),
        ("BLOB", "'x'", "string", "binary, which cannot become string"),
    ],
)
def test_a_value_that_the_contract_cannot_hold_is_refused_by_its_key(
    spark: SparkSession, types_there: MariaDb, tmp_path: Path,
    ddl: str, value: str, type_text: str, words: str,
) -> None:  # fmt: skip
    types_there.run(
        f"CREATE OR REPLACE TABLE misfits (id INT PRIMARY KEY, c {ddl});"
        f" INSERT INTO misfits VALUES (1, {value}), (2, NULL)",
        "types_there",
    )
    spec = spec_of(tmp_path, "misfits", [Column("id", "int"), Column("c", type_text)])

    with pytest.raises(ReferenceRefused, match=words):
        snapshot(spark, database(types_there, "types_there"), spec)

    assert not (tmp_path / "out").exists()


def expected(server: MariaDb, name: str, case: Case) -> list[object]:
    """The column as the client prints it; nulls are asked for, as a text may read NULL."""
    printed = case.printed.format(tick(name))
    rows = server.run(
        f"SELECT {tick(name)} IS NULL, {printed} FROM things ORDER BY id", "types_there"
    )
    texts = [None if is_null == "1" else text for is_null, text in rows]
    if case.type in ("float", "double"):
        return [None if text is None else float(text) for text in texts]
    return list(texts)


def shown(value: object, type_text: str) -> object:
    """A value of Parquet as the client would print it."""
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, Decimal):
        return format(value, "f")
    if type_text == "boolean":
        return str(int(bool(value)))
    return str(value)
