"""CSV objects: cut into records in Python (`spark/csv_records.py`), typed by Spark."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from spark.compression import decompress
from spark.csv_records import read_csv, unknown_columns
from spark.exact import PLAIN
from spark.frames import DOCUMENT, OBJECT, POSITION, REASON, UNKNOWN_KEYS
from spark.places import with_contents, with_partitions
from spark.records import RecordSource, with_fitted_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame, Row, SparkSession

    from spark.csv_records import CsvOptions
    from spark.places import IndexedObject

_VALUE = "_lake_value_"


@dataclass(frozen=True)
class CsvSource(RecordSource):
    """CSV with a header. POSITION is the line at which a record begins."""

    def exact(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        names = self.raw.contract.names
        read = partial(_records, columns=names, options=self.raw.csv)
        rows = with_contents(session, objects).select(OBJECT, "content").rdd.flatMap(read)
        values = [StructField(f"{_VALUE}{i}", StringType()) for i, _ in enumerate(names)]
        schema = StructType([*_FIXED, *values])
        frame = session.createDataFrame(rows, schema, verifySchema=False)
        found = {name: f"{_VALUE}{i}" for i, name in enumerate(names)}
        return with_fitted_columns(with_partitions(frame, objects), self.raw.contract, found)

    def unreadable(self, session: SparkSession, objects: Sequence[IndexedObject]) -> set[int]:  # noqa: ARG002
        return set()  # broken compression is a record with a reason


_FIXED = (
    StructField(OBJECT, IntegerType()),
    StructField(POSITION, LongType()),
    StructField(PLAIN, BooleanType()),
    StructField(DOCUMENT, StringType()),
    StructField(REASON, StringType()),
    StructField(UNKNOWN_KEYS, ArrayType(StringType())),
)


def _records(row: Row, columns: Sequence[str], options: CsvOptions) -> Iterator[tuple[object, ...]]:
    data, trouble = decompress(bytes(row["content"]))
    unknown = list(unknown_columns(data, columns, options))
    nothing = (None,) * len(columns)
    for each in read_csv(data, columns, options):
        values = each.values or nothing
        yield (row[OBJECT], each.line, True, each.text, each.reason, unknown, *values)
    if trouble is not None:
        yield (row[OBJECT], None, True, "", trouble, [], *nothing)
