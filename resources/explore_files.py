"""Files of any type that Spark reads, as a frame: those of a folder, of S3, one, or a pattern.

Spark replaces what it cannot decode, renames a column that a header has twice, and takes columns by
their place where headers differ, all without a word. Here that is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyspark import __version__ as spark_version
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from resources.compute.s3a_errors import region_of, store_errors
from resources.errors import StorageError
from resources.text_encoding import TextFile, check_text, decoded, is_wide, java_name
from spark.errors import SPARK_FAILURES, is_of_the_store
from spark.types import spark_type

FORMATS = ("csv", "json", "parquet", "orc", "avro", "text", "xml")
#: What the ending of a file's name says, where it is not the format itself.
_ENDINGS = {"jsonl": "json", "ndjson": "json", "txt": "text", "log": "text"}
_COMPRESSIONS = {".gz", ".bz2", ".zst", ".deflate", ".snappy", ".lz4"}
_OF_TEXT = ("csv", "json", "text", "xml")
_AVRO = f"ivy://org.apache.spark:spark-avro_2.13:{spark_version}"


def read_files(
    spark: SparkSession,
    path: str,
    format: str = "",  # noqa: A002 Spark's own word for it
    *,
    encoding: str = "UTF-8",
    columns: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> DataFrame:
    """The rows of the files that are there now; `path` may be a pattern, `options` are Spark's.

    Without a format the names of the files say it. `columns` are types by name, for a CSV all of
    them in order; without, a CSV's columns are text. A value that is not of its type ends the query
    that comes upon it. Text is read once beforehand, to see that it is of the encoding.

    Raises `StorageError` that names the file and what to do: nothing there, a format that cannot be
    told, another encoding, a column twice, headers that differ, text that is not of the format.
    It is a `StorageUnavailable` where S3 did not answer or credentials expired.
    """
    with store_errors(region_of(spark)):
        files = _files(spark, path)
        kind = _format(path, files, format)
        wanted = {**_defaults(kind, java_name(encoding)), **(options or {})}
        return _read(spark, path, _Wanted(kind, files, encoding, columns or {}, wanted))


@dataclass(frozen=True)
class _Wanted:
    """What is to be read, and how."""

    kind: str
    files: list[str]
    encoding: str
    columns: Mapping[str, str]
    options: Mapping[str, str]


def _read(spark: SparkSession, path: str, wanted: _Wanted) -> DataFrame:
    kind, encoding = wanted.kind, wanted.encoding
    if kind == "text" and is_wide(encoding):
        raise StorageError(f"Expected text of a byte a letter, found {encoding}: use format='csv'.")
    texts = check_text(spark, wanted.files, encoding) if kind in _OF_TEXT else []
    if kind == "text":
        return decoded(spark, spark.read.options(**wanted.options).text(path), encoding)
    if kind == "avro":
        have_avro(spark)
    if kind == "csv" and wanted.options["header"] == "true":
        _refuse_headers(texts, wanted.options.get("sep", ","), list(wanted.columns))
    reader = spark.read.format(kind).options(**wanted.options)
    if wanted.columns:
        fields = [StructField(name, spark_type(type_)) for name, type_ in wanted.columns.items()]
        reader = reader.schema(StructType(fields))
    try:
        return reader.load(path)
    except SPARK_FAILURES as error:
        if is_of_the_store(error):
            raise
        raise _explained(path, kind, error) from error


def have_avro(spark: SparkSession) -> None:
    """Add Avro's reader and writer, 1.3 MB of Maven Central, which Spark comes without."""
    try:
        spark.sql(f"ADD JAR '{_AVRO}'").collect()
    except SPARK_FAILURES as error:
        raise StorageError(
            f"Expected to get {_AVRO.removeprefix('ivy://')} for Avro from Maven Central: "
            f"{_first_line(error)} Check the network, or name a mirror in Ivy's settings by "
            "spark.jars.ivySettings."
        ) from error


