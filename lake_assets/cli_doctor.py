"""The command that tries each connection and permission: doctor."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated

import typer

from lake_assets.cli_app import command
from lake_assets.cli_print import print_table, say
from resources.table import Table

_STYLES = {"failed": "red", "warning": "yellow"}


@command
def doctor(
    spark: Annotated[  # noqa: FBT002
        bool, typer.Option("--spark", help="Also what takes a JVM: packages, logins, references.")
    ] = False,
) -> None:
    """Try each connection and permission that the settings need, and say what is missing."""
    from lake_assets.declared import declared_tables  # noqa: PLC0415 imports Dagster
    from resources.doctor.base import Check, Secrets, State, examine  # noqa: PLC0415 only here
    from resources.doctor.lake import Declared, examine_lake  # noqa: PLC0415 imports Spark

    tables: list[Table] = []

    def load() -> str:
        tables.extend(each.table for each in declared_tables().values())
        return ", ".join(each.name for each in tables) or "none yet"

    declarations = Check("declarations", "load them", load)
    found = list(examine([declarations], Secrets.of(os.environ)))
    found += examine_lake(os.environ, Declared.by(tables), with_spark=spark)
    print_table(
        ["what", "tried", "result", "found"],
        [
            (each.place, each.tried, each.state.value, each.said if each.state in _SHORT else "")
            for each in found
        ],
    )
    for each in found:
        if each.state.value in _STYLES:
            say(f"{each.place}: {each.tried}: {each.state.value}", style=_STYLES[each.state.value])
            say(f"  {each.said}")
    counts = Counter(each.state for each in found)
    say(", ".join(f"{counts[state]} {state.value}" for state in State if counts[state]))
    if counts[State.failed]:
        raise typer.Exit(1)


#: How those checks ended whose words fit into the table.
_SHORT = ("ok", "not tried")
