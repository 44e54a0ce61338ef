"""Showing in the UI what was published by adopting files."""

from collections.abc import Iterable

import dagster as dg

from lake_assets.home import dagster_home
from lake_assets.metadata import catalog_metadata
from resources.catalog.base import Pointer
from resources.settings import Settings


def show_in_ui(settings: Settings, table: str, pointers: Iterable[Pointer]) -> None:
    """Leave a materialization of each adopted partition; of a table without any, of the table."""
    dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        for each in pointers:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    asset_key=["catalog", table],
                    partition=each.partition if each.values else None,
                    metadata={**catalog_metadata(each), "origin": each.inputs["origin"]},
                )
            )
