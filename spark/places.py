"""Raw objects as frames, and where each row of them comes from."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyspark.sql import functions as F

from spark.errors import ReadError
from spark.frames import OBJECT, PARTITION, PATH, small_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.spec import RawObject

_KEY = "_lake_path_key"


@dataclass(frozen=True)
class IndexedObject:
    """A raw object with its place in the specification and that of its partition."""

    index: int
    partition: int
    raw: RawObject


def with_contents(session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
    """Whole objects as `content`, with OBJECT, PARTITION and PATH."""
    files = session.read.format("binaryFile").load([each.raw.uri for each in objects])
    return with_places(files.select("content", F.input_file_name().alias(PATH)), files, objects)


def with_places(
    rows: DataFrame, relation: DataFrame, objects: Sequence[IndexedObject]
) -> DataFrame:
    """Add OBJECT and PARTITION by PATH.

    Raises `ReadError` when the files that Spark found are not the objects that were listed.
    """
    by_path = {_literal(each.raw.uri): each for each in objects}
    shown = {path: by_path.get(unquote(path)) for path in relation.inputFiles()}
    places = [(path, each.index, each.partition) for path, each in shown.items() if each]
    if len(places) != len(objects):
        found = {index for _, index, _ in places}
        lost = [each.raw.key for each in objects if each.index not in found]
        raise ReadError(
            f"expected {len(objects):,} raw objects, found {len(places):,}; missing, first of all: "
            f"{', '.join(lost[:3])}. An object that vanished since it was listed is left out by "
            "running the partition again."
        )
    octets = _telling_octets([path for path, _, _ in places])
    keys = [(_in_base64(path, octets), index, part) for path, index, part in places]
    schema = f"{_KEY} binary, {OBJECT} int, {PARTITION} int"
    index = small_frame(rows.sparkSession, keys, schema)
    key = F.col(PATH).cast("binary").substr(-octets, octets)
    return rows.withColumn(_KEY, key).join(F.broadcast(index), _KEY).drop(_KEY)


def _telling_octets(paths: Sequence[str]) -> int:
    """How many of their last octets tell paths apart, so that rows need not carry all of them."""
    encoded = [path.encode() for path in paths]
    shortest = min(len(path) for path in encoded)
    for octets in (8, 16, 32, 64):
        if octets <= shortest and len({path[-octets:] for path in encoded}) == len(paths):
            return octets
    return max(len(path) for path in encoded)


def _in_base64(path: str, octets: int) -> str:
    """The last octets as Spark reads a binary value out of JSON."""
    return base64.b64encode(path.encode()[-octets:]).decode()


def with_partitions(rows: DataFrame, objects: Sequence[IndexedObject]) -> DataFrame:
    """Add PARTITION by OBJECT."""
    places = [(each.index, each.partition) for each in objects]
    index = small_frame(rows.sparkSession, places, f"{OBJECT} int, {PARTITION} int")
    return rows.join(F.broadcast(index), OBJECT)


def _literal(uri: str) -> str:
    """A URI without the escapes that keep Spark from taking characters for a glob."""
    return re.sub(r"\\(.)", r"\1", uri)
