"""The catalog that the settings name."""

from __future__ import annotations

from resources.aws import aws_client
from resources.catalog.base import Catalog
from resources.catalog.glue import GlueCatalog
from resources.catalog.local import LocalCatalog
from resources.settings import Settings
from resources.storage import Storage


def open_catalog(settings: Settings, storage: Storage) -> Catalog:
    """The local catalog or Glue's, of the lake in `storage`. Nothing is called yet."""
    if settings.catalog == "local":
        return LocalCatalog(settings.local_folder, storage)
    return GlueCatalog(
        aws_client(settings.aws, "glue"),
        storage,
        settings.glue.database,
        location=storage.target_uri,
        table_prefix=settings.glue.table_prefix,
    )
