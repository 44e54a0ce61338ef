"""What exists: the Dagster code location, and the component that tables are declared with.

Importing a name loads Dagster; importing the package alone does not, which keeps `lake sql` quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake_assets.component import LakeTable

__all__ = ["LakeTable"]


def __getattr__(name: str) -> object:
    """Load the component when it is asked for."""
    if name != "LakeTable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lake_assets.component import LakeTable  # noqa: PLC0415

    return LakeTable
