"""What goes wrong in a notebook's cell, as a sentence that says what to do."""

from __future__ import annotations

import re

import duckdb
from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, ParseException, PySparkException

from resources.compute.s3a_errors import store_errors
from resources.errors import CatalogError, ResultTooLarge, SessionLost, StorageError
from resources.spark_connect import lost_server
from spark.errors import LakeError

#: What a cell may end in that `explained` may know.
KNOWN = (LakeError, duckdb.Error, PySparkException, Py4JError, ConnectionError)
_STOPPED = re.compile(
    r"SparkContext was shut down|stopped SparkContext|SparkContext (has been|was) (shutdown|stopped)"
    r"|Job \d+ cancelled because SparkContext|'NoneType' object has no attribute '_jvm'"
)
_TOO_LARGE = re.compile(r"Total size of serialized results .*? \((?P<size>[^)]+)\) is bigger than")
_MALFORMED = re.compile(r"Malformed records are detected in record parsing: (?P<record>.*)")
_FILE = re.compile(r"reading file (?P<file>\S+?)\.?(?:\s|$)")


def explained(error: BaseException, region: str = "", remote: str = "") -> LakeError | None:
    """The error in the project's words; None where it is not known, and all of it is needed.

    `remote` is the address of the Spark Connect server, where there is one.
    """
    if isinstance(error, LakeError):
        return error
    if remote and (lost := lost_server(error, remote)):
        return lost
    if isinstance(error, duckdb.Error):
        return CatalogError(f"Expected a query that DuckDB can run; it says: {error}")
    try:
        with store_errors(region):
            raise error
    except LakeError as found:
        return found
    except BaseException:  # noqa: BLE001 the same again, which may be known otherwise
        return _by_its_words(error)


def _by_its_words(error: BaseException) -> LakeError | None:
    said = str(error)
    if _is_lost(error) or _STOPPED.search(said):
        return SessionLost(
            "Spark has ended in the middle of this cell. lake.spark starts a new one, and what was "
            "published, saved or read by DuckDB is unharmed; temporary views, cached frames and "
            "frames made before are gone: run the cells that made them again. If it ends again at "
            "the same place, it lacks memory: raise LAKE_SPARK_MEMORY."
        )
    if found := _TOO_LARGE.search(said):
        return ResultTooLarge(
            f"Expected a result of at most a quarter of Spark's memory, found {found['size']} and "
            "more. Aggregate, or take some rows with limit(…) or lake.pandas(frame, most=…); or "
            "raise LAKE_SPARK_MEMORY and start the kernel anew."
        )
    if found := _MALFORMED.search(said):
        file = _FILE.search(said)
        return StorageError(
            f"Expected records of the columns' types in {file['file'] if file else 'the files'}, "
            f"found one of others; with null in their place it is {found['record'].rstrip('.')[:200]}. "
            "Read the column as a string to see its values, or take "
            "nulls in their place by mode='PERMISSIVE'."
        )
    if isinstance(error, (AnalysisException, ParseException)):
        return CatalogError(f"Expected a query that Spark can run; it says: {_without_plan(said)}")
    return None


def _without_plan(said: str) -> str:
    return said.partition(";\n'")[0].strip()


def _is_lost(error: BaseException) -> bool:
    """py4j's own errors, that are none of Java's, come of a JVM that does not answer."""
    return isinstance(error, ConnectionError) or type(error).__name__ in (
        "Py4JNetworkError",
        "Py4JError",
    )
