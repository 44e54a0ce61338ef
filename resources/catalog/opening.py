"""The catalog that the settings name, and the Athena that queries it."""

from __future__ import annotations

from resources.aws import aws_client
from resources.catalog.athena import Athena
from resources.catalog.base import Catalog
from resources.catalog.glue import GlueCatalog
from resources.catalog.local import LocalCatalog
from resources.errors import SettingsError
from resources.settings import Settings
from resources.storage import Storage


def open_catalog(settings: Settings, storage: Storage) -> Catalog:
    """The local catalog or Glue's, of the lake in `storage`. Nothing is called yet."""
    if settings.catalog == "local":
        return LocalCatalog(settings.local_folder, storage)
    return open_glue(settings, storage)


def open_glue(settings: Settings, storage: Storage) -> GlueCatalog:
    """Glue's catalog of the lake in `storage`. Nothing is called yet."""
    return GlueCatalog(
        aws_client(settings.aws, "glue"),
        storage,
        settings.glue.database,
        location=storage.target_uri,
        table_prefix=settings.glue.table_prefix,
    )


def open_athena(settings: Settings) -> Athena:
    """Athena on the catalog's database; raises `SettingsError` for a local catalog."""
    if settings.catalog != "glue":
        raise SettingsError(
            "LAKE_CATALOG: expected 'glue' to query with Athena, found 'local'. Athena sees only "
            "what is published in Glue; DuckDB queries either."
        )
    return Athena(
        aws_client(settings.aws, "athena"),
        settings.glue.database,
        settings.glue.athena_work_group,
        scan_limit_bytes=settings.glue.athena_scan_limit_bytes,
    )
