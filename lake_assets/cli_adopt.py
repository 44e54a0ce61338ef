"""The command that takes over Parquet files of others without rewriting them."""

from __future__ import annotations

from typing import Annotated

import typer

from lake_assets.cli_app import TableName, command
from lake_assets.cli_print import count, print_table, say, size
from resources.settings import load_settings

#: Partitions that are named one by one.
_SHOWN = 20


@command
def adopt(
    table: TableName,
    location: Annotated[
        str,
        typer.Argument(
            metavar="LOCATION", help="Above dt=…/hour=…: a folder, or s3://bucket/plays."
        ),
    ],
    publish: Annotated[  # noqa: FBT002
        bool, typer.Option("--publish/--dry-run", help="Publish, or only say what would be.")
    ] = False,
) -> None:
    """Publish Parquet files that others wrote, where they lie; checks them unless --publish."""
    from lake_assets.adopted import show_in_ui  # noqa: PLC0415 imports Dagster
    from lake_assets.declared import declared_table  # noqa: PLC0415 imports Dagster
    from resources.adoption import adopt as take_over  # noqa: PLC0415 imports Spark
    from resources.adoption import survey  # noqa: PLC0415 imports Spark
    from resources.lake import Lake  # noqa: PLC0415 imports Spark

    settings = load_settings()
    declared, lake = declared_table(table), Lake(settings)
    found = survey(lake, declared.table, location, frozenset(declared.keys()))
    shown = found.candidates[:_SHOWN]
    if shown:
        print_table(
            ["partition", "files", "rows", "bytes", "directory"],
            [
                (
                    each.partition,
                    count(len(each.files)),
                    count(each.rows),
                    size(each.bytes),
                    each.directory,
                )
                for each in shown
            ],
            right=["files", "rows", "bytes"],
        )
    if len(found.candidates) > len(shown):
        say(f"… and {len(found.candidates) - len(shown):,} more partitions")
    if found.current:
        say(f"{len(found.current):,} partitions are adopted from there already.")
    if found.others:
        say(
            f"{len(found.others):,} partitions are left as they are, since something else is "
            f"published for them: {', '.join(found.others[:_SHOWN])}"
        )
    rows = sum(each.rows for each in found.candidates)
    if not publish and not found.problems:
        say(f"{table}: would publish {rows:,} rows in {len(found.candidates):,} partitions.")
        say("Nothing was changed: add --publish.")
        return
    done = take_over(lake, declared.table, found)
    if done is not None:
        show_in_ui(settings, table, done.pointers)
    say(f"{table}: published {rows:,} rows in {len(found.candidates):,} partitions.")
