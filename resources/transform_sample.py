"""Rows that a transform would get, and what it makes of them.

A few raw objects are refined into a temporary folder, without the table's own cleaning: what lies
there is what a transform is given. The lake itself is only read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from resources.attempts import new_attempt_id
from resources.errors import NotebookRefused, StorageError
from resources.lake import Lake
from resources.raw import RawPartition
from resources.storage import ObjectInfo
from resources.table import Table
from spark.contract import Column, Contract
from spark.errors import SPARK_FAILURES, ContractError
from spark.refining import refine_session, run_refine
from spark.spec import CleanSpec
from spark.types import spark_type_of

#: Raw bytes that a sample is looked for in, at least one object.
_MOST_BYTES = 4 * 1024 * 1024
#: Numbers the sample's rows, so that a row lost or doubled shows.
_NUMBER = "_lake_row"

Rows = list[tuple[object, ...]]
Transform = Callable[[DataFrame], DataFrame]


@dataclass(frozen=True)
class Sample:
    """Rows as the transform gets them: of columns `contract`, one with nulls wherever one may be."""

    contract: Contract
    rows: Rows


@dataclass(frozen=True)
class Outcome:
    """What a transform made of a sample; `added` are the columns that are new or of another type."""

    contract: Contract
    rows: Rows
    added: tuple[Column, ...]


def take_sample(spark: SparkSession, lake: Lake, table: Table, key: str, count: int) -> Sample:
    """Up to `count` rows of a partition after the joins, always the same ones, and one of nulls.

    Raises `StorageError` where the partition has no raw objects, or none of them gives a row.
    """
    plain = replace(table, clean=CleanSpec(None, (), {}, {}), added=Contract(()))
    raw = _first_objects(lake, table, key)
    references = {join.reference.name: lake.reference(join.reference) for join in table.joins}
    spec = lake.refine_spec(plain, new_attempt_id(datetime.now(UTC)), [raw], references)
    with tempfile.TemporaryDirectory(prefix="lake-sample-") as folder:
        output = f"file://{folder}/refined"
        here = replace(spec, output=output, quarantine=f"file://{folder}/quarantine")
        [report] = run_refine(spark, here).partitions
        rows: Rows = []
        if report.ledger.published:
            frame = refine_session(spark).read.schema(plain.published.spark_schema())
            found = frame.parquet(f"{output}/{report.directory}")
            # In no order of the data's own, so that the sample is not all of one device or minute.
            ordered = found.orderBy(F.xxhash64(F.to_json(F.struct(*found.columns))))
            rows = [_row(each) for each in ordered.limit(count).collect()]
    if not rows:
        raise StorageError(
            f"Expected rows of raw/{table.name} in partition {key}, found none in {raw.key}: "
            f"{report.ledger.documents:,} documents, none to be published. Name another partition."
        )
    columns = plain.published.columns
    nulls = tuple(
        None if column.nullable else value for column, value in zip(columns, rows[0], strict=True)
    )
    return Sample(plain.published, [*rows, *([nulls] if nulls not in rows else [])])


def outcome(spark: SparkSession, text: str, function: str, sample: Sample) -> Outcome:
    """Run a function of a module's text on a sample; raises `NotebookRefused` if it is no transform.

    It is run twice: what asks the time or chance is not the same again.
    """
    schema = sample.contract.spark_schema().add(_NUMBER, "integer")
    numbered = [(*row, number) for number, row in enumerate(sample.rows)]
    session = refine_session(spark)
    with _loaded(text) as module, _in_words(function):
        transform: Transform = getattr(module, function)
        given = session.createDataFrame(numbered, schema).coalesce(1)
        made = transform(given)
        if not isinstance(made, DataFrame):
            raise NotebookRefused(f"{function}: expected a DataFrame, found {type(made).__name__}.")
        _require_columns(function, given, made)
        rows, again = (_by_number(each) for each in (made, transform(given)))
    found = [number for number, _ in rows]
    if found != list(range(len(sample.rows))):
        raise NotebookRefused(
            f"{function}: expected one row for each of {len(sample.rows)}, found {len(found)}. A "
            "transform works on one row at a time: filter with `filter`, and leave out what comes "
            "twice with `deduplicate`, both in the declaration."
        )
    if repr(rows) != repr(again):
        raise NotebookRefused(
            f"{function}: expected the same rows from the same rows, found others the second time. "
            "Leave out what asks the time or chance (current_timestamp, rand, uuid, …)."
        )
    contract = _contract(function, made)
    kept = {(each.name, each.type) for each in sample.contract.columns}
    added = tuple(each for each in contract.columns if (each.name, each.type) not in kept)
    return Outcome(contract, [row for _, row in rows], added)


def _first_objects(lake: Lake, table: Table, key: str) -> RawPartition:
    [listed] = lake.raw(table, [key])
    kept: list[ObjectInfo] = []
    size = 0
    for each in listed.objects:
        if kept and size + each.size > _MOST_BYTES:
            break
        kept.append(each)
        size += each.size
    if not kept:
        raise StorageError(
            f"Expected raw objects of {table.name} in partition {key}, found none below "
            f"{lake.raw_storage.uri(table.raw.prefix)}. Name a partition that has some."
        )
    return replace(listed, objects=tuple(kept))


@contextmanager
def _loaded(text: str) -> Iterator[ModuleType]:
    """A module of that text, which nothing else can import."""
    with tempfile.TemporaryDirectory(prefix="lake-transform-") as folder:
        path = Path(folder) / "lake_transform.py"
        path.write_text(text, encoding="utf-8")
        loader = SourceFileLoader(path.stem, str(path))
        module = ModuleType(path.stem)
        loader.exec_module(module)
        yield module


@contextmanager
def _in_words(function: str) -> Iterator[None]:
    """Somebody else's code can raise anything; it is told as what the function did."""
    try:
        yield
    except NotebookRefused:
        raise
    except SPARK_FAILURES as error:
        said = str(error).split("\n\nJVM stacktrace")[0]
        raise NotebookRefused(f"{function}: failed on the sample; Spark says: {said}") from error
    except Exception as error:
        kind = type(error).__name__
        raise NotebookRefused(f"{function}: failed on the sample with {kind}: {error}") from error


