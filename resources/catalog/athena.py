"""Queries on Athena: started, waited for, stopped when nobody waits any more, and what they cost.

How the rows of a result become an Arrow table lives in `athena_rows.py`, what a failure means in
`athena_errors.py`. Which tables there are belongs to the catalogs.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from resources.aws_errors import AWS_FAILURES
from resources.catalog.athena_errors import Refused
from resources.catalog.athena_rows import rows_of, table_of
from resources.errors import CatalogError

if TYPE_CHECKING:
    from types_boto3_athena import AthenaClient
    from types_boto3_athena.type_defs import (
        ColumnInfoTypeDef,
        QueryExecutionTypeDef,
        RowTypeDef,
        WorkGroupTypeDef,
    )

#: List price of us-east-1, https://aws.amazon.com/athena/pricing/: by the megabyte, 10 at least.
USD_PER_TB = 5.0
_MIN_BILLED_MB = 10
#: Athena does not say whether its units are decimal; the smaller ones never estimate too little.
_MB, _TB = 10**6, 10**12
#: What GetQueryResults gives a call at most.
_PAGE = 1000
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 5.0
_FINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_LOG = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class QueryResult:
    """Rows of a query, whether they are all of them, and what it took."""

    table: pa.Table
    is_whole: bool
    query_id: str
    bytes_scanned: int

    @property
    def cost_usd(self) -> float:
        """An estimate at list price, `USD_PER_TB`; what Athena reused or did for nothing included."""
        return cost_usd(self.bytes_scanned)


def cost_usd(bytes_scanned: int) -> float:
    """What a query that scanned so much costs at list price, in US dollars."""
    billed = max(math.ceil(bytes_scanned / _MB), _MIN_BILLED_MB) * _MB
    return billed / _TB * USD_PER_TB


class Athena:
    """Queries on one database of the Glue Data Catalog, by one work group.

    `scan_limit_bytes` ends a query that is seen to have scanned more; 0 is no limit. `pause` sleeps
    a number of seconds. What Athena refuses is a `CatalogError`, and a `CatalogUnavailable` where
    the same query can succeed later.
    """

    def __init__(
        self,
        client: AthenaClient,
        database: str,
        work_group: str,
        *,
        scan_limit_bytes: int = 0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._database = database
        self._work_group = work_group
        self._limit = scan_limit_bytes
        self._pause = pause
        self._refused = Refused(client.meta.partition, client.meta.region_name, work_group)

    def run(self, sql: str, limit: int | None = None) -> QueryResult:
        """Run a statement and give at most `limit` rows of its result; all of them for None.

        Athena ends a query by itself after the time that its quota allows, 30 minutes by default;
        whatever else ends the waiting, an interrupt too, stops the query.
        """
        is_guarded = self._limit > 0 and self._is_cut_off()
        query_id = self._start(sql)
        try:
            done = self._wait(query_id)
        except BaseException:
            self._stop(query_id)
            raise
        if done["Status"]["State"] != "SUCCEEDED":
            raise self._refused.failed(query_id, done["Status"])
        scanned = _scanned(done)
        if self._limit and scanned > self._limit and not is_guarded:
            _LOG.warning(
                "Athena's query %s had ended before it was seen to scan %d bytes, above "
                "LAKE_ATHENA_SCAN_LIMIT_MB: it is paid for. Only BytesScannedCutoffPerQuery of work "
                "group %s ends a query in time.",
                query_id,
                scanned,
                self._work_group,
            )
        columns, rows = self._fetch(query_id, None if limit is None else limit + 1)
        is_whole = limit is None or len(rows) <= limit
        return QueryResult(table_of(columns, rows[:limit]), is_whole, query_id, scanned)

    def work_group(self) -> WorkGroupTypeDef:
        """The work group, as Athena describes it."""
        return self._ask(
            "GetWorkGroup", lambda: self._client.get_work_group(WorkGroup=self._work_group)
        )["WorkGroup"]

    def _start(self, sql: str) -> str:
        # A request that boto3 sends twice starts one query: both have the token.
        token = uuid.uuid4().hex
        return self._ask(
            "StartQueryExecution",
            lambda: self._client.start_query_execution(
                QueryString=sql,
                ClientRequestToken=token,
                QueryExecutionContext={"Catalog": "AwsDataCatalog", "Database": self._database},
                WorkGroup=self._work_group,
            ),
        )["QueryExecutionId"]

    def _wait(self, query_id: str) -> QueryExecutionTypeDef:
        """The query once it has ended, well or not."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            found = self._ask(
                "GetQueryExecution",
                lambda: self._client.get_query_execution(QueryExecutionId=query_id),
            )["QueryExecution"]
            if found["Status"]["State"] in _FINAL:
                return found
            if self._limit and _scanned(found) > self._limit:
                raise CatalogError(
                    f"Expected a query that scans at most {self._limit // _MB:,} MB; Athena's "
                    f"{query_id} has scanned {_scanned(found) // _MB:,} MB and is stopped; that "
                    "much is paid for. Ask for fewer partitions or columns, or raise "
                    "LAKE_ATHENA_SCAN_LIMIT_MB."
                )
            self._pause(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

    def _stop(self, query_id: str) -> None:
        """Stop a query; where that fails the cause of stopping it is still the one to tell."""
        try:
            self._ask(
                "StopQueryExecution",
                lambda: self._client.stop_query_execution(QueryExecutionId=query_id),
            )
        except CatalogError as error:
            _LOG.warning("Athena's query %s may go on: %s", query_id, error)

    def _is_cut_off(self) -> bool:
        """Whether the work group itself ends a query at the limit or below."""
        cutoff = self.work_group().get("Configuration", {}).get("BytesScannedCutoffPerQuery", 0)
        return 0 < cutoff <= self._limit

    def _fetch(
        self, query_id: str, limit: int | None
    ) -> tuple[list[ColumnInfoTypeDef], list[RowTypeDef]]:
        """Columns and rows, page by page; those of a SELECT begin with a row of column names."""
        columns: list[ColumnInfoTypeDef] = []
        rows: list[RowTypeDef] = []
        token = ""
        while True:
            page = self._ask(
                "GetQueryResults",
                lambda token=token: self._client.get_query_results(  # type: ignore[misc]
                    QueryExecutionId=query_id,
                    MaxResults=_PAGE,
                    **({"NextToken": token} if token else {}),
                ),
            )
            found = page["ResultSet"]
            if not token:
                columns = list(found.get("ResultSetMetadata", {}).get("ColumnInfo", []))
            rows += rows_of(columns, found.get("Rows", []), is_first_page=not token)
            token = page.get("NextToken", "")
            if not token or (limit is not None and len(rows) >= limit):
                return columns, rows

    def _ask(self, action: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except AWS_FAILURES as error:
            raise self._refused.call(action, error) from error


def _scanned(query: QueryExecutionTypeDef) -> int:
    return query.get("Statistics", {}).get("DataScannedInBytes", 0)
