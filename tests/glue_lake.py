"""A Glue catalog in a database of its own on moto's server, with attempts to publish."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from resources.catalog.base import Catalog, Pointer, TableEntry
from resources.catalog.glue import GlueCatalog
from resources.catalog.lease import Terms
from resources.storage import FolderStorage
from spark.contract import Column, Contract
from tests.pointers import FIVE, written_attempt
from tests.servers.glue import Calls, glue_client

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient
    from types_boto3_glue.type_defs import PartitionTypeDef, TableTypeDef

ID = Column("id", "int", nullable=False, comment="Which play")
TITLE = Column("title", "string")
TABLE = TableEntry(
    name="Radio",
    contract=Contract((ID, TITLE)),
    partition_columns=("dt", "hour"),
    comment="What was played",
    owners=("team:radio", "a@b.org"),
)


class Lake(NamedTuple):
    """A catalog in a database of its own, and the ways to look behind it."""

    catalog: Catalog
    client: GlueClient
    calls: Calls
    storage: FolderStorage
    database: str

    def partition(self, key: str) -> PartitionTypeDef:
        values = [key[:10], key[11:]]
        return self.client.get_partition(
            DatabaseName=self.database, TableName="lake_radio", PartitionValues=values
        )["Partition"]

    def table(self) -> TableTypeDef:
        return self.client.get_table(DatabaseName=self.database, Name="lake_radio")["Table"]

    def another(self) -> GlueCatalog:
        return GlueCatalog(
            self.client, self.storage, self.database, location=location, table_prefix="lake_"
        )


def location(key: str) -> str:
    return f"s3://bucket/{key}"


def open_lake(url: str, folder: Path, database: str = "", terms: Terms | None = None) -> Lake:
    """The catalog of a database, a new one unless named, with its objects in a folder."""
    client = glue_client(url)
    storage = FolderStorage(folder)
    database = database or f"db_{uuid.uuid4().hex}"
    catalog = GlueCatalog(
        client, storage, database, location=location, table_prefix="lake_", terms=terms
    )
    return Lake(catalog, client, Calls(client), storage, database)


def attempt(lake: Lake, name: str, partition: str = FIVE, files: int = 1) -> Pointer:
    """An attempt on the lake's table, with its files in storage."""
    return written_attempt(lake.storage, "Radio", name, partition, files)


def hours(lake: Lake, name: str, count: int) -> list[Pointer]:
    keys = [f"2014-06-{1 + n // 24:02d}-{n % 24:02d}" for n in range(count)]
    return [attempt(lake, name, key) for key in keys]


def columns(*changes: Column) -> TableEntry:
    return replace(TABLE, contract=Contract(changes))
