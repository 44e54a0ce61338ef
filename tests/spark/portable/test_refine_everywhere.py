"""A refine of every type of column and of every kind of bad input, on whatever Spark is installed.

What comes out is held to what is expected here, and is written as canonical text into the folder
that `LAKE_PORTABLE_OUT` names, so that several Sparks can be compared byte for byte. Only pytest and
pyspark are needed, and Python 3.9.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from spark.contract import Column, Contract
from spark.refining import RefineReport, run_refine
from spark.spec import CleanSpec, JoinSpec, PartitionInput, RawObject, RawSpec, RefineSpec

RAW = Contract(
    (
        Column("id", "string", nullable=False),
        Column("a_boolean", "boolean"),
        Column("a_tinyint", "tinyint"),
        Column("a_smallint", "smallint"),
        Column("an_int", "int"),
        Column("a_bigint", "bigint"),
        Column("a_float", "float"),
        Column("a_double", "double"),
        Column("a_decimal", "decimal(20,4)"),
        Column("a_string", "string"),
        Column("a_binary", "binary"),
        Column("a_date", "date"),
        Column("a_timestamp", "timestamp"),
        Column("an_array", "array<int>"),
        Column("a_map", "map<string,bigint>"),
        Column("a_struct", "struct<x:int,y:array<struct<z:string>>>"),
        Column("to_cast", "string"),
        Column("to_drop", "string"),
        Column("song_id", "int"),
    )
)
SONGS = Contract(
    (
        Column("song_id", "int", nullable=False),
        Column("title", "string"),
        Column("price", "decimal(6,2)"),
        Column("since", "timestamp"),
    )
)
TAKEN = {"title": "song_title", "price": "price", "since": "since"}

FULL: dict[str, object] = {
    "id": "full",
    "a_boolean": True,
    "a_tinyint": -128,
    "a_smallint": 32767,
    "an_int": -2147483648,
    "a_bigint": 9223372036854775807,
    "a_float": 1.5,
    "a_double": -2.2250738585072014e-308,
    "a_decimal": 1234567890123456.7891,
    "a_string": 'quotes " and \\ and }{ and 𝄞 and \u0000 and \n',
    "a_binary": "AAECAw==",
    "a_date": "1969-12-31",
    "a_timestamp": "2024-02-29 23:59:59.123456",
    "an_array": [1, None, -3],
    "a_map": {"k": 1},
    "a_struct": {"x": 1, "y": [{"z": "deep"}, None]},
    "to_cast": " 42 ",
    "to_drop": "gone",
    "song_id": 1,
}
#: Each is one of the partition's documents; those that are texts are no whole documents.
DOCUMENTS: list[object] = [
    FULL,
    {"id": "nulls", **{name: None for name in RAW.names if name != "id"}},
    {"id": "bare"},
    {"id": "unknown key", "surprise": {"a": 1}},
    {**FULL, "a_string": "delivered again"},
    {"id": "turned away by the filter", "an_int": 0},
    {"id": "tinyint overflow", "a_tinyint": 128},
    {"id": "int overflow", "an_int": 2147483648},
    {"id": "bigint overflow", "a_bigint": 9223372036854775808},
    {"id": "decimal overflow", "a_decimal": 1e17},
    '{"id": "double overflow", "a_double": -1e400}',
    '{"id": "float overflow", "a_float": 1e39}',
    {"id": "infinite", "a_double": float("inf"), "a_float": float("-inf")},
    {"id": "half a character", "a_string": "\ud834 \udd1e"},
    {"id": "no escape", "a_string": "\\ud834"},
    {"id": "no boolean", "a_boolean": "yes"},
    {"id": "no int", "an_int": "12"},
    {"id": "fraction for an int", "an_int": 1.5},
    {"id": "no date", "a_date": "2024-02-30"},
    {"id": "no timestamp", "a_timestamp": "yesterday"},
    {"id": "timestamp with zone", "a_timestamp": "2024-02-29T23:59:59.5+09:00"},
    {"id": "timestamp without time", "a_timestamp": "2024-02-29"},
    {"id": "old timestamp", "a_timestamp": "1582-10-04 00:00:00"},
    {"id": "no array", "an_array": {"a": 1}},
    {"id": "wrong element", "an_array": [1, "two"]},
    {"id": "wrong field", "a_struct": {"x": "one"}},
    {"id": "cannot be cast", "to_cast": "4.5", "song_id": 1},
    {"id": "overflows the cast", "to_cast": "2147483648", "song_id": 1},
    {"id": "no song", "song_id": 99},
    {"id": "number for text", "a_string": 7},
    {"id": "object for text", "a_string": {"a": [1, 2.50]}},
    {"id": None, "a_string": "required, and null"},
    {"a_string": "required, and missing"},
    {"id": "last", "an_int": 5},
]
#: Such as a fast reader takes without a word, among others that it may.
NUMBERS: list[object] = [
    {"id": "one number"},
    '{"id": "huge number", "a_double": 1e999}',
    '{"id": "lone half", "a_string": "\\udd1e"}',
    {"id": "whole character", "a_string": "𝄞"},
    {"id": "infinite number", "a_double": float("-inf")},
]
CUT_SHORT = '{"id": "cut short", "a_string": "'
WITHOUT_SONG = {
    *("packed", "line 2", "an array", "infinite", "infinite number", "no escape"),
    *("whole character", "one number"),
}
GARBAGE = "\x07 garbage {not json} ["


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where canonical files go."""
    named = os.environ.get("LAKE_PORTABLE_OUT")
    folder = Path(named) if named else tmp_path_factory.mktemp("portable")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def encoded(documents: list[object], separator: str) -> bytes:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in documents]
    return separator.join(texts).encode()


