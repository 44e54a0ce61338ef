from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.attempts import FileEntry, refined_prefix
from resources.catalog.base import Pointer, TableEntry
from resources.catalog.local import LocalCatalog
from resources.catalog.query import connect, duckdb_type, run_sql
from resources.errors import CatalogError
from resources.storage import FolderStorage, Storage
from spark.contract import Column, Contract
from spark.errors import ContractError

Row = Mapping[str, object]
MakeLake = Callable[..., "Lake"]
ID, TITLE = Column("id", "bigint"), Column("title", "string")
RADIO = TableEntry("radio", Contract((ID, TITLE)), ("dt", "hour"))
SCHEMA = pa.schema([("id", pa.int64()), ("title", pa.string())])
MIDNIGHT = {"dt": "2014-06-16", "hour": "00"}
FIVE = {"dt": "2014-06-16", "hour": "05"}


class Lake:
    """A catalog with its storage, filled without Spark."""

    def __init__(self, root: Path, *tables: TableEntry, storage: Storage | None = None) -> None:
        self.storage = storage or FolderStorage(root)
        self.catalog = LocalCatalog(str(root), self.storage)
        for table in tables:
            self.catalog.ensure_table(table)

    def publish(
        self,
        rows: Sequence[Row],
        attempt: str = "a",
        values: Mapping[str, str] = FIVE,
        table: str = "radio",
        schema: pa.Schema = SCHEMA,
    ) -> Pointer:
        """Publish one Parquet file a row, and none for no rows."""
        directory = "/".join(
            [refined_prefix(table, attempt), *(f"{k}={v}" for k, v in values.items())]
        )
        files = [
            self._write(f"{directory}/part-{number}.parquet", row, schema)
            for number, row in enumerate(rows)
        ]
        pointer = Pointer(
            partition="-".join(values.values()),
            values=dict(values),
            attempt=attempt,
            directory=directory,
            files=files,
            rows=len(files),
            bytes=sum(file.bytes for file in files),
            ledger={},
            inputs={},
        )
        self.catalog.publish(table, pointer)
        return pointer

    def sql(self, query: str) -> list[tuple[object, ...]]:
        table = run_sql(self.catalog, self.storage, query)
        return [tuple(row.values()) for row in table.to_pylist()]

    def _write(self, key: str, row: Row, schema: pa.Schema) -> FileEntry:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([row], schema=schema), sink)
        data = sink.getvalue().to_pybytes()
        self.storage.write(key, data)
        return FileEntry(key, 1, len(data))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", RADIO)


