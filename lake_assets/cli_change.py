"""Commands that change what readers see or what is kept: materialize, rollback, cleanup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated

import typer

from lake_assets.cli_app import TableName, catalog, command, location, storage
from lake_assets.cli_print import count, print_ledger, print_table, say, size
from resources.browse import Published, published_table
from resources.catalog.base import Pointer
from resources.cleanup import Removal
from resources.cleanup import cleanup as clean_up
from resources.errors import SettingsError
from resources.settings import load_settings

_AGE = re.compile(r"(\d{1,6})([mhdw])")
_AGE_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@command
def materialize(
    table: TableName,
    partition: Annotated[str | None, typer.Option(help="One partition, as 2026-11-01-05.")] = None,
    partitions: Annotated[
        str | None, typer.Option(metavar="FIRST...LAST", help="A range of them, both included.")
    ] = None,
    everything: Annotated[  # noqa: FBT002
        bool, typer.Option("--all", help="Also partitions of which nothing has changed.")
    ] = False,
) -> None:
    """Refine, audit and publish what changed: by default wherever there are raw objects."""
    from lake_assets.materialize import Wanted, materialize_table  # noqa: PLC0415 imports Dagster

    if partition is not None and partitions is not None:
        raise SettingsError("expected --partition or --partitions, found both")
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
    for each in pointers.retained(table, keep_previous=1):
        if each.partition in wanted and each != now.get(each.partition):
            before[each.partition] = each
    if before.keys() >= set(wanted):
        _print_change(now, before)
        if not yes and not typer.confirm("Roll back?"):
            raise typer.Exit(1)
    restored = {each.partition: each for each in pointers.rollback(table, wanted)}
    if restored != before:
        say("Something else was published meanwhile. What was rolled back:")
        _print_change(now, restored)
    show_in_ui(load_settings(), table, restored.values())
    say(f"Readers of {len(restored):,} partition(s) see what was published before.")
    say(f"To publish anew: lake materialize {table} --partition {wanted[0]} --all", style="dim")


@command
def cleanup(
    keep_previous: Annotated[
        int | None,
        typer.Option(min=0, help="Earlier versions to keep for a rollback [LAKE_KEEP_PREVIOUS]."),
    ] = None,
    older_than: Annotated[str, typer.Option(help="Younger files stay: 90m, 12h, 7d, 2w.")] = "7d",
    remove: Annotated[  # noqa: FBT002
        bool, typer.Option("--remove/--dry-run", help="Remove, or only list what would go.")
    ] = False,
) -> None:
    """Remove attempts and reference versions that nothing needs; lists them unless --remove."""
    settings = load_settings()
    report = clean_up(
        storage(),
        catalog(),
        keep_previous=settings.keep_previous if keep_previous is None else keep_previous,
        older_than=_age(older_than),
        dry_run=not remove,
    )
    if report.removals:
        print_table(
            ["directory", "objects", "bytes"],
            [
                (each.directory, count(each.objects), size(each.bytes))
                for each in _by_attempt(report.removals)
            ],
            right=["objects", "bytes"],
        )
    done = "Removed" if remove else "Would remove"
    say(f"{done} {report.objects:,} objects, {size(report.bytes)}.")
    if report.removals and not remove:
        say("Nothing was removed: add --remove.")


def _print_change(now: dict[str, Pointer], then: dict[str, Pointer]) -> None:
    print_table(
        ["partition", "rows now", "rows then", "attempt now", "attempt then"],
        [
            (key, count(now[key].rows), count(each.rows), now[key].attempt, each.attempt)
            for key, each in then.items()
        ],
        right=["rows now", "rows then"],
    )


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise SettingsError(
            f"--older-than: expected an age like 90m, 12h, 7d or 2w, found {text!r}"
        )
    return timedelta(**{_AGE_UNITS[match[2]]: int(match[1])})


def _by_attempt(removals: Iterable[Removal]) -> Iterator[Removal]:
    """A line for each attempt or version, however many partitions it has."""
    whole: dict[str, Removal] = {}
    for each in removals:
        place = "/".join(each.directory.split("/")[:3])
        known = whole.get(place, Removal(place, 0, 0))
        whole[place] = Removal(place, known.objects + each.objects, known.bytes + each.bytes)
    yield from whole.values()