def _defaults(kind: str, encoding: str) -> dict[str, str]:
    """Spark's options for what is not said."""
    if kind not in ("csv", "json", "xml"):
        return {}
    common = {"encoding": encoding, "mode": "FAILFAST"}
    if kind == "csv":
        return {**common, "header": "true", "multiLine": str(is_wide(encoding)).lower()}
    if kind == "json":
        return {**common, "lineSep": "\n"}
    return common


def _files(spark: SparkSession, path: str) -> list[str]:
    try:
        found = spark.read.text(path).inputFiles()
    except SPARK_FAILURES as error:
        if is_of_the_store(error):
            raise
        raise _explained(path, "", error) from error
    if not found:
        raise StorageError(
            f"Expected files in {path}, found none directly in it. Name deeper folders by a "
            f"pattern, such as {path.rstrip('/')}/*/*."
        )
    return sorted(found)


def _format(path: str, files: Sequence[str], said: str) -> str:
    if said:
        if said not in FORMATS:
            raise StorageError(f"Expected a format of {', '.join(FORMATS)}, found {said!r}.")
        return said
    endings = {_ending(each) for each in files}
    known = {_ENDINGS.get(each, each) for each in endings}
    if len(known) != 1 or not known <= set(FORMATS):
        raise StorageError(
            f"Expected files of one type in {path}, found names that end in "
            f"{', '.join(sorted(each or 'nothing' for each in endings))}. Say which: format='csv', "
            f"or another of {', '.join(FORMATS)}; name those of one type by a pattern: *.csv."
        )
    return known.pop()


def _ending(file: str) -> str:
    name = PurePosixPath(file)
    if name.suffix in _COMPRESSIONS:
        name = name.with_suffix("")
    return name.suffix.removeprefix(".").lower()


def _refuse_headers(files: Sequence[TextFile], separator: str, columns: Sequence[str]) -> None:
    """Columns that appear twice in a header, and headers that are not that of the first file."""
    wanted, of = list(columns), "`columns`"
    for file in files:
        header = next(csv.reader([file.first_line.rstrip("\r")], delimiter=separator), [])
        folded = [name.casefold() for name in header]
        twice = [name for name in header if folded.count(name.casefold()) > 1]
        if twice:
            places = [str(n) for n, name in enumerate(header, 1) if name in twice]
            raise StorageError(
                f"Expected each column once, found {twice[0]!r} as columns {', '.join(places)} in "
                f"line 1 of {file.path}. Rename one of them there, or read it by header='false', "
                "which calls columns _c0, _c1, …"
            )
        if not wanted:
            wanted, of = header, file.path
        if header != wanted:
            raise StorageError(
                f"Expected the columns {', '.join(wanted)}, which are those of {of}, found "
                f"{', '.join(header)} in line 1 of {file.path}. Spark goes by their order: read "
                "files of other columns by a call each, then unionByName."
            )


def _explained(path: str, kind: str, error: Exception) -> StorageError:
    """What Spark says of a path, in a sentence."""
    said = str(error)
    if "PATH_NOT_FOUND" in said:
        return StorageError(f"Expected files in {path}; there is nothing. Check the spelling.")
    if "No FileSystem for scheme" in said or "ClassNotFoundException: Class org.apache.ha" in said:
        return StorageError(
            f"Expected a path that this session of Spark reaches, found {path}. It reads S3 where a "
            "root of the lake is there: set LAKE_RAW_ROOT to the bucket's address and start anew."
        )
    if "COLUMN_ALREADY_EXISTS" in said:
        name = said.partition("The column `")[2].partition("`")[0]
        return StorageError(
            f"Expected each column once, found {name!r} more than once in {path}, be it in capitals. "
            "Rename it there, or give the types of those to read by columns={…}."
        )
    if "MALFORMED_RECORD" in said and kind == "json":
        return StorageError(
            f"Expected a JSON document on each line, found a line that is none in {path}. Read a "
            "file that is one document or one array by multiLine='true'; to see the lines, "
            "format='text'."
        )
    return StorageError(f"Spark cannot read {path} as {kind}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()
