"""Files of every type as frames of Spark, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from resources.errors import StorageError
from resources.explore_files import read_files
from resources.explore_save import save_frame
from resources.storage import FolderStorage
from spark.errors import SPARK_FAILURES

ROWS = [("a1", "한빛마을", 120), ("a2", "더샾", None)]
TYPES = {"code": "string", "name": "string", "flats": "int"}
CSV = "code,name,flats\na1,한빛마을,120\na2,더샾,\n"


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, "code string, name string, flats int")


def found(frame: DataFrame) -> list[tuple[object, ...]]:
    return sorted(tuple(row) for row in frame.collect())


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode(encoding))
    return str(folder)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "orc", "xml"])
def test_what_was_saved_is_read_again(
    spark: SparkSession, rows: DataFrame, tmp_path: Path, kind: str
) -> None:
    address = save_frame(FolderStorage(tmp_path), rows, "danji", kind)
    options = {"rowTag": "row"} if kind == "xml" else {}
    frame = read_files(spark, address, columns=TYPES, options=options)
    assert frame.columns == list(TYPES)
    assert found(frame) == ROWS


def test_avro_is_fetched_when_it_is_asked_for(
    spark: SparkSession, rows: DataFrame, tmp_path: Path
) -> None:
    try:
        address = save_frame(FolderStorage(tmp_path), rows, "danji", "avro")
    except StorageError as error:
        assert "from Maven Central" in str(error)  # noqa: PT017 the sentence where there is no network
        pytest.skip(str(error))
    assert found(read_files(spark, address)) == ROWS


def test_text_is_a_column_of_lines_in_any_encoding(spark: SparkSession, tmp_path: Path) -> None:
    place = write(tmp_path, "a.txt", "한빛\n더샾\n", "cp949")
    assert found(read_files(spark, place, encoding="CP949")) == [("더샾",), ("한빛",)]


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ("CP949", "cp949"),
        ("uhc", "cp949"),
        ("UTF-16", "utf-16"),
        ("UTF-8", "utf-8-sig"),
        ("Shift_JIS", "shift_jis"),
    ],
)
def test_a_csv_of_any_encoding(
    spark: SparkSession, tmp_path: Path, declared: str, written: str
) -> None:
    text = CSV if written != "shift_jis" else CSV.replace("한빛마을", "東京").replace("더샾", "京")
    place = write(tmp_path, "a.csv", text, written)
    frame = read_files(spark, place, encoding=declared, columns=TYPES)
    assert frame.columns == ["code", "name", "flats"]
    names = [row.name for row in frame.orderBy("code").collect()]
    assert names == (["東京", "京"] if written == "shift_jis" else ["한빛마을", "더샾"])


def test_json_of_another_encoding(spark: SparkSession, tmp_path: Path) -> None:
    place = write(tmp_path, "a.json", '{"name": "더샾"}\n{"name": "b"}\n', "cp949")
    assert found(read_files(spark, place, encoding="CP949")) == [("b",), ("더샾",)]


def test_another_encoding_than_declared_names_file_line_and_what_it_may_be(
    spark: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path, "a.csv", "code,name\na1,plain\n")
    place = write(tmp_path, "b.csv", CSV.replace("한빛마을", "plain"), "cp949")
    with pytest.raises(StorageError, match=r"line 3 of file:\S*/b\.csv.*'a2,더샾,' in cp949"):
        read_files(spark, place)
    with pytest.raises(StorageError, match=r"Expected text in EUC-KR.*line 3 of"):
        read_files(spark, f"{place}/b.csv", encoding="EUC-KR")


def test_utf_8_that_was_declared_as_something_else_is_refused(
    spark: SparkSession, tmp_path: Path
) -> None:
    place = write(tmp_path, "a.csv", CSV)
    with pytest.raises(StorageError, match=r"which is UTF-8 throughout. Leave `encoding` out"):
        read_files(spark, place, encoding="ISO-8859-1")
    with pytest.raises(StorageError, match=r"Expected an encoding that Java knows.*'cp-949x'"):
        read_files(spark, place, encoding="cp-949x")


def test_a_column_that_appears_twice_is_named_with_its_file(
    spark: SparkSession, tmp_path: Path
) -> None:
    place = write(tmp_path / "csv", "a.csv", "id,name,ID\n1,a,2\n")
    with pytest.raises(StorageError, match=r"'id' as columns 1, 3 in line 1 of file:\S*a\.csv"):
        read_files(spark, place)
    assert read_files(spark, place, options={"header": "false"}).columns == ["_c0", "_c1", "_c2"]
    place = write(tmp_path / "json", "a.json", '{"id": 1, "ID": 2}\n')
    with pytest.raises(StorageError, match="Expected each column once, found 'id' more than once"):
        read_files(spark, place)


def test_headers_that_differ_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "id,name\n1,a\n")
    place = write(tmp_path, "b.csv", "name,id\nb,2\n")
    with pytest.raises(StorageError, match=r"found name, id in line 1 of file:\S*b\.csv"):
        read_files(spark, place)
    with pytest.raises(StorageError, match="Expected the columns id, flats, which are those of"):
        read_files(spark, f"{place}/a.csv", columns={"id": "int", "flats": "int"})


def test_a_value_of_another_type_ends_the_query(spark: SparkSession, tmp_path: Path) -> None:
    place = write(tmp_path, "a.csv", "id\n1\nmany\n")
    frame = read_files(spark, place, columns={"id": "int"})
    with pytest.raises(SPARK_FAILURES, match="Malformed records"):
        frame.collect()
    lenient = read_files(spark, place, columns={"id": "int"}, options={"mode": "PERMISSIVE"})
    assert [row.id for row in lenient.collect()] == [1, None]


def test_one_json_array_is_read_when_it_is_said_to_be_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    place = write(tmp_path, "a.json", '[\n{"id": 1},\n{"id": 2}\n]\n')
    with pytest.raises(StorageError, match="multiLine='true'"):
        read_files(spark, place)
    assert found(read_files(spark, place, options={"multiLine": "true"})) == [(1,), (2,)]


def test_what_is_not_there_or_cannot_be_told_is_a_sentence(
    spark: SparkSession, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match=r"there is nothing. Check the spelling"):
        read_files(spark, str(tmp_path / "none"))
    with pytest.raises(StorageError, match="set LAKE_RAW_ROOT to the bucket's address"):
        read_files(spark, "s3://bucket/in")
    write(tmp_path / "deep", "a.csv", "id\n1\n")
    with pytest.raises(StorageError, match=r"none directly in it. Name deeper folders"):
        read_files(spark, str(tmp_path))
    place = write(tmp_path / "deep", "b.json", "{}\n")
    with pytest.raises(StorageError, match=r"found names that end in csv, json. Say which"):
        read_files(spark, place)
    with pytest.raises(StorageError, match="found 'xlsx'"):
        read_files(spark, place, "xlsx")
