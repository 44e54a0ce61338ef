"""Whether text files are in the encoding that was declared for them, before Spark reads them.

Spark puts U+FFFD in the place of what it cannot decode and goes on, and takes UTF-8 for any
encoding whose every byte means something. Files are read once for this, compressed ones too, by as
many tasks as there are cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from resources.errors import StorageError
from spark.errors import SPARK_FAILURES

#: Encodings of two or four bytes a character, in which a line does not end with the byte `\n`.
_WIDE = ("UTF-16", "UTF-32")
#: What a line is tried with, to say what it may be.
_LIKELY = ("utf-8", "cp949", "shift_jis", "gb18030", "cp1252")
_SHOWN = 40
#: Java SE, "Supported Encodings": what Windows calls its code pages 932, 949 and 950.
_OF_WINDOWS = {
    "cp932": "windows-31j",
    "cp949": "x-windows-949",
    "uhc": "x-windows-949",
    "cp950": "x-windows-950",
}
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class TextFile:
    """A file by its address, and its first line, decoded."""

    path: str
    first_line: str


def java_name(encoding: str) -> str:
    """What Java calls the encoding that people mean by a name.

    Its own `CP949`, `CP932` and `CP950` are IBM's, which have other letters in some places than those
    of Windows, and no name for Python's `uhc`.
    """
    return _OF_WINDOWS.get(encoding.lower().replace("_", "-"), encoding)


def is_wide(encoding: str) -> bool:
    """Whether characters have more than one byte each, those of ASCII too."""
    return encoding.upper().replace("_", "-").startswith(_WIDE)


def check_text(spark: SparkSession, files: Sequence[str], encoding: str) -> list[TextFile]:
    """The files, in their order; those without a byte are left out.

    Raises `StorageError` that names the file and line that cannot be of the encoding, or the file
    that is UTF-8 throughout where something else was declared.
    """
    name = _known_name(spark, encoding)
    lines = _lines(spark, files, encoding)
    with any_charset(spark):
        text, is_broken = _decoded(name)
        found = (
            lines.select(
                F.col("_metadata.file_path").alias("path"),
                F.struct("_metadata.file_block_start", F.monotonically_increasing_id()).alias("at"),
                text.alias("text"),
                is_broken.alias("is_broken"),
                (F.octet_length("value") > F.char_length("value")).alias("is_more_than_ascii"),
                F.expr("is_valid_utf8(value)").alias("is_utf8"),
            )
            .groupBy("path")
            .agg(
                F.substring_index(F.min_by("text", "at"), "\n", 1).alias("first_line"),
                F.count_if("is_broken").alias("broken"),
                F.bool_or("is_more_than_ascii").alias("is_more_than_ascii"),
                F.bool_and("is_utf8").alias("is_utf8"),
            )
            .orderBy("path")
        ).collect()
    for row in found:
        if row.broken:
            raise _broken(spark, row.path, encoding)
        if row.is_utf8 and row.is_more_than_ascii and not is_utf8(name):
            raise StorageError(
                f"Expected text in {encoding}, found {row.path}, which is UTF-8 throughout. Leave "
                "`encoding` out for it; read files of different encodings by a call each. If it is "
                f"{encoding} after all, lake.spark.read takes it as it is."
            )
    return [TextFile(row.path, row.first_line.removeprefix("\ufeff")) for row in found]


def decoded(spark: SparkSession, lines: DataFrame, encoding: str) -> DataFrame:
    """Lines of the text source, which takes every byte for UTF-8, as they are meant."""
    with any_charset(spark):
        text, _ = _decoded(java_name(encoding))
        return lines.withColumn("value", text)


def _known_name(spark: SparkSession, encoding: str) -> str:
    """Java's name for an encoding; `StorageError` if it has none."""
    name = java_name(encoding)
    try:
        with any_charset(spark):
            spark.range(1).select(F.decode(F.lit(b""), name)).collect()
    except SPARK_FAILURES as error:
        raise StorageError(
            f"Expected an encoding that Java knows, such as UTF-8, CP949, EUC-KR or UTF-16, found "
            f"{encoding!r}."
        ) from error
    return name


def _lines(spark: SparkSession, files: Sequence[str], encoding: str) -> DataFrame:
    return spark.read.text(list(files), wholetext=is_wide(encoding), recursiveFileLookup=True)


def _decoded(name: str) -> tuple[Column, Column]:
    """A line's text, and whether it is none."""
    if is_utf8(name):
        return F.col("value"), ~F.expr("is_valid_utf8(value)")
    text = F.decode(F.col("value").cast("binary"), name)
    return text, F.contains(text, F.lit(_REPLACEMENT))


def is_utf8(name: str) -> bool:
    """Whether a name is one of UTF-8's."""
    return name.upper().replace("_", "-") in ("UTF-8", "UTF8")


@contextmanager
def any_charset(spark: SparkSession) -> Iterator[None]:
    """Have `encode` and `decode` take every encoding of Java's, and replace what they cannot."""
    name = "spark.sql.legacy.codingErrorAction"
    spark.conf.set("spark.sql.legacy.javaCharsets", "true")  # CSV's reader asks while it reads
    before = spark.conf.get(name)
    spark.conf.set(name, "true")
    try:
        yield
    finally:
        spark.conf.set(name, before or "false")


def _broken(spark: SparkSession, path: str, encoding: str) -> StorageError:
    """Names the first line that is none, and what it is in other encodings."""
    remedy = (
        "Name the encoding that it was written in: encoding='CP949' for one of Windows in Korea"
    )
    if is_wide(encoding):
        return StorageError(f"Expected text in {encoding}, found {path}, which is none. {remedy}.")
    with any_charset(spark):
        lines = _lines(spark, [path], encoding).coalesce(1)
        _, is_broken = _decoded(java_name(encoding))
        numbered = lines.select(
            (F.monotonically_increasing_id() + 1).alias("number"),
            F.col("value").cast("binary").alias("octets"),
            is_broken.alias("is_broken"),
        )
        row = numbered.where("is_broken").orderBy("number").first()
    if row is None:  # replaced since
        return StorageError(f"Expected text in {encoding}, found {path}, which is none. {remedy}.")
    return StorageError(
        f"Expected text in {encoding}, found a line that is none: line {row.number:,} of {path}. "
        f"{_guesses(bytes(row.octets), encoding) or remedy}."
    )


def _guesses(line: bytes, encoding: str) -> str:
    """What a line is in the encodings that have all of it."""
    read: dict[str, str] = {}
    for name in _LIKELY:
        try:
            text = line.decode(name).strip()
        except UnicodeDecodeError:
            continue
        if name != encoding.lower() and text.isprintable():
            read[name] = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    if not read:
        return ""
    if "utf-8" in read:
        read = {"utf-8": read["utf-8"]}
    listed = ", ".join(f"{text!r} in {name}" for name, text in read.items())
    return f"It reads {listed}: name the right one by encoding="
