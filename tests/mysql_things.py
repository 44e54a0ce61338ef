"""A table of MySQL with a column of every type, and values at the edges of each."""

from __future__ import annotations

from dataclasses import dataclass

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


def make_things(server: MariaDb, schema: str) -> None:
    """Make the table `things` in a database of its own; its last row is all nulls."""
    server.run(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
    columns = ", ".join(f"{tick(name)} {case.ddl}" for name, case in CASES.items())
    server.run(f"CREATE TABLE things (id INT PRIMARY KEY, {columns}) ROW_FORMAT=DYNAMIC", schema)
    written = {name: case.values for name, case in CASES.items() if case.values}
    for row in range(max(map(len, written.values())) + 1):
        names = [name for name, values in written.items() if row < len(values)]
        into = ", ".join(["id", *map(tick, names)])
        values = ", ".join([str(row), *(written[name][row] for name in names)])
        server.run(f"INSERT INTO things ({into}) VALUES ({values})", schema)


def tick(name: str) -> str:
    return "`{}`".format(name.replace("`", "``"))
