"""Metadata of a run's materializations, of one partition or of a whole range."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from lake_assets.metadata import Metadata


def metadata_of(context: dg.AssetExecutionContext, found: Mapping[str, Metadata]) -> Metadata:
    """What to return as the result's metadata, with the metadata of each partition given.

    Of a range nothing is left to return: Dagster would show it before that of the partition.
    """
    if context.has_partition_key_range and not context.has_partition_key:
        for key, metadata in found.items():
            context.add_asset_metadata(metadata, partition_key=key)
        return {}
    (only,) = found.values()
    return only