def _require_columns(function: str, given: DataFrame, made: DataFrame) -> None:
    lost = [name for name in given.columns if name not in made.columns]
    if lost:
        named = (
            ", ".join(name for name in lost if name != _NUMBER) or "those that it was not told of"
        )
        raise NotebookRefused(
            f"{function}: expected every column it was given, lost {named}. Add columns with "
            "`withColumn` rather than `select`, and name those to be left out under `drop` in the "
            "declaration."
        )
    twice = sorted({name for name in made.columns if made.columns.count(name) > 1})
    if twice:
        raise NotebookRefused(
            f"{function}: expected each column once, found {', '.join(twice)} twice. Drop or rename "
            "one of them."
        )


def _contract(function: str, made: DataFrame) -> Contract:
    columns = []
    for each in made.schema.fields:
        if each.name == _NUMBER:
            continue
        try:
            columns.append(Column(each.name, spark_type_of(each.dataType)))
        except ContractError as error:
            raise NotebookRefused(
                f"{function}: column `{each.name}` cannot be published. {error}"
            ) from error
    return Contract(tuple(columns))


def _by_number(made: DataFrame) -> list[tuple[int, tuple[object, ...]]]:
    names = [name for name in made.columns if name != _NUMBER]
    collected = made.select(_NUMBER, *[F.col(f"`{name}`") for name in names]).collect()
    rows = [(int(each[0]), _row(each[1:])) for each in collected]
    return sorted(rows, key=lambda each: each[0])


def _row(found: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(_value(each) for each in found)


def _value(found: object) -> object:
    """Plain Python: structs are tuples, and times say their zone, since Spark's are of this machine's."""
    if isinstance(found, datetime):
        return found.astimezone(UTC)
    if isinstance(found, tuple):
        return tuple(_value(each) for each in found)
    if isinstance(found, list):
        return [_value(each) for each in found]
    if isinstance(found, dict):
        return {_value(name): _value(each) for name, each in found.items()}
    return found
