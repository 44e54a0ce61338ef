"""The calls of the Glue Data Catalog: their limits, batches, pages and retries.

What tables and partitions mean belongs to `glue.py` and `glue_format.py`, what errors mean to
`glue_errors.py`. Limits are those of the API reference of 2017-03-31.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from resources.catalog.glue_errors import PASSING, AlreadyExists, NotThere, Refusal
from resources.errors import CatalogUnavailable

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient
    from types_boto3_glue.type_defs import (
        ErrorDetailTypeDef,
        PartitionInputTypeDef,
        PartitionTypeDef,
        TableInputTypeDef,
        TableTypeDef,
    )

MAX_WRITTEN = 100
MAX_DELETED = 25
MAX_READ = 1000
_ROUNDS = 6
_LONGEST_PAUSE_SECONDS = 20.0

Values = tuple[str, ...]
T = TypeVar("T")


class _Page(TypedDict, total=False):
    NextToken: str


class _Checked(TypedDict, total=False):
    VersionId: str


@dataclass(frozen=True)
class Failure:
    """One entry of a batch that Glue did not carry out, and why."""

    values: Values
    code: str
    message: str

    @property
    def is_passing(self) -> bool:
        """Whether the same entry can succeed later."""
        return self.code in PASSING


def _nothing() -> None:
    """Do nothing."""


class GlueApi:
    """One database of the Glue Data Catalog.

    Raises `CatalogUnavailable` where Glue is throttling or down even after retries, `CatalogError`
    where it refuses. `pause` sleeps a number of seconds.
    """

    def __init__(
        self, client: GlueClient, database: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.database = database
        self._client = client
        self._pause = pause

    def create_database(self) -> None:
        """Make the database; one that is there is left as it is."""
        with contextlib.suppress(AlreadyExists):
            self._ask(
                "CreateDatabase",
                "",
                lambda: self._client.create_database(
                    DatabaseInput={"Name": self.database, "Description": "Published by Lake Assets"}
                ),
            )

    def table(self, name: str) -> TableTypeDef | None:
        """The table, or None where it or the database is not there."""
        try:
            return self._ask(
                "GetTable",
                name,
                lambda: self._client.get_table(DatabaseName=self.database, Name=name),
            )["Table"]
        except NotThere:
            return None

    def tables(self) -> Iterator[TableTypeDef]:
        """Every table of the database, also those of others; none without the database."""
        token = ""
        while True:
            try:
                page = self._ask(
                    "GetTables",
                    "*",
                    lambda token=token: self._client.get_tables(  # type: ignore[misc]
                        DatabaseName=self.database, **_from(token)
                    ),
                )
            except NotThere:
                return
            yield from page["TableList"]
            token = page.get("NextToken", "")
            if not token:
                return

    def create_table(self, table: TableInputTypeDef) -> bool:
        """Create a table, and the database if needed; False where another was faster."""
        try:
            try:
                self._create_table(table)
            except NotThere:
                self.create_database()
                self._create_table(table)
        except AlreadyExists:
            return False
        return True

    def update_table(self, table: TableInputTypeDef, version: str | None, *, archive: bool) -> None:
        """Replace a table's definition, if it is still the version that was read."""
        checked: _Checked = {"VersionId": version} if version else {}
        self._ask(
            "UpdateTable",
            table["Name"],
            lambda: self._client.update_table(
                DatabaseName=self.database,
                TableInput=table,
                SkipArchive=not archive,
                **checked,
            ),
        )

    def partitions(self, table: str, *, with_columns: bool = False) -> Iterator[PartitionTypeDef]:
        """Every partition, page by page."""
        token = ""
        while True:
            page = self._ask(
                "GetPartitions",
                table,
                lambda token=token: self._client.get_partitions(  # type: ignore[misc]
                    DatabaseName=self.database,
                    TableName=table,
                    MaxResults=MAX_READ,
                    ExcludeColumnSchema=not with_columns,
                    **_from(token),
                ),
            )
            yield from page["Partitions"]
            token = page.get("NextToken", "")
            if not token:
                return

    def find_partitions(
        self, table: str, wanted: Sequence[Values]
    ) -> dict[Values, PartitionTypeDef]:
        """Those of the named partitions that are there."""
        found: dict[Values, PartitionTypeDef] = {}
        for batch in _batched(wanted, MAX_READ):
            left = [list(values) for values in batch]
            for attempt in range(_ROUNDS):
                said = self._ask(
                    "BatchGetPartition",
                    table,
                    lambda left=left: self._client.batch_get_partition(  # type: ignore[misc]
                        DatabaseName=self.database,
                        TableName=table,
                        PartitionsToGet=[{"Values": values} for values in left],
                    ),
                )
                found.update({tuple(each["Values"]): each for each in said.get("Partitions", [])})
                left = [list(each["Values"]) for each in said.get("UnprocessedKeys", [])]
                if not left:
                    break
                self._wait(attempt)
            else:
                raise CatalogUnavailable(
                    f"Expected Glue to read {len(batch)} partitions of {self.database}.{table}; "
                    f"after {_ROUNDS} calls {len(left)} are still unprocessed. Try again later."
                )
        return found

    def create_partitions(
        self, table: str, partitions: Sequence[PartitionInputTypeDef], before: Callable[[], None]
    ) -> list[Failure]:
        """Create partitions, a hundred a call; `before` is called ahead of each call."""

        def create(batch: Sequence[PartitionInputTypeDef]) -> list[Failure]:
            said = self._client.batch_create_partition(
                DatabaseName=self.database, TableName=table, PartitionInputList=batch
            )
            return [
                _failure(each.get("PartitionValues", []), each.get("ErrorDetail", {}))
                for each in said.get("Errors", [])
            ]

        return self._in_batches("BatchCreatePartition", table, partitions, create, before)

    def update_partitions(
        self, table: str, partitions: Sequence[PartitionInputTypeDef], before: Callable[[], None]
    ) -> list[Failure]:
        """Replace partitions, a hundred a call; `before` is called ahead of each call."""

        def update(batch: Sequence[PartitionInputTypeDef]) -> list[Failure]:
            said = self._client.batch_update_partition(
                DatabaseName=self.database,
                TableName=table,
                Entries=[
                    {"PartitionValueList": each.get("Values", []), "PartitionInput": each}
                    for each in batch
                ],
            )
            return [
                _failure(each.get("PartitionValueList", []), each.get("ErrorDetail", {}))
                for each in said.get("Errors", [])
            ]

        return self._in_batches("BatchUpdatePartition", table, partitions, update, before)

    def delete_partitions(
        self, table: str, wanted: Sequence[Values], before: Callable[[], None]
    ) -> list[Failure]:
        """Delete partitions, 25 a call; those that are gone already are no failure."""

        def delete(batch: Sequence[PartitionInputTypeDef]) -> list[Failure]:
            said = self._client.batch_delete_partition(
                DatabaseName=self.database,
                TableName=table,
                PartitionsToDelete=[{"Values": each.get("Values", [])} for each in batch],
            )
            return [
                _failure(each.get("PartitionValues", []), each.get("ErrorDetail", {}))
                for each in said.get("Errors", [])
            ]

        inputs: list[PartitionInputTypeDef] = [{"Values": values} for values in wanted]
        failures = self._in_batches(
            "BatchDeletePartition", table, inputs, delete, before, size=MAX_DELETED
        )
        return [each for each in failures if each.code != "EntityNotFoundException"]

    def _create_table(self, table: TableInputTypeDef) -> None:
        self._ask(
            "CreateTable",
            table["Name"],
            lambda: self._client.create_table(DatabaseName=self.database, TableInput=table),
        )

    def _in_batches(
        self,
        action: str,
        table: str,
        partitions: Sequence[PartitionInputTypeDef],
        call: Callable[[Sequence[PartitionInputTypeDef]], list[Failure]],
        before: Callable[[], None],
        size: int = MAX_WRITTEN,
    ) -> list[Failure]:
        failures: list[Failure] = []
        for batch in _batched(partitions, size):
            left: Sequence[PartitionInputTypeDef] = batch
            for attempt in range(_ROUNDS):
                refused = self._ask(action, table, lambda left=left: call(left), before)  # type: ignore[misc]
                failures += [each for each in refused if not each.is_passing]
                passing = {each.values: each for each in refused if each.is_passing}
                left = [each for each in left if tuple(each.get("Values", [])) in passing]
                if not left:
                    break
                self._wait(attempt)
            else:
                failures += passing.values()
        return failures

    def _ask(
        self, action: str, table: str, call: Callable[[], T], before: Callable[[], None] = _nothing
    ) -> T:
        for attempt in range(_ROUNDS):
            before()
            try:
                return call()
            except ClientError as error:
                if error.response["Error"]["Code"] not in PASSING:
                    raise self._refusal(action, table).refused(error) from error
                last: Exception = error
            except BotoCoreError as error:
                raise self._refusal(action, table).unavailable(error) from error
            if attempt < _ROUNDS - 1:
                self._wait(attempt)
        raise self._refusal(action, table).unavailable(last) from last

    def _refusal(self, action: str, table: str) -> Refusal:
        return Refusal(action, self.database, table, self._client.meta.region_name)

    def _wait(self, attempt: int) -> None:
        """Full jitter, so that publishers that were turned away together come back apart."""
        longest = min(_LONGEST_PAUSE_SECONDS, 0.5 * 2**attempt)
        self._pause(random.uniform(0, longest))  # noqa: S311


def _from(token: str) -> _Page:
    """Where a page starts; the first has no token, not an empty one."""
    return {"NextToken": token} if token else {}


def _batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _failure(values: Sequence[str], detail: ErrorDetailTypeDef) -> Failure:
    return Failure(
        tuple(values), detail.get("ErrorCode", "UnknownError"), detail.get("ErrorMessage", "")
    )
