"""A result of a notebook written to the scratch prefix: by Spark, or by DuckDB without it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from resources.compute.s3a_errors import region_of, store_errors
from resources.errors import StorageError
from resources.explore_files import FORMATS, have_avro
from resources.objects import Storage
from resources.scratch import COMPLETE, new_directory
from resources.text_encoding import any_charset, is_utf8, java_name
from spark.errors import SPARK_FAILURES
from spark.fitting import quoted

if TYPE_CHECKING:
    from resources.explore import Relation

#: What DuckDB writes by itself.
_OF_DUCKDB = ("parquet", "csv")
_FILE_BYTES = 128 * 1024 * 1024


def save_frame(
    storage: Storage,
    frame: DataFrame,
    name: str,
    format: str = "parquet",  # noqa: A002 Spark's own word for it
    *,
    encoding: str = "UTF-8",
    options: Mapping[str, str] | None = None,
) -> str:
    """Write a frame of Spark, and give the address of its directory; `options` are Spark's.

    Raises `StorageError` for a name that cannot be, columns that appear twice, and text that the
    encoding does not have.
    """
    directory = new_directory(name, datetime.now(UTC))
    if format not in FORMATS:
        raise StorageError(f"Expected a format of {', '.join(FORMATS)}, found {format!r}.")
    _refuse_twice(frame.columns, name)
    if format == "avro":
        have_avro(frame.sparkSession)
    if format in ("csv", "json", "text", "xml") and not is_utf8(encoding):
        _refuse_unknown_letters(frame, encoding)
    address = storage.target_uri(directory)
    wanted = {**_defaults(format, java_name(encoding)), **(options or {})}
    try:
        with store_errors(region_of(frame.sparkSession)):
            frame.write.format(format).options(**wanted).save(address)
    except SPARK_FAILURES as error:
        said = str(error).partition("\n")[0].strip()
        raise StorageError(f"Spark could not save {name!r} as {format}: {said}") from error
    return address


def save_relation(
    storage: Storage,
    relation: Relation,
    name: str,
    format: str = "parquet",  # noqa: A002 as for frames
    encoding: str = "UTF-8",
) -> str:
    """Write a relation of DuckDB, without Spark, and give the address of its directory.

    Raises `StorageError` like `save_frame`, and for a format that only Spark writes.
    """
    directory = new_directory(name, datetime.now(UTC))
    if format not in _OF_DUCKDB:
        raise StorageError(
            f"Expected {' or '.join(_OF_DUCKDB)} for a relation, found {format!r}. Spark writes the "
            "others: save a frame, such as that of lake.spark_table."
        )
    _refuse_twice(relation.columns, name)
    with tempfile.TemporaryDirectory() as folder:
        for path in _written(relation, Path(folder), format):
            data = path.read_bytes()
            if format == "csv" and not is_utf8(encoding):
                data = _encoded(data, name, encoding)
            storage.write(f"{directory}/{path.name}", data)
    storage.write(f"{directory}/{COMPLETE}", b"")
    return storage.target_uri(directory)


def _written(relation: Relation, folder: Path, format: str) -> list[Path]:  # noqa: A002
    if format == "csv":
        relation.write_csv(str(folder / "part-0.csv"), header=True)
        return [folder / "part-0.csv"]
    try:
        relation.write_parquet(str(folder / "parts"), file_size_bytes=_FILE_BYTES)
    except duckdb.Error as error:
        raise StorageError(f"DuckDB could not write the result as Parquet: {error}") from error
    return sorted((folder / "parts").iterdir())


def _defaults(kind: str, encoding: str) -> dict[str, str]:
    """Spark's options for what is not said."""
    if kind not in ("csv", "json", "text", "xml"):
        return {}
    common = {"encoding": encoding}
    if kind == "csv":
        return {**common, "header": "true"}
    return {**common, "rowTag": "row"} if kind == "xml" else common


def _refuse_twice(columns: list[str], name: str) -> None:
    folded = [each.casefold() for each in columns]
    twice = [each for each in columns if folded.count(each.casefold()) > 1]
    if twice:
        raise StorageError(
            f"Expected each column of {name!r} once, found {twice[0]!r} {len(twice)} times. After a "
            "join both sides' are there: join by name (on='key'), or drop or rename one."
        )


def _refuse_unknown_letters(frame: DataFrame, encoding: str) -> None:
    """Spark writes '?' for a letter that an encoding lacks."""
    name = java_name(encoding)
    texts = [each.name for each in frame.schema if isinstance(each.dataType, StringType)]
    with any_charset(frame.sparkSession):
        for column in texts:
            value = F.col(quoted(column))
            lost = frame.where(F.decode(F.encode(value, name), name) != value)
            row = lost.select(value.alias("value")).first()
            if row is not None:
                raise StorageError(_lost(column, row.value, encoding))


def _encoded(data: bytes, name: str, encoding: str) -> bytes:
    try:
        return data.decode().encode(encoding)
    except UnicodeEncodeError as error:
        around = error.object[max(0, error.start - 20) : error.end + 20]
        raise StorageError(_lost(name, around, encoding)) from error
    except LookupError as error:
        raise StorageError(f"Expected an encoding such as CP949, found {encoding!r}.") from error


def _lost(where: str, text: str, encoding: str) -> str:
    return (
        f"Expected text that {encoding} has, found letters that it lacks in {where!r}: {text!r}. "
        "Save as UTF-8, or replace them."
    )
