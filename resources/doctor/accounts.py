"""Checks of who we are to AWS, and of the catalog that tables are published to."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from resources.aws import aws_client
from resources.aws_errors import AWS_FAILURES, refusal
from resources.catalog.glue_errors import DENIED, NotThere, Refusal
from resources.catalog.opening import open_catalog
from resources.doctor.base import PROBES, Check, Doubt, NotTried
from resources.errors import CatalogError, CatalogUnavailable, SettingsError
from resources.mysql_settings import MySqlSettings
from resources.settings import Settings
from resources.storage import Storage, open_storage

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient

_UNPROVEN = (
    "changing tables is proven only by publishing: it takes glue:CreateTable, UpdateTable, "
    "BatchCreatePartition, BatchUpdatePartition and BatchDeletePartition"
)


def identity_checks(settings: Settings, mysql: MySqlSettings | None) -> list[Check]:
    """Whose credentials are used; nothing where nothing is on AWS."""
    logs_in_by_aws = mysql is not None and (mysql.iam or bool(mysql.secret))
    if not settings.is_on_s3 and not logs_in_by_aws:
        return []  # Glue is only for a lake on S3
    return [Check("aws", "ask who we are (sts:GetCallerIdentity)", lambda: _identity(settings))]


def catalog_checks(settings: Settings, storage: Storage) -> list[Check]:
    """The local catalog's folder, or what may be read of Glue."""
    if settings.catalog == "glue":
        return [
            Check("catalog", f"get Glue's database {settings.glue.database}",
                  lambda: _glue_database(settings)),
            Check("catalog", "list its tables", lambda: _tables(settings, storage)),
            Check("catalog", "read a table's partitions", lambda: _partitions(settings, storage)),
        ]  # fmt: skip
    return [
        Check("catalog", f"write to {settings.local_folder}", lambda: _local_folder(settings)),
        Check("catalog", "list the tables", lambda: _local_tables(settings, storage)),
    ]


def _identity(settings: Settings) -> str:
    aws = settings.aws
    if "s3" in aws.endpoints and "sts" not in aws.endpoints and not aws.role:
        raise NotTried("LAKE_S3_ENDPOINT is set without LAKE_STS_ENDPOINT: AWS does not know us")
    try:
        found = aws_client(aws, "sts").get_caller_identity()
    except AWS_FAILURES as error:
        why = refusal(error, "sts:GetCallerIdentity", "*")
        kind = CatalogUnavailable if why.retryable else SettingsError
        raise kind(f"Expected AWS to know who asks, found: {why.words}.") from error
    return found["Arn"]


def _glue_database(settings: Settings) -> str:
    client = aws_client(settings.aws, "glue")
    name = settings.glue.database
    asked = Refusal("GetDatabase", name, "", client.meta.region_name)
    try:
        client.get_database(Name=name)
    except ClientError as error:
        refused = asked.refused(error)
        if isinstance(refused, NotThere):
            raise Doubt(
                f"Glue has no database {name!r}. The first publication makes it and needs "
                f"glue:CreateDatabase on {_arn(client)}:catalog and {_arn(client)}:database/{name}; "
                "that is not tried here. Or make it yourself, or correct LAKE_GLUE_DATABASE."
            ) from error
        if error.response["Error"]["Code"] in DENIED:
            raise Doubt(
                f"{refused} Publishing does without, where the database is there."
            ) from error
        raise refused from error
    except AWS_FAILURES as error:
        raise asked.unavailable(error) from error
    return ""


def _tables(settings: Settings, storage: Storage) -> str:
    found = len(open_catalog(settings, storage).tables())
    return f"{found:,} of this lake; {_UNPROVEN}"


def _partitions(settings: Settings, storage: Storage) -> str:
    catalog = open_catalog(settings, storage)
    try:
        tables = catalog.tables()
    except CatalogError as error:
        raise NotTried("the tables could not be listed") from error
    if not tables:
        raise NotTried("no table of this lake is published yet; it takes glue:GetPartitions")
    name = tables[0].name
    return f"{name}: {len(catalog.pointers(name)):,}"


def _arn(client: GlueClient) -> str:
    return f"arn:aws:glue:{client.meta.region_name}:<account>"


def _local_folder(settings: Settings) -> str:
    folder = open_storage(settings.local_folder)
    key = f"{PROBES}{uuid.uuid4().hex}"
    folder.write(key, b"written by lake doctor")
    folder.delete([key])
    return ""


def _local_tables(settings: Settings, storage: Storage) -> str:
    if not Path(settings.local_folder.removeprefix("file://"), "catalog.sqlite").is_file():
        return "nothing is published yet"
    return f"{len(open_catalog(settings, storage).tables()):,}"
