"""The command `lake`: what people do with tables outside the UI.

Dagster takes seconds to import, so only the commands that need the declarations do.
"""

from lake_assets import (
    cli_adopt,
    cli_change,
    cli_compute,
    cli_declare,
    cli_doctor,
    cli_look,
    cli_notebook,
    cli_promote,
    cli_show,
    cli_stale,
    cli_upkeep,
)
from lake_assets.cli_app import app

__all__ = [
    "app",
    "cli_adopt",
    "cli_change",
    "cli_compute",
    "cli_declare",
    "cli_doctor",
    "cli_look",
    "cli_notebook",
    "cli_promote",
    "cli_show",
    "cli_stale",
    "cli_upkeep",
]

if __name__ == "__main__":
    app()
