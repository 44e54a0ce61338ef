"""The command that says what is not up to date, and what would bring it there."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from lake_assets.cli_app import TableName, command
from lake_assets.cli_print import count, print_table, say
from resources.lake import Lake
from resources.settings import load_settings
from resources.stale import commands, stale_inputs
from resources.stale import stale as stale_partitions


@command
def stale(
    table: TableName,
    listed: Annotated[  # noqa: FBT002
        bool, typer.Option("--raw/--no-raw", help="List raw objects too, a call a partition.")
    ] = True,
) -> None:
    """List partitions that are not made from what there is now, with the commands that mend it."""
    from lake_assets.declared import declared_table  # noqa: PLC0415 imports Dagster

    declared, lake = declared_table(table), Lake(load_settings())
    found = (
        stale_partitions(lake, declared.table, lake.raw(declared.table, declared.keys()))
        if listed
        else stale_inputs(lake, declared.table)
    )
    if not found:
        say(f"Every partition of {table} is made from what is there now.")
        return
    reasons = Counter(", ".join(each.reasons) for each in found)
    print_table(
        ["made from other", "partitions"],
        [(reason, count(number)) for reason, number in reasons.most_common()],
        right=["partitions"],
    )
    say("To bring them up to date:")
    for line in commands(declared.table, [each.partition for each in found]):
        say(f"  {line}")
