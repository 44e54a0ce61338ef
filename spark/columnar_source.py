"""Parquet and ORC objects: typed files, held against the contract file by file.

A file that cannot be read, or whose types can hold no value of the contract's, goes to quarantine
as a whole and counts as one document: how many rows it meant to have cannot be known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from spark.errors import SPARK_FAILURES, ReferenceRefused, is_of_the_store
from spark.exact import PLAIN
from spark.fitting import quoted
from spark.frames import DOCUMENT, OBJECT, PARTITION, PATH, POSITION, REASON, UNKNOWN_KEYS
from spark.places import with_places
from spark.records import RecordSource, with_fitted_columns, with_kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.places import IndexedObject

_FIXED = (OBJECT, PARTITION, POSITION, PLAIN, DOCUMENT, REASON, UNKNOWN_KEYS)


@dataclass(frozen=True)
class ColumnarSource(RecordSource):
    """Parquet or ORC. DOCUMENT is the row as JSON, POSITION orders the rows of a file."""

    def documents(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        """Rows of all files, as far as their footers promise; broken pages fail the job."""
        return with_kinds(self._read(session, objects, broken=[]))

    def exact(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        """Rows of the files that can be read to their ends, and one record for each other."""
        reason = f"unreadable {self.raw.format} (a page is broken)"
        broken = [(o, reason) for o in objects if o.raw.size and not self._is_whole(session, o)]
        lost = {each.index for each, _ in broken}
        return self._read(session, [o for o in objects if o.index not in lost], broken=broken)

    def _read(
        self,
        session: SparkSession,
        objects: Sequence[IndexedObject],
        *,
        broken: list[tuple[IndexedObject, str]],
    ) -> DataFrame:
        groups: dict[str, list[IndexedObject]] = {}
        for each in objects:
            schema, trouble = self._schema_of(session, each)
            if schema is None:
                broken.append((each, trouble))
            else:
                groups.setdefault(schema.json(), []).append(each)
        frames = [self._broken(session, broken)] if broken else []
        for text, members in groups.items():
            try:
                frames.append(self._rows(session, _schema(text), members))
            except ReferenceRefused as error:
                reason = f"no row can satisfy the contract: {error}"
                frames.append(self._broken(session, [(each, reason) for each in members]))
        return reduce(lambda left, right: left.unionByName(right), frames)

    def unreadable(self, session: SparkSession, objects: Sequence[IndexedObject]) -> set[int]:
        """Files whose footers can be read and whose pages cannot."""
        return {o.index for o in objects if o.raw.size and not self._is_whole(session, o)}

    def _schema_of(
        self, session: SparkSession, each: IndexedObject
    ) -> tuple[StructType | None, str]:
        if each.raw.size == 0:
            return StructType(), ""
        try:
            return session.read.format(self.raw.format).load(each.raw.uri).schema, ""
        except SPARK_FAILURES as error:
            if is_of_the_store(error):
                raise
            first = str(error).strip().splitlines()[0][:300]
            return None, f"unreadable {self.raw.format} ({first})"

    def _is_whole(self, session: SparkSession, each: IndexedObject) -> bool:
        try:
            rows = session.read.format(self.raw.format).load(each.raw.uri)
            rows.write.format("noop").mode("overwrite").save()
        except SPARK_FAILURES as error:
            if is_of_the_store(error):
                raise
            return False
        return True

    def _rows(
        self, session: SparkSession, schema: StructType, members: Sequence[IndexedObject]
    ) -> DataFrame:
        files = session.read.format(self.raw.format).schema(schema)
        rows = files.load([each.raw.uri for each in members])
        names = {name.lower(): name for name in schema.names}
        found = {n: names[n.lower()] for n in self.raw.contract.names if n.lower() in names}
        unknown = [name for name in schema.names if name not in found.values()]
        text = F.to_json(F.struct(*[F.col(quoted(name)) for name in schema.names]))
        located = with_places(
            rows.select(
                "*",
                F.input_file_name().alias(PATH),
                F.monotonically_increasing_id().alias(POSITION),
                F.lit(True).alias(PLAIN),
                (text if schema.names else F.lit("")).alias(DOCUMENT),
                F.lit(None).cast("string").alias(REASON),
                F.array(*[F.lit(name) for name in unknown])
                .cast("array<string>")
                .alias(UNKNOWN_KEYS),
            ),
            rows,
            members,
        )
        kept = located.select(*_FIXED, *[quoted(name) for name in found.values()])
        return with_fitted_columns(kept, self.raw.contract, found)

    def _broken(
        self, session: SparkSession, broken: Sequence[tuple[IndexedObject, str]]
    ) -> DataFrame:
        rows = [(o.index, o.partition, 1, True, "", reason, None) for o, reason in broken]
        schema = (
            f"{OBJECT} int, {PARTITION} int, {POSITION} bigint, {PLAIN} boolean, "
            f"{DOCUMENT} string, {REASON} string, {UNKNOWN_KEYS} array<string>"
        )
        frame = session.createDataFrame(rows, schema)
        columns = [
            F.lit(None).cast(each.dataType).alias(each.name)
            for each in self.raw.contract.spark_schema().fields
        ]
        return frame.select("*", *columns)


def _schema(text: str) -> StructType:
    return StructType.fromJson(json.loads(text))
