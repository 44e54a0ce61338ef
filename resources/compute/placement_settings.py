"""Settings of where jobs run and what they may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resources.compute.prices import load_prices
from resources.environment import amount


@dataclass(frozen=True)
class PlacementSettings:
    """The file of prices, empty for list prices, and what one run may cost and take at the most.

    A limit that is None is none; a declaration can set a stricter one.
    """

    prices_file: str = ""
    max_usd: float | None = None
    max_minutes: float | None = None


def placement_settings(env: Mapping[str, str]) -> PlacementSettings:
    """Read LAKE_PRICES, LAKE_MAX_USD and LAKE_MAX_MINUTES; raises `SettingsError`."""
    file = env.get("LAKE_PRICES", "").strip()
    load_prices(file)
    return PlacementSettings(file, amount(env, "LAKE_MAX_USD"), amount(env, "LAKE_MAX_MINUTES"))