def raw_objects(folder: Path) -> list[RawObject]:
    """Objects of every layout, the bad documents at the end of each."""
    contents = {
        "concatenated.json": encoded([*DOCUMENTS, CUT_SHORT], ""),
        "garbage.json": encoded([{"id": "before garbage"}, GARBAGE, {"id": "after garbage"}], ""),
        "latin1.json": b'{"id": "whole"}{"id": "caf\xe9"}',
        "lines.json": encoded([{"id": f"line {n}"} for n in range(3)], "\n"),
        "numbers.json": encoded(NUMBERS, "\n"),
        "one.json.gz": gzip.compress(encoded([{"id": "packed"}], ""), mtime=0),
        "pretty.json": json.dumps([{"id": "in"}, {"id": "an array"}], indent=2).encode(),
        # stored, not deflated, so that any zlib cuts it at the same place
        "torn.json.gz": gzip.compress(encoded([{"id": "torn"}] * 9, ""), 0, mtime=0)[:-12],
        "void.json": b"",
    }
    found = []
    for name, content in sorted(contents.items()):
        path = folder / name
        path.write_bytes(content)
        found.append(RawObject(f"in/{name}", f"file://{path}", len(content)))
    return found


def published() -> Contract:
    joined = (
        *RAW.columns,
        *(dataclasses.replace(SONGS.column(n), name=a) for n, a in TAKEN.items()),
    )
    kept = Contract(joined).without(["to_drop"])
    return kept.renamed({"to_cast": "an_int_from_text"}).with_types({"an_int_from_text": "int"})


def specification(folder: Path, songs: Path, unmatched: str) -> RefineSpec:
    raw = folder / "raw"
    raw.mkdir()
    objects = raw_objects(raw)
    key = "2024-02-29-23"
    return RefineSpec(
        table="everything",
        attempt="1",
        partitions=(
            PartitionInput(key, {"dt": "2024-02-29", "hour": "23"}, tuple(objects)),
            PartitionInput("2024-03-01-00", {"dt": "2024-03-01", "hour": "00"}, ()),
        ),
        raw=RawSpec("json", RAW),
        row_filter="an_int IS NULL OR an_int <> 0",
        deduplicate=("id",),
        joins=(
            JoinSpec("songs", f"file://{songs}", SONGS, {"song_id": "song_id"}, TAKEN, unmatched),
        ),
        clean=CleanSpec(
            None, ("to_drop",), {"to_cast": "an_int_from_text"}, {"an_int_from_text": "int"}
        ),
        published=published(),
        output=f"file://{folder}/refined",
        quarantine=f"file://{folder}/quarantine",
    )


@dataclasses.dataclass(frozen=True)
class Refined:
    """A refine that has run, and where."""

    report: RefineReport
    folder: Path
    spec: RefineSpec

    @property
    def rows(self) -> Path:
        """Where the first partition's published rows lie."""
        return self.folder / "refined" / self.report.partitions[0].directory