@pytest.fixture(params=["folder", "s3"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> MakeLake:
    """Makes a lake in a folder, or one on S3 whose catalog is in a folder."""
    storage = request.getfixturevalue("s3_lake") if request.param == "s3" else None
    return lambda *tables: Lake(tmp_path / "lake", *tables, storage=storage)


def test_published_rows_come_with_contract_columns_then_partition_columns(
    anywhere: MakeLake,
) -> None:
    lake = anywhere(RADIO)
    lake.publish([{"id": 1, "title": "one"}, {"id": None, "title": None}])
    lake.publish([{"id": 2, "title": "two"}], values=MIDNIGHT)
    table = run_sql(lake.catalog, lake.storage, "SELECT * FROM radio ORDER BY hour, id")
    assert table.column_names == ["id", "title", "dt", "hour"]
    assert [str(type_) for type_ in table.schema.types] == ["int64", "string", "string", "string"]
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (2, "two", "2014-06-16", "00"),
        (1, "one", "2014-06-16", "05"),
        (None, None, "2014-06-16", "05"),
    ]


def test_only_the_files_of_current_pointers_are_read(lake: Lake) -> None:
    lake.publish([{"id": 1, "title": "old"}], attempt="a")
    pointer = lake.publish([{"id": 1, "title": "new"}], attempt="b")
    stray = Path(lake.storage.root, pointer.directory, "part-stray.parquet")
    pq.write_table(pa.Table.from_pylist([{"id": 9, "title": "stray"}], schema=SCHEMA), stray)
    assert lake.sql("SELECT title FROM radio") == [("new",)]
    lake.catalog.rollback("radio", [pointer.partition])
    assert lake.sql("SELECT title FROM radio") == [("old",)]


def test_partition_columns_are_the_pointers_and_not_the_paths(anywhere: MakeLake) -> None:
    lake = anywhere(RADIO)
    pointer = lake.publish([{"id": 1, "title": "one"}])
    odd = {"dt": 'it\'s "quoted"', "hour": "5"}
    moved = replace(pointer, partition="other", attempt="b", values=odd)
    lake.catalog.publish("radio", moved)
    lake.catalog.publish("radio", replace(pointer, attempt="c", values=odd))
    assert lake.sql("SELECT DISTINCT dt, hour FROM radio") == [('it\'s "quoted"', "5")]


def test_a_filter_on_partition_columns_opens_only_their_files(anywhere: MakeLake) -> None:
    lake = anywhere(RADIO)
    pointer = lake.publish([{"id": 1, "title": "one"}])
    lake.publish([{"id": 2, "title": "two"}], values=MIDNIGHT)
    lake.storage.write(pointer.files[0].key, b"no Parquet at all")
    assert lake.sql("SELECT id FROM radio WHERE hour = '00'") == [(2,)]


def test_a_table_with_nothing_published_has_its_columns_and_no_rows(anywhere: MakeLake) -> None:
    lake = anywhere(RADIO)
    table = run_sql(lake.catalog, lake.storage, "SELECT * FROM radio")
    assert table.num_rows == 0
    assert table.column_names == ["id", "title", "dt", "hour"]


def test_a_table_with_only_empty_partitions_has_no_rows(anywhere: MakeLake) -> None:
    lake = anywhere(RADIO)
    lake.publish([])
    assert lake.sql("SELECT count(*), count(hour) FROM radio") == [(0, 0)]


def test_a_table_without_partition_columns_is_read_whole(anywhere: MakeLake) -> None:
    lake = anywhere(replace(RADIO, partition_columns=()))
    lake.publish([{"id": 1, "title": "one"}, {"id": 2, "title": "two"}], values={})
    assert lake.sql("SELECT * FROM radio ORDER BY id") == [(1, "one"), (2, "two")]


def test_files_of_an_older_contract_are_read_as_the_newer_one(anywhere: MakeLake) -> None:
    lake = anywhere(RADIO)
    lake.publish([{"id": 1, "title": "old"}], schema=pa.schema([("id", "int32"), TITLE_FIELD]))
    tags = Column("tags", "map<string,array<int>>")
    lake.catalog.ensure_table(replace(RADIO, contract=Contract((ID, TITLE, tags))))
    tag_type = pa.map_(pa.string(), pa.list_(pa.int32()))
    shuffled = pa.schema([("tags", tag_type), TITLE_FIELD, ("id", pa.int64())])
    row = {"id": 2**40, "title": "new", "tags": [("k", [1])]}
    lake.publish([row], values=MIDNIGHT, schema=shuffled)
    assert lake.sql("SELECT id, title, tags, typeof(id) FROM radio ORDER BY id") == [
        (1, "old", None, "BIGINT"),
        (2**40, "new", [("k", [1])], "BIGINT"),
    ]


TITLE_FIELD = ("title", pa.string())
EVERY_TYPE: list[tuple[str, str, pa.DataType, object]] = [
    ("boolean", "BOOLEAN", pa.bool_(), True),
    ("tinyint", "TINYINT", pa.int8(), -128),
    ("smallint", "SMALLINT", pa.int16(), -(2**15)),
    ("int", "INTEGER", pa.int32(), -(2**31)),
    ("bigint", "BIGINT", pa.int64(), -(2**63)),
    ("float", "FLOAT", pa.float32(), 0.5),
    ("double", "DOUBLE", pa.float64(), 0.1),
    ("decimal(38,2)", "DECIMAL(38,2)", pa.decimal128(38, 2), Decimal("1.50")),
    ("string", "VARCHAR", pa.string(), "라디오"),
    ("binary", "BLOB", pa.binary(), b"\x00\xff"),
    ("date", "DATE", pa.date32(), date(2014, 6, 16)),
    (
        "timestamp",
        "TIMESTAMP WITH TIME ZONE",
        pa.timestamp("us", "UTC"),
        datetime(2014, 6, 16, 5, 0, 0, 1, tzinfo=UTC),
    ),
    ("array<date>", "DATE[]", pa.list_(pa.date32()), [date(2014, 6, 16), None]),
    (
        "map<string,decimal(10,2)>",
        "MAP(VARCHAR, DECIMAL(10,2))",
        pa.map_(pa.string(), pa.decimal128(10, 2)),
        [("k", Decimal("1.50"))],
    ),
    (
        "struct<a:int,order:array<struct<b:timestamp>>>",
        'STRUCT("a" INTEGER, "order" STRUCT("b" TIMESTAMP WITH TIME ZONE)[])',
        pa.struct(
            [
                ("a", pa.int32()),
                ("order", pa.list_(pa.struct([("b", pa.timestamp("us", "UTC"))]))),
            ]
        ),
        {"a": 1, "order": [{"b": datetime(2014, 6, 16, tzinfo=UTC)}, None]},
    ),
]


@pytest.mark.parametrize(
    ("type_", "expected", "arrow", "value"), EVERY_TYPE, ids=[each[0] for each in EVERY_TYPE]
)
def test_every_contract_type_is_read_and_is_typed_before_the_first_row(
    anywhere: MakeLake, type_: str, expected: str, arrow: pa.DataType, value: object
) -> None:
    assert duckdb_type(type_) == expected
    lake = anywhere(replace(RADIO, contract=Contract((Column("c", type_),))))
    empty = run_sql(lake.catalog, lake.storage, "SELECT c FROM radio")
    lake.publish([{"c": value}, {"c": None}], schema=pa.schema([("c", arrow)]))
    full = run_sql(lake.catalog, lake.storage, "SELECT c FROM radio ORDER BY c NULLS LAST")
    assert [row["c"] for row in full.to_pylist()] == [value, None]
    assert full.schema == empty.schema
    if pa.types.is_timestamp(arrow):
        assert full.schema.field("c").type == pa.timestamp("us", "UTC")


def test_a_type_that_is_none_is_a_contract_error() -> None:
    with pytest.raises(ContractError):
        duckdb_type("unsigned int")


@pytest.mark.parametrize("name", ["order", 'my "table"', "it's", "라디오", "a.b", "Radio; DROP"])
def test_any_name_of_a_table_or_column_works(anywhere: MakeLake, name: str) -> None:
    contract = Contract((Column(f"{name} c", "int"), Column("filename", "string")))
    lake = anywhere(TableEntry(name, contract, (f"{name} p", "file")))
    row: Row = {f"{name} c": 7, "filename": "mine"}
    schema = pa.schema([(f"{name} c", pa.int32()), ("filename", pa.string())])
    values = {f"{name} p": "x", "file": "y"}
    lake.publish([row], values=values, table=name, schema=schema)
    quoted = '"' + name.replace('"', '""') + '"'
    table = run_sql(lake.catalog, lake.storage, f"SELECT * FROM {quoted}")
    assert table.to_pylist() == [{**row, **values}]


@pytest.mark.parametrize("folder", ["a b", "[ab]", "*", "a?", "{a,b}", "it's", "100%", "#+=", "라"])
def test_a_lake_may_lie_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    for decoy in ("a", "b", "ab"):
        Lake(tmp_path / decoy, RADIO).publish([{"id": 9, "title": "decoy"}])
    lake = Lake(tmp_path / folder, RADIO)
    lake.publish([{"id": 1, "title": "one"}])
    assert lake.sql("SELECT id, hour FROM radio") == [(1, "05")]


def test_tables_can_be_joined(anywhere: MakeLake) -> None:
    lake = anywhere(RADIO, replace(RADIO, name="other"))
    lake.publish([{"id": 1, "title": "one"}])
    lake.publish([{"id": 1, "title": "eins"}], table="other")
    query = "SELECT r.title, o.title AS other FROM radio r JOIN other o USING (id, dt, hour)"
    assert lake.sql(query) == [("one", "eins")]


def test_an_open_connection_keeps_what_it_saw_when_others_publish(anywhere: MakeLake) -> None:
    lake = anywhere(RADIO)
    lake.publish([{"id": 1, "title": "old"}], attempt="a")
    with connect(lake.catalog, lake.storage) as connection:
        lake.publish([{"id": 1, "title": "new"}], attempt="b")
        lake.publish([{"id": 2, "title": "new"}], values=MIDNIGHT)
        assert connection.sql("SELECT title FROM radio").fetchall() == [("old",)]
        assert connection.cursor().sql("SELECT title FROM radio").fetchall() == [("old",)]
    assert lake.sql("SELECT title FROM radio ORDER BY id") == [("new",), ("new",)]


def test_timestamps_are_in_utc_wherever_the_query_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    lake = Lake(tmp_path, replace(RADIO, contract=Contract((Column("seen", "timestamp"),))))
    schema = pa.schema([("seen", pa.timestamp("us", "UTC"))])
    lake.publish([{"seen": datetime(2014, 6, 16, 23, 30, tzinfo=UTC)}], schema=schema)
    assert lake.sql("SELECT seen::VARCHAR, hour(seen), seen::DATE FROM radio") == [
        ("2014-06-16 23:30:00+00", 23, date(2014, 6, 16))
    ]


def _broken_sql() -> list[tuple[str, str]]:
    return [
        ("SELECT * FROM rado", r"Table with name rado does not exist.*Published tables: \"radio\""),
        ("SELECT nope FROM radio", r"column \"nope\" not found"),
        ("SELEC 1", r"syntax error at or near \"SELEC\".*LINE 1: SELEC 1\n\s+\^"),
        ("SELECT title::INT FROM radio", "Could not convert string 'one' to INT32"),
    ]


@pytest.mark.parametrize(("query", "message"), _broken_sql())
def test_a_query_that_fails_says_why_and_where(lake: Lake, query: str, message: str) -> None:
    lake.publish([{"id": 1, "title": "one"}])
    with pytest.raises(CatalogError, match=f"(?s){message}"):
        lake.sql(query)


def test_an_empty_lake_answers_sql(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.sql("SELECT 1 AS one") == [(1,)]
    with pytest.raises(CatalogError, match="Published tables: none yet"):
        lake.sql("SELECT * FROM radio")


@pytest.mark.slow
def test_ten_thousand_files_are_read_exactly(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    for day in range(100):
        rows: list[Row] = [{"id": day, "title": str(number)} for number in range(100)]
        lake.publish(rows, values={"dt": f"day {day:02d}", "hour": "00"})
    started = datetime.now(UTC)
    figures = lake.sql("SELECT count(*), sum(id), count(DISTINCT dt) FROM radio")
    record_property("seconds", (datetime.now(UTC) - started).total_seconds())
    assert figures == [(10_000, 495_000, 100)]
    assert lake.sql("SELECT count(*), min(id) FROM radio WHERE dt = 'day 07'") == [(100, 7)]
