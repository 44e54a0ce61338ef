"""The catalog that the settings name."""

from __future__ import annotations

from resources.catalog.base import Catalog
from resources.catalog.local import LocalCatalog
from resources.errors import SettingsError
from resources.settings import Settings
from resources.storage import Storage


def open_catalog(settings: Settings, storage: Storage) -> Catalog:
    """The catalog over the files of `storage`. Raises `SettingsError` for one that is not there."""
    if settings.catalog == "local":
        return LocalCatalog(settings.local_folder, storage)
    raise SettingsError(
        f"LAKE_CATALOG: expected 'local', found {settings.catalog!r}, which this version cannot "
        "publish to yet."
    )
