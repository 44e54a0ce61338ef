"""Every MySQL type's edges: what a snapshot keeps against what the `mariadb` client prints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark.contract import Column
from spark.errors import ReferenceRefused
from tests.mysql import database, folder_of, snapshot, spec_of
from tests.servers.mariadb import MariaDb


@dataclass(frozen=True)
class Case:
    """A column of the server, the contract's type, values as SQL, and what the client prints."""

    ddl: str
    type: str
    values: tuple[str, ...]
    printed: str = "{}"


PLAIN_TIME = "DATE_FORMAT({}, '%Y-%m-%d %H:%i:%s.%f')"
LONG = "REPEAT('ä😀', 40000)"
CASES = {
    "tiny_1": Case("TINYINT(1)", "tinyint", ("-128", "127", "2", "0", "1")),
    "tiny_bool": Case("BOOLEAN", "boolean", ("0", "1")),
    "tiny_u": Case("TINYINT UNSIGNED", "smallint", ("0", "255")),
    "small": Case("SMALLINT", "smallint", ("-32768", "32767")),
    "small_u": Case("SMALLINT UNSIGNED", "int", ("0", "65535")),
    "medium": Case("MEDIUMINT", "int", ("-8388608", "8388607")),
    "medium_u": Case("MEDIUMINT UNSIGNED", "int", ("0", "16777215")),
    "int_s": Case("INT", "int", ("-2147483648", "2147483647")),
    "int_u": Case("INT UNSIGNED", "bigint", ("0", "4294967295")),
    "int_z": Case("INT(8) ZEROFILL", "bigint", ("42",), "{} + 0"),
    "big": Case("BIGINT", "bigint", ("-9223372036854775808", "9223372036854775807")),
    "big_u": Case("BIGINT UNSIGNED", "decimal(20,0)", ("0", "18446744073709551615")),
    "big_u_text": Case("BIGINT UNSIGNED", "string", ("0", "18446744073709551615")),
    "bit_1": Case("BIT(1)", "boolean", ("b'0'", "b'1'"), "{} + 0"),
    "bit_8": Case("BIT(8)", "int", ("b'0'", "b'11111111'", "b'110001'"), "{} + 0"),
    "bit_64": Case("BIT(64)", "decimal(20,0)", ("b'0'", "~0"), "{} + 0"),
    "bit_text": Case("BIT(8)", "string", ("b'0'", "b'11111111'"), "{} + 0"),
    "year": Case("YEAR", "int", ("1901", "2155", "0"), "{} + 0"),
    "time": Case("TIME(6)", "string", ("'-838:59:59.5'", "'838:59:59'", "'0:0:0.000001'")),
    "date": Case(
        "DATE", "date", ("'0001-01-01'", "'1582-10-10'", "'1969-12-31'", "'9999-12-31'")
    ),
    "datetime_6": Case(
        "DATETIME(6)", "timestamp",
        ("'0001-01-01 00:00:00.000001'", "'1582-10-10 12:00:00'", "'1969-12-31 23:59:59.999999'",
         "'2024-03-31 02:30:00'", "'9999-12-31 23:59:59.999999'"), PLAIN_TIME,
    ),
    "datetime_0": Case("DATETIME", "timestamp", ("'2024-03-31 02:30:00'",), PLAIN_TIME),
    "timestamp_6": Case(
        "TIMESTAMP(6) NULL", "timestamp",
        ("'1970-01-01 00:00:01'", "'2024-10-27 00:30:00'", "'2024-10-27 01:30:00'",
         "'2024-03-31 01:30:00.5'", "'2038-01-19 03:14:07.999999'"), PLAIN_TIME,
    ),
    "timestamp_day": Case("TIMESTAMP NULL", "date", ("'2024-10-27 00:00:00'",), "DATE({})"),
    "datetime_text": Case("DATETIME", "string", ("'0000-00-00 00:00:00'", "'2024-00-00 01:02:03'")),
    "decimal_18": Case("DECIMAL(18,4)", "decimal(18,4)", ("-99999999999999.9999", "0.0001")),
    "decimal_38": Case("DECIMAL(38,10)", "decimal(38,10)", ("-" + "9" * 28 + "." + "9" * 10,)),
    "decimal_65": Case("DECIMAL(65,30)", "string", ("9" * 35 + "." + "9" * 30, "-1", "0")),
    "decimal_65_fits": Case(
        "DECIMAL(65,30)", "decimal(38,10)", ("-" + "9" * 28 + ".9999999999", "0.5"),
        "CAST({} AS DECIMAL(38,10))",
    ),
    "decimal_u": Case("DECIMAL(9,2) UNSIGNED", "decimal(9,2)", ("0", "9999999.99")),
    "float": Case(
        "FLOAT", "float", ("0.1", "16777216", "-3.4028234e38", "1.17549435e-38"), "{} + 0e0"
    ),
    "float_text": Case("FLOAT", "string", ("0.1", "-2.5")),
    "double": Case(
        "DOUBLE", "double", ("0.1", "1.7976931348623157e308", "-2.2250738585072014e-308", "-0e0")
    ),
    "char": Case("CHAR(10)", "string", ("'a'", "' b'", "'😀한글ä'", "''")),
    "varchar": Case("VARCHAR(100)", "string", ("'a  '", "'😀'", "''", "'NULL'", "'\\\\n'")),
    "latin1": Case("VARCHAR(20) CHARACTER SET latin1", "string", ("'éÿ€'", "''")),
    "euckr": Case("VARCHAR(20) CHARACTER SET euckr", "string", ("'한글'", "'ascii'")),
    "utf16": Case("VARCHAR(20) CHARACTER SET utf16", "string", ("'😀한'",)),
    "tinytext": Case("TINYTEXT", "string", ("REPEAT('ä', 127)", "''"),),
    "text": Case("TEXT", "string", ("REPEAT('x', 65535)",)),
    "mediumtext": Case("MEDIUMTEXT", "string", (LONG,)),
    "longtext": Case("LONGTEXT", "string", (LONG, "''")),
    "json": Case("JSON", "string", ("'{\"a\": [1, \"😀\"]}'", "'null'")),
    "enum": Case("ENUM('a','b ü','')", "string", ("'a'", "'b ü'", "''")),
    "set_": Case("SET('x','y','z')", "string", ("'x,z'", "''")),
    "binary_": Case("BINARY(4)", "binary", ("x'00ff0a00'", "''"), "HEX({})"),
    "varbinary": Case("VARBINARY(9)", "binary", ("x'00ff'", "''"), "HEX({})"),
    "tinyblob": Case("TINYBLOB", "binary", ("x'80'",), "HEX({})"),
    "blob_": Case("BLOB", "binary", ("REPEAT(x'00ff', 32000)",), "HEX({})"),
    "mediumblob": Case("MEDIUMBLOB", "binary", ("REPEAT(x'00ff', 40000)",), "HEX({})"),
    "longblob": Case("LONGBLOB", "binary", ("REPEAT(x'00ff', 40000)", "''"), "HEX({})"),
    "uuid_": Case("UUID", "string", ("'123e4567-e89b-12d3-a456-426614174000'",)),
    "inet": Case("INET6", "string", ("'::ffff:1.2.3.4'",)),
    "generated": Case("INT AS (id * 2) VIRTUAL", "int", ()),
    "stored": Case("VARCHAR(20) AS (CONCAT('n', id)) STORED", "string", ()),
    "invisible": Case("INT INVISIBLE DEFAULT 7", "int", ()),
    "odd `name": Case("INT", "int", ("5",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def types_there(mariadb: MariaDb) -> Iterator[MariaDb]:
    mariadb.run("CREATE DATABASE types_there CHARACTER SET utf8mb4")
    columns = ", ".join(f"{tick(name)} {case.ddl}" for name, case in CASES.items())
    mariadb.run(
        f"CREATE TABLE things (id INT PRIMARY KEY, {columns}) ROW_FORMAT=DYNAMIC", "types_there"
    )
    written = {name: case.values for name, case in CASES.items() if case.values}
    for row in range(max(map(len, written.values())) + 1):  # the last one is all nulls
        names = [name for name, values in written.items() if row < len(values)]
        into = ", ".join(["id", *map(tick, names)])
        values = ", ".join([str(row), *(written[name][row] for name in names)])
        mariadb.run(f"INSERT INTO things ({into}) VALUES ({values})", "types_there")
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


def tick(name: str) -> str:
    return "`{}`".format(name.replace("`", "``"))


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
