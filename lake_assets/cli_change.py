"""Commands that change what readers see: materialize, rollback."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from lake_assets.cli_app import (
    Everything,
    OnePartition,
    PartitionRange,
    TableName,
    catalog,
    command,
    location,
)
from lake_assets.cli_print import count, print_ledger, print_table, say
from resources.browse import Published, published_table
from resources.catalog.base import Pointer
from resources.settings import load_settings

#: Before anything can have expired.
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@command
def materialize(
    table: TableName,
    partition: OnePartition = None,
    partitions: PartitionRange = None,
    everything: Everything = False,  # noqa: FBT002
) -> None:
    """Refine, audit and publish what changed: by default wherever there are raw objects."""
    from lake_assets.materialize import Wanted, materialize_table  # noqa: PLC0415 imports Dagster

    wanted = Wanted.of(partition, partitions, everything=everything)
    done = materialize_table(table, wanted)
    found = published_table(catalog(), table)
    if done:
        shown = Published(found.entry, {key: found.pointers[key] for key in done})
        say()
        print_ledger(shown.ledger())
    say(f"{table}: {found.rows:,} rows in {len(found.pointers):,} partitions, {location(found)}")


@command
def rollback(
    table: TableName,
    partitions: Annotated[list[str], typer.Argument(metavar="PARTITION...", help="All or none.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,  # noqa: FBT002
) -> None:
    """Point readers of some partitions at what was published before."""
    from lake_assets.rollback import show_in_ui  # noqa: PLC0415 imports Dagster

    pointers = catalog()
    wanted = list(dict.fromkeys(partitions))
    now = published_table(pointers, table).pointers
    before: dict[str, Pointer] = {}
    for each in pointers.retained(table, keep_previous=1, expired_since=_EVER):
        if each.partition in wanted and each != now.get(each.partition):
            before.setdefault(each.partition, each)
    if before.keys() >= set(wanted):
        _print_change(now, before)
        if pointers.moved_together and len(wanted) > pointers.moved_together:
            say(
                f"Readers see {pointers.moved_together:,} partitions change at a time. If this is "
                "interrupted, compare `lake history` with the table above, and roll back only those "
                "that were left."
            )
        if not yes and not typer.confirm("Roll back?"):
            raise typer.Exit(1)
    restored = {each.partition: each for each in pointers.rollback(table, wanted)}
    if restored != before:
        say("Something else was published meanwhile. What was rolled back:")
        _print_change(now, restored)
    show_in_ui(load_settings(), table, restored.values())
    say(f"Readers of {len(restored):,} partition(s) see what was published before.")
    say(f"To publish anew: lake materialize {table} --partition {wanted[0]} --all", style="dim")


def _print_change(now: dict[str, Pointer], then: dict[str, Pointer]) -> None:
    print_table(
        ["partition", "rows now", "rows then", "attempt now", "attempt then"],
        [
            (
                key,
                count(now[key].rows if key in now else 0),
                count(each.rows),
                now[key].attempt if key in now else "expired",
                each.attempt,
            )
            for key, each in then.items()
        ],
        right=["rows now", "rows then"],
    )
