"""What analysts write: results below `_scratch/` of the lake, for colleagues, and for a while.

Each time a result is saved it gets a directory of its own, `_scratch/<name>/save=<moment>/`, and is
complete once Spark's `_SUCCESS` is in it. Readers of published tables never look here; a clean-up
takes what is older than LAKE_SCRATCH_DAYS.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import DataFrame

from resources.attempts import new_attempt_id
from resources.errors import StorageError
from resources.explore_files import FORMATS, have_avro
from resources.objects import Storage
from spark.errors import SPARK_FAILURES, is_of_the_store

SCRATCH = "_scratch/"
_NAME = re.compile(r"\w[\w-]{0,99}")


@dataclass(frozen=True)
class Saved:
    """A result that was saved; `saved` is when it was complete, UTC."""

    name: str
    directory: str
    files: int
    bytes: int
    saved: datetime


def save_frame(
    storage: Storage,
    frame: DataFrame,
    name: str,
    format: str = "parquet",  # noqa: A002 Spark's own word for it
    options: Mapping[str, str] | None = None,
) -> str:
    """Write a frame of Spark and give the address of its directory.

    Raises `StorageError` for a name that cannot be a directory's, or columns that clash.
    """
    directory = new_directory(name)
    if format not in FORMATS:
        raise StorageError(f"Expected a format of {', '.join(FORMATS)}, found {format!r}.")
    if format == "avro":
        have_avro(frame.sparkSession)
    address = storage.target_uri(directory)
    defaults = {"header": "true"} if format == "csv" else {}
    writer = frame.write.format(format).options(**{**defaults, **(options or {})})
    try:
        writer.save(address)
    except SPARK_FAILURES as error:
        raise _explained(name, error) from error
    return address


def new_directory(name: str) -> str:
    """A directory for a result of this name, by its key; `StorageError` for one that cannot be."""
    if not _NAME.fullmatch(name):
        raise StorageError(
            f"Expected a name of letters, digits, '_' and '-', 100 at most, found {name!r}."
        )
    return f"{SCRATCH}{name}/save={new_attempt_id(datetime.now(UTC))}"


def saved(storage: Storage) -> list[Saved]:
    """Every complete result, by name and moment."""
    found = defaultdict(list)
    for info in storage.list(SCRATCH):
        found["/".join(info.key.split("/")[:3])].append(info)
    return [
        Saved(
            directory.split("/")[1],
            directory,
            len(objects) - 1,
            sum(info.size for info in objects),
            max(info.modified for info in objects),
        )
        for directory, objects in found.items()
        if f"{directory}/_SUCCESS" in {info.key for info in objects}
    ]


def _explained(name: str, error: Exception) -> Exception:
    said = str(error)
    if is_of_the_store(error):
        return error
    if "COLUMN_ALREADY_EXISTS" in said:
        twice = said.partition("The column `")[2].partition("`")[0]
        return StorageError(
            f"Expected each column of {name!r} once, found {twice!r} more than once. After a join "
            "both sides' are there: join by name, on='key', or drop or rename one."
        )
    return StorageError(f"Spark could not save {name!r}: {said.partition(chr(10))[0].strip()}")