@pytest.fixture(scope="module", params=["keep", "quarantine", "drop"])
def refined(
    request: pytest.FixtureRequest,
    spark: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> Refined:
    """A refine for each choice of what becomes of unmatched rows."""
    folder = tmp_path_factory.mktemp(request.param)
    songs = folder / "songs"
    rows = "(1, 'One', 9.99, timestamp'2001-09-11 08:46:40.000001'), (2, null, null, null)"
    table = spark.sql(f"SELECT * FROM VALUES {rows} AS t(song_id, title, price, since)")
    typed = table.select(*[table[c.name].cast(c.type).alias(c.name) for c in SONGS.columns])
    typed.coalesce(1).write.parquet(str(songs))
    spec = specification(folder, songs, request.param)
    again = RefineSpec.from_json(spec.to_json())
    return Refined(run_refine(spark, again), folder, spec)


def lines(rows: DataFrame, *names: str) -> list[str]:
    """Rows as JSON, one a line, in an order that does not depend on how they came."""
    options = {"ignoreNullFields": "false", "timestampFormat": "yyyy-MM-dd HH:mm:ss.SSSSSS"}
    chosen = rows.select(*names) if names else rows
    found = chosen.selectExpr(f"to_json(struct(*), map({_sql_map(options)})) AS line").collect()
    return sorted(row["line"] for row in found)


def _sql_map(options: dict[str, str]) -> str:
    return ", ".join(f"'{name}', '{value}'" for name, value in options.items())


def parquet_schemas(spark: SparkSession, folder: Path) -> list[str]:
    """The schema of each Parquet file as its footer has it, without what only its writer reads."""
    jvm = spark._jvm
    assert jvm is not None
    found = set()
    for file in sorted(folder.rglob("*.parquet")):
        path = jvm.org.apache.hadoop.fs.Path(str(file))
        configuration = spark.sparkContext._jsc.hadoopConfiguration()
        source = jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(path, configuration)
        reader = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(source)
        try:
            found.add(str(reader.getFooter().getFileMetaData().getSchema().toString()))
        finally:
            reader.close()
    return sorted(found)


def choice(refined: Refined) -> str:
    return refined.spec.joins[0].unmatched


def test_published_rows_are_the_same_everywhere(
    spark: SparkSession, refined: Refined, out: Path
) -> None:
    rows = spark.read.schema(refined.spec.published.spark_schema()).parquet(str(refined.rows))

    found = lines(rows)

    (out / f"published_{choice(refined)}.jsonl").write_text(
        "\n".join(found) + "\n", encoding="utf-8"
    )
    by_id = {row["id"]: row for row in (json.loads(line) for line in found)}
    assert len(by_id) == len(found)
    assert by_id.keys() >= {"full", *WITHOUT_SONG} - _unmatched(refined)
    assert not by_id.keys() & {"double overflow", "float overflow", "huge number", "lone half"}
    full = by_id["full"]
    assert full["a_bigint"] == 9223372036854775807
    assert full["a_timestamp"] == "2024-02-29 23:59:59.123456"
    assert full["a_string"] == FULL["a_string"]
    assert full["a_struct"] == FULL["a_struct"]
    assert full["an_int_from_text"] == 42
    assert (full["song_title"], full["price"]) == ("One", 9.99)
    assert "to_drop" not in full


def _unmatched(refined: Refined) -> set[str]:
    """Without a song of their own, most documents are published only where that is no matter."""
    return set() if choice(refined) == "keep" else WITHOUT_SONG


def test_parquet_types_are_the_same_everywhere(
    spark: SparkSession, refined: Refined, out: Path
) -> None:
    (schema,) = parquet_schemas(spark, refined.rows)

    (out / f"schema_{choice(refined)}.txt").write_text(schema, encoding="utf-8")
    for expected in (
        "int32 a_tinyint (INTEGER(8,true))",
        "int32 a_smallint (INTEGER(16,true))",
        "a_decimal (DECIMAL(20,4))",
        "int32 a_date (DATE)",
        "int64 a_timestamp (TIMESTAMP(MICROS,true))",
        "optional int32 an_int_from_text;",
        "price (DECIMAL(6,2))",
    ):
        assert expected in schema


def test_quarantined_documents_are_the_same_everywhere(
    spark: SparkSession, refined: Refined, out: Path
) -> None:
    folder = refined.folder / "quarantine"
    rows = spark.read.parquet(str(folder))

    found = lines(rows, "source_object", "document", "reason")

    (out / f"quarantine_{choice(refined)}.jsonl").write_text(
        "\n".join(found) + "\n", encoding="utf-8"
    )
    (out / f"quarantine_schema_{choice(refined)}.txt").write_text(
        "\n".join(parquet_schemas(spark, folder)), encoding="utf-8"
    )
    told = [json.loads(line) for line in found]
    assert all(each["reason"] for each in told)
    documents = [each["document"] for each in told]
    for identifier in (
        *("tinyint overflow", "no date", "wrong element", "cannot be cast", "caf"),
        *("double overflow", "float overflow", "half a character", "huge number", "lone half"),
    ):
        assert sum(f'"id": "{identifier}' in text for text in documents) == 1, identifier
    unmatched = [each for each in told if "no row of songs" in each["reason"]]
    assert bool(unmatched) == (choice(refined) == "quarantine")


def test_ledgers_are_the_same_everywhere_and_account_for_everything(
    spark: SparkSession, refined: Refined, out: Path
) -> None:
    ledgers = {each.key: each.ledger for each in refined.report.partitions}

    text = json.dumps({key: each.to_json() for key, each in ledgers.items()}, indent=2)

    (out / f"ledger_{choice(refined)}.json").write_text(text + "\n", encoding="utf-8")
    full, empty = ledgers["2024-02-29-23"], ledgers["2024-03-01-00"]
    assert empty.documents == empty.accounted == 0
    assert full.documents == full.accounted
    assert full.duplicates == 1 + 7  # delivered again; torn
    assert full.filtered == 1
    assert full.published == _count(spark, refined.rows)
    assert sum(full.quarantined.values()) == _count(spark, refined.folder / "quarantine")
    assert bool(full.dropped) == (choice(refined) == "drop")


def _count(spark: SparkSession, folder: Path) -> int:
    return spark.read.parquet(str(folder)).count()


def test_unknown_keys_are_reported_everywhere(refined: Refined) -> None:
    assert refined.report.partitions[0].unknown_keys == ("surprise",)
