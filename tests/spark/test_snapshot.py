"""Snapshots of a table in an embedded database: types, ranges, versions, refusals."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from py4j.java_gateway import JavaClass
from pyspark.sql import DataFrame, DataFrameWriter, Row, SparkSession
from pyspark.sql import functions as F

from resources.database import DerbyDatabase
from spark.content import content_version
from spark.contract import Column, Contract
from spark.errors import ContractError, ReadError, ReferenceRefused
from spark.fitting import fit
from spark.key_ranges import key_predicates, range_predicates
from spark.snapshot import (
    SnapshotReport,
    SnapshotSpec,
    read_reference,
    refuse_bad_keys,
    take_snapshot,
)

RADIO = Path(__file__).parents[3] / "shared" / "data" / "radio"
TRACKS = Contract(
    (
        Column("track_id", "int", nullable=False),
        Column("track_name", "string"),
        Column("artist_name", "string"),
        Column("release_year", "string"),
        Column("play_count", "bigint"),
    )
)
#: As Spark hands an instant to Python: the wall clock of this process, without a zone.
LOCAL_NOON = dt.datetime.fromisoformat("2024-03-31T12:30:00.123456")


@pytest.fixture
def database(tmp_path: Path) -> DerbyDatabase:
    return DerbyDatabase(tmp_path / "source db")


@pytest.fixture
def open_database(
    spark: SparkSession, database: DerbyDatabase
) -> Iterator[Callable[[DataFrame], SnapshotSpec]]:
    """Load a frame as table THINGS and give a specification of it, without its contract."""

    def load(df: DataFrame) -> SnapshotSpec:
        database.load_table(spark, "things", df)
        return SnapshotSpec(
            name="things",
            table="THINGS",
            key=("id",),
            contract=Contract(()),
            output=f"file://{database.directory.parent}/a lake/reference/things",
            attempt="attempt-1",
            jdbc=database.source.options(),
        )

    yield load
    with database.exclusive(spark, "end of the test"):
        pass  # opened and shut down, whatever the test left open


def snapshot(spark: SparkSession, spec: SnapshotSpec, *known: str) -> SnapshotReport:
    return take_snapshot(spark, spec, lambda version: version in known)


def read_back(spark: SparkSession, spec: SnapshotSpec, report: SnapshotReport) -> DataFrame:
    return spark.read.parquet(f"{spec.output}/{report.directory}")


def java_zones(spark: SparkSession) -> JavaClass:
    assert spark._jvm is not None
    return spark._jvm.java.util.TimeZone


def contract_of(**types: str) -> Contract:
    return Contract(tuple(Column(name, kind) for name, kind in types.items()))


# --- versions ---


def test_the_tracks_of_the_radio_data_become_one_typed_version(
    spark: SparkSession, database: DerbyDatabase, tmp_path: Path
) -> None:
    if not RADIO.is_dir():
        pytest.skip("the radio data lies outside the project")
    with (RADIO / "tracks.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            (int(row["track_id"]), row["track_name"], row["artist_name"], row["release_year"] or None,
             int(row["play_count"]))
            for row in csv.DictReader(file)
        ]  # fmt: skip
    schema = (
        "track_id int, track_name string, artist_name string, release_year string, play_count int"
    )
    database.load_table(spark, "tracks", spark.createDataFrame(rows, schema), key=["track_id"])
    spec = SnapshotSpec(
        "tracks", "TRACKS", ("track_id",), TRACKS, f"file://{tmp_path}/out", "a", {}, 4, 500
    )

    with database.exclusive(spark, "snapshot of tracks") as source:
        spec = replace(spec, jdbc=source.options())
        partitions = read_reference(spark, spec).rdd.getNumPartitions()
        report = snapshot(spark, spec)
        in_one_range = snapshot(spark, replace(spec, one_range_rows=10_000), report.version)

    stored = read_back(spark, spec, report)
    assert (report.rows, report.written, partitions) == (2229, True, 4)
    assert (in_one_range.version, in_one_range.written) == (report.version, False)
    assert sorted(tuple(row) for row in stored.collect()) == sorted(rows)
    assert stored.schema["play_count"].dataType.simpleString() == "bigint"
    assert stored.where("release_year = 'SONGFACTS.COM'").count() == 1
    assert stored.where("release_year is null").count() == 577


def test_the_same_content_gives_the_same_version_and_writes_nothing(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec], tmp_path: Path
) -> None:
    contract = contract_of(id="int", name="string")
    rows = [(1, "one"), (2, None), (3, "three")]
    spec = replace(
        open_database(spark.createDataFrame(rows, "id int, name string")), contract=contract
    )
    first = snapshot(spark, spec)
    open_database(spark.createDataFrame(rows[::-1], "id bigint, name string"))

    again = snapshot(spark, replace(spec, attempt="attempt-2"), first.version)

    directories = [each.name for each in (tmp_path / "a lake/reference/things").iterdir()]
    assert again == SnapshotReport("things", first.version, 3, written=False, directory="")
    assert directories == [first.directory] == [f"version={first.version}-attempt-1"]


def test_changed_content_gives_a_new_version_beside_the_old_one(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    contract = contract_of(id="int", name="string")
    spec = open_database(spark.createDataFrame([(1, "one")], "id int, name string"))
    spec = replace(spec, contract=contract)
    first = snapshot(spark, spec)
    open_database(spark.createDataFrame([(1, "uno")], "id int, name string"))

    second = snapshot(spark, replace(spec, attempt="attempt-2"), first.version)

    assert second.written
    assert second.version != first.version
    assert read_back(spark, spec, first).collect() == [Row(id=1, name="one")]
    assert read_back(spark, spec, second).collect() == [Row(id=1, name="uno")]


def test_a_directory_that_no_manifest_names_is_never_written_to_again(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([(1,)], "id int"))
    spec = replace(spec, contract=contract_of(id="int"))
    unrecorded = snapshot(spark, spec)

    again = snapshot(spark, replace(spec, attempt="attempt-2"))

    assert again.version == unrecorded.version
    assert again.directory != unrecorded.directory
    assert read_back(spark, spec, again).collect() == [Row(id=1)]


def test_the_database_is_read_once_so_later_changes_do_not_reach_the_version(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([(1, "old")], "id int, name string"))
    spec = replace(spec, contract=contract_of(id="int", name="string"))

    def exists_after_a_change(version: str) -> bool:
        open_database(spark.createDataFrame([(1, "new"), (2, "new")], "id int, name string"))
        return not version

    report = take_snapshot(spark, spec, exists_after_a_change)

    assert read_back(spark, spec, report).collect() == [Row(id=1, name="old")]


def test_what_reads_back_differently_is_not_reported(
    spark: SparkSession,
    open_database: Callable[[DataFrame], SnapshotSpec],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = open_database(spark.createDataFrame([(1,)], "id int"))
    spec = replace(spec, contract=contract_of(id="int"))
    genuine = DataFrameWriter.parquet

    def write_twice(writer: DataFrameWriter, path: str) -> None:
        genuine(writer, path)
        genuine(writer.mode("append"), path)

    monkeypatch.setattr(DataFrameWriter, "parquet", write_twice)

    with pytest.raises(ReadError, match=r"Expected 1 rows.*read back 2"):
        snapshot(spark, spec)


def test_an_empty_table_is_a_version_with_the_contracts_columns(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([], "id int, name string"))
    spec = replace(spec, contract=contract_of(id="int", name="string"))

    report = snapshot(spark, spec)

    assert (report.rows, report.written) == (0, True)
    assert read_back(spark, spec, report).dtypes == [("id", "int"), ("name", "string")]


def test_the_cache_is_given_back_also_after_a_refusal(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([(1,), (1,)], "id int"))
    spec = replace(spec, contract=contract_of(id="int"))
    held = set(spark.sparkContext._jsc.getPersistentRDDs().keySet())

    with pytest.raises(ReferenceRefused):
        snapshot(spark, spec)

    assert set(spark.sparkContext._jsc.getPersistentRDDs().keySet()) == held


def test_names_with_characters_of_globs_are_no_obstacle(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec], tmp_path: Path
) -> None:
    spec = open_database(spark.createDataFrame([(1,)], "id int"))
    spec = replace(spec, contract=contract_of(id="int"), output=f"file://{tmp_path}/a[b] {{c}}*")

    report = snapshot(spark, spec)

    assert any((tmp_path / "a[b] {c}*" / report.directory).glob("part-*.parquet"))


# --- content hash ---


@pytest.mark.parametrize(
    ("rows", "others"),
    [
        ([(1, None), (2, "a")], [(1, "a"), (2, None)]),
        ([(1, "a")], [(1, "a"), (1, "a")]),
        ([(1, "a"), (1, "a")], [(2, "b"), (2, "b")]),
        ([(1, "")], [(1, None)]),
        ([], [(None, None)]),
    ],
)
def test_different_rows_have_different_versions(
    spark: SparkSession, rows: list[tuple[object, ...]], others: list[tuple[object, ...]]
) -> None:
    schema = "id int, name string"

    assert content_version(spark.createDataFrame(rows, schema)) != content_version(
        spark.createDataFrame(others, schema)
    )


def test_a_null_that_moves_to_the_next_column_changes_the_version(spark: SparkSession) -> None:
    left = spark.createDataFrame([("a", None)], "x string, y string")
    right = spark.createDataFrame([(None, "a")], "x string, y string")

    assert content_version(left) != content_version(right)


def test_the_order_of_rows_and_their_partitions_do_not_change_the_version(
    spark: SparkSession,
) -> None:
    df = spark.range(1000).withColumn("text", F.col("id").cast("string"))

    assert content_version(df) == content_version(df.repartition(7).orderBy(F.desc("id")))


def test_names_and_types_of_columns_are_part_of_the_version(spark: SparkSession) -> None:
    versions = {
        content_version(spark.createDataFrame([(1,)], schema))
        for schema in ("a int", "b int", "a bigint", "a string")
    }

    assert len(versions) == 4


def test_negative_zero_and_nan_do_not_change_the_version(spark: SparkSession) -> None:
    schema = "a double, b float"
    plain = spark.createDataFrame([(0.0, 0.0)], schema)
    negative = spark.createDataFrame([(-0.0, -0.0)], schema)
    nan = spark.createDataFrame([(float("nan"), float("nan"))], schema)
    other_nan = plain.select(
        *(F.expr(f"({c} / {c}) * -1").cast(t).alias(c) for c, t in plain.dtypes)
    )

    assert content_version(plain) == content_version(negative)
    assert content_version(nan) == content_version(
        nan.select(*((-F.col(c)).cast(t).alias(c) for c, t in nan.dtypes))
    )
    assert content_version(plain) != content_version(other_nan)


def test_nulls_inside_nested_columns_change_the_version(spark: SparkSession) -> None:
    schema = "a array<string>, s struct<x:int,y:int>"
    rows = [([], (1, None)), ([None], (1, None)), ([], (None, 1)), (None, (1, None)), ([], None)]

    assert len({content_version(spark.createDataFrame([row], schema)) for row in rows}) == 5


def test_a_map_is_refused_at_any_depth(spark: SparkSession) -> None:
    df = spark.createDataFrame([], "a array<struct<m:map<string,int>>>")

    with pytest.raises(ReferenceRefused, match="`a`: a map has no content hash"):
        content_version(df)


# --- types ---


def test_every_type_of_the_contract_comes_back_from_the_database(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    types = {
        "id": "int", "flag": "boolean", "tiny": "tinyint", "small": "smallint", "big": "bigint",
        "real": "float", "twice": "double", "amount": "decimal(20,4)", "name": "string",
        "raw": "binary", "day": "date", "at": "timestamp",
    }  # fmt: skip
    rows = [
        (1, True, -128, 32767, 2**63 - 1, 0.5, 1e300, Decimal("12345678901234.5678"), "Ünï'\"🎵 ",
         bytearray(b"\x00\xff"), dt.date(1582, 10, 15), LOCAL_NOON),
        (2, *[None] * 11),
    ]  # fmt: skip
    df = spark.createDataFrame(rows, ", ".join(f"{name} {kind}" for name, kind in types.items()))
    spec = replace(open_database(df), contract=contract_of(**types))

    report = snapshot(spark, spec)

    stored = read_back(spark, spec, report)
    assert dict(stored.dtypes) == types
    assert [tuple(row) for row in stored.orderBy("id").collect()] == rows


def test_text_takes_whatever_the_database_has(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    df = spark.sql(
        "select 1 as id, 1.50BD as amount, date'2020-01-02' as day, true as flag,"
        " timestamp'2020-01-02 03:04:05.5' as at"
    )
    contract = contract_of(id="string", amount="string", day="string", flag="string", at="string")
    spec = replace(open_database(df), contract=contract)

    report = snapshot(spark, spec)

    assert read_back(spark, spec, report).collect() == [
        Row(id="1", amount="1.50", day="2020-01-02", flag="true", at="2020-01-02 03:04:05.5")
    ]


def test_the_machines_time_zone_changes_no_timestamp(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    zones = java_zones(spark)
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone("Europe/Berlin"))
    try:
        df = spark.sql("select 1 as id, timestamp'2024-07-01 00:30:00.123456' as at")
        contract = contract_of(id="int", at="timestamp")
        spec = replace(open_database(df), contract=contract)
        report = snapshot(spark, spec)
    finally:
        zones.setDefault(before)

    stored = read_back(spark, spec, report).selectExpr("cast(at as string) as at")
    assert stored.collect() == [Row(at="2024-07-01 00:30:00.123456")]


def test_a_timestamp_becomes_a_date_only_at_midnight(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    df = spark.sql("select 1 as id, timestamp'2024-03-31 00:00:00' as day")
    contract = contract_of(id="int", day="date")
    spec = replace(open_database(df), contract=contract)

    report = snapshot(spark, spec)

    assert read_back(spark, spec, report).collect() == [Row(id=1, day=dt.date(2024, 3, 31))]
    open_database(spark.sql("select 1 as id, timestamp'2024-03-31 00:00:01' as day"))
    with pytest.raises(ReferenceRefused, match="`day`"):
        snapshot(spark, replace(spec, attempt="attempt-2"))


def test_only_declared_columns_are_read_and_case_does_not_matter(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    df = spark.createDataFrame([("secret", "a", 1)], "password string, TrackName string, ID int")
    spec = replace(open_database(df), contract=contract_of(id="int", trackName="string"))

    report = snapshot(spark, spec)

    assert read_back(spark, spec, report).collect() == [Row(id=1, trackName="a")]


def test_a_column_that_the_table_lacks_is_refused_with_those_it_has(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([(1, "a")], "id int, name string"))
    spec = replace(spec, contract=contract_of(id="int", title="string"))

    with pytest.raises(ReferenceRefused, match=r"have title, which it lacks.*columns: id, name\."):
        snapshot(spark, spec)


def test_a_key_that_the_contract_lacks_is_refused(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([(1,)], "id int"))
    spec = replace(spec, contract=contract_of(id="int"), key=("track_id",))

    with pytest.raises(ContractError, match="no column `track_id`"):
        snapshot(spark, spec)


def test_nested_types_are_refused(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([(1,)], "id int"))
    spec = replace(spec, contract=contract_of(id="int", tags="array<string>"))

    with pytest.raises(ContractError, match="`tags` array<string>"):
        snapshot(spark, spec)


def test_values_that_the_contract_cannot_hold_are_refused_by_column_key_and_value(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    rows = [(1, "1982", 1), (2, "SONGFACTS.COM", 2), (3, None, 300), (4, "1982.5", None)]
    spec = open_database(spark.createDataFrame(rows, "id int, release_year string, plays int"))
    contract = Contract(
        (Column("id", "int"), Column("release_year", "int"), Column("plays", "tinyint", False))
    )

    with pytest.raises(ReferenceRefused) as refusal:
        snapshot(spark, replace(spec, contract=contract))

    message = str(refusal.value)
    assert "`release_year` (int), 2 rows: 'SONGFACTS.COM' at id='2'; '1982.5' at id='4'." in message
    assert "`plays` (tinyint not null), 2 rows: '300' at id='3'; null at id='4'." in message


@pytest.mark.parametrize(
    ("have", "value", "want", "holds"),
    [
        ("int", "40000", "smallint", False),
        ("int", "32767", "smallint", True),
        ("int", "2", "boolean", False),
        ("int", "1", "boolean", True),
        ("bigint", "9007199254740993", "double", False),
        ("bigint", "9007199254740992", "double", True),
        ("boolean", "true", "int", True),
        ("decimal(20,0)", "18446744073709551615", "bigint", False),
        ("decimal(20,0)", "9223372036854775807", "bigint", True),
        ("decimal(10,3)", "1.239", "decimal(10,2)", False),
        ("decimal(10,3)", "1.230", "decimal(10,2)", True),
        ("decimal(38,2)", "123456789012.00", "decimal(10,2)", False),
        ("decimal(10,2)", "0.10", "double", True),
        ("double", "1.5", "int", False),
        ("double", "'NaN'", "int", False),
        ("double", "1e300", "float", False),
        ("double", "'Infinity'", "float", True),
        ("double", "0.1", "float", True),
        ("double", "0.1", "decimal(10,2)", True),
        ("double", "0.123", "decimal(10,2)", False),
        ("string", "' 12 '", "int", True),
        ("string", "'1e3'", "int", False),
        ("string", "'1.239'", "decimal(10,2)", False),
        ("string", "'1.20'", "decimal(10,2)", True),
        ("string", "'1e400'", "double", False),
        ("string", "'Infinity'", "double", True),
        ("string", "'2020-02-30'", "date", False),
        ("string", "'2020-02-29'", "date", True),
        ("string", "'2020-02-29 10:00'", "date", False),
        ("string", "'10:00'", "timestamp", False),
        ("string", "'2020-02-29 10:00'", "timestamp", True),
        ("string", "'perhaps'", "boolean", False),
        ("timestamp", "'2020-01-01 00:00:01'", "date", False),
        ("timestamp_ntz", "'2020-01-01'", "date", True),
        ("timestamp_ntz", "'2020-01-01 10:00'", "timestamp", True),
        ("date", "'2020-01-01'", "timestamp", True),
        ("int", "null", "boolean", True),
        ("string", "null", "date", True),
        ("double", "null", "decimal(3,1)", True),
    ],
)
@pytest.mark.parametrize("ansi", ["true", "false"])
def test_a_cast_says_when_it_would_change_a_value(
    spark: SparkSession, have: str, value: str, want: str, holds: bool, ansi: str
) -> None:
    before = spark.conf.get("spark.sql.ansi.enabled")
    spark.conf.set("spark.sql.ansi.enabled", ansi)
    try:
        df = spark.sql(f"select cast({value} as {have}) as `a b`")
        how = fit("a b", df.schema["a b"].dataType, want)
        row = df.select(F.expr(how.typed).alias("typed"), F.expr(how.misfit).alias("misfit"))

        assert row.schema["typed"].dataType.simpleString() == want
        assert row.collect()[0]["misfit"] is (not holds)
    finally:
        spark.conf.set("spark.sql.ansi.enabled", str(before))


def test_a_type_that_cannot_become_another_is_refused(spark: SparkSession) -> None:
    with pytest.raises(ReferenceRefused, match="`x`: the database has binary, which cannot become"):
        fit("x", spark.createDataFrame([], "x binary").schema["x"].dataType, "string")


# --- keys ---


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([(1, "a"), (1, "b"), (2, "c")], "id=1 in 2 rows"),
        ([(None, "a"), (2, "c")], "id=null in 1 rows"),
    ],
)
def test_duplicate_and_null_keys_are_refused(
    spark: SparkSession, rows: list[tuple[object, ...]], named: str
) -> None:
    df = spark.createDataFrame(rows, "id int, name string")

    with pytest.raises(ReferenceRefused, match=named):
        refuse_bad_keys(df, ["id"])


def test_a_key_of_two_columns_is_judged_as_a_whole(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, "a"), (1, "b"), (2, "a")], "id int, side string")

    refuse_bad_keys(df, ["id", "side"])
    with pytest.raises(ReferenceRefused, match="id=2, side=null"):
        refuse_bad_keys(df.union(spark.createDataFrame([(2, None)], df.schema)), ["id", "side"])
    with pytest.raises(ReferenceRefused, match="id=2, side='a' in 2 rows"):
        refuse_bad_keys(df.union(spark.createDataFrame([(2, "a")], df.schema)), ["id", "side"])


def test_keys_that_differ_in_case_or_trailing_blanks_are_different(spark: SparkSession) -> None:
    df = spark.createDataFrame([("a",), ("A",), ("a ",), ("",)], "id string")

    refuse_bad_keys(df, ["id"])


def test_at_most_five_offending_keys_are_named(spark: SparkSession) -> None:
    df = spark.range(7).union(spark.range(7))

    with pytest.raises(ReferenceRefused) as refusal:
        refuse_bad_keys(df, ["id"])

    assert str(refusal.value).count("in 2 rows") == 5
    assert "; and more." in str(refusal.value)


def test_keys_that_only_the_contracts_type_makes_equal_are_refused(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = open_database(spark.createDataFrame([("1",), ("01",)], "id string"))

    with pytest.raises(ReferenceRefused, match="id=1 in 2 rows"):
        snapshot(spark, replace(spec, contract=contract_of(id="int")))


def test_a_reference_without_a_key_is_refused(spark: SparkSession) -> None:
    with pytest.raises(ReferenceRefused, match="at least one key column"):
        refuse_bad_keys(spark.range(1), [])


# --- key ranges ---


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        ("int", "cast(id * id as int)"),
        ("decimal(12,2)", "cast(id * 1.25 - 300 as decimal(12,2))"),
        ("date", "date_add(date'1999-12-31', cast(id as int))"),
        ("string", "concat('it''s \\\\', 997 - id)"),
    ],
)
def test_key_ranges_are_even_and_read_every_row_once(
    spark: SparkSession,
    open_database: Callable[[DataFrame], SnapshotSpec],
    kind: str,
    expression: str,
) -> None:
    rows = spark.range(900).orderBy(F.xxhash64("id")).select(F.expr(expression).alias("id"))
    nulls = spark.createDataFrame([(None,)] * 20, f"id {kind}")
    spec = open_database(rows.union(nulls).coalesce(1))
    spec = replace(spec, contract=contract_of(id=kind), ranges=3, one_range_rows=100)

    df = read_reference(spark, spec)

    sizes = [len(part) for part in df.rdd.glom().collect()]
    assert sizes == [320, 300, 300]
    assert df.where("id is null").count() == 20
    assert df.where("id is not null").distinct().count() == 900


def test_a_small_table_is_read_in_one_range(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = replace(open_database(spark.range(50).toDF("id")), contract=contract_of(id="bigint"))

    assert read_reference(spark, spec).rdd.getNumPartitions() == 1


def test_a_table_with_fewer_rows_than_ranges_is_read_whole(
    spark: SparkSession, open_database: Callable[[DataFrame], SnapshotSpec]
) -> None:
    spec = replace(
        open_database(spark.createDataFrame([(7,), (None,)], "id int")),
        contract=contract_of(id="int"),
        ranges=5,
        one_range_rows=0,
    )

    assert sorted(read_reference(spark, spec).collect(), key=str) == [Row(id=7), Row(id=None)]


def test_keys_without_ranges_and_single_ranges_ask_the_database_nothing(
    spark: SparkSession,
) -> None:
    nowhere = {"url": "jdbc:derby:nowhere"}
    double = spark.createDataFrame([], "x double").schema["x"].dataType
    whole = spark.createDataFrame([], "x int").schema["x"].dataType

    assert key_predicates(spark, nowhere, "T", ("x", double), (4, 0)) == []
    assert key_predicates(spark, nowhere, "T", ("x", whole), (1, 0)) == []


def test_ranges_are_half_open_and_the_first_takes_the_nulls() -> None:
    assert range_predicates('"k"', ["3", "7"]) == [
        '"k" < 3 OR "k" IS NULL',
        '"k" >= 3 AND "k" < 7',
        '"k" >= 7',
    ]


def test_a_url_under_which_spark_quotes_names_as_text_is_refused(spark: SparkSession) -> None:
    jdbc = {"url": "jdbc:mariadb://db/radio", "driver": "x", "password": "secret"}
    spec = SnapshotSpec("t", "T", ("id",), contract_of(id="int"), "file:///x", "a", jdbc)

    with pytest.raises(ReferenceRefused, match="Use jdbc:mysql:"):
        read_reference(spark, spec)
    assert "secret" not in repr(spec)
