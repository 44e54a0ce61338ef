"""Commands that keep a lake small and quick: compact, expire, cleanup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.progress import track

from lake_assets.cli_app import TableName, catalog, command, storage
from lake_assets.cli_print import console, count, print_table, say, size
from resources.cleanup import Removal
from resources.cleanup import cleanup as clean_up
from resources.errors import SettingsError
from resources.retention import Expiry
from resources.retention import expire as expire_table
from resources.settings import load_settings

_AGE = re.compile(r"(\d{1,6})([mhdw])")
_AGE_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@command
def compact(table: TableName, dry_run: DryRun = False) -> None:  # noqa: FBT002
    """Rewrite partitions of many small files into files of the target size, with the same rows."""
    from resources.lake import Lake  # noqa: PLC0415 imports PySpark

    compactor = Lake(load_settings()).compactor
    candidates = compactor.candidates(table)
    if not candidates:
        say(f"Nothing to do: no partition of {table} would have half as many files.")
        return
    if dry_run:
        print_table(
            ["partition", "files now", "files then", "bytes"],
            [
                (
                    each.pointer.partition,
                    count(len(each.pointer.files)),
                    count(each.files_after),
                    size(each.pointer.bytes),
                )
                for each in candidates
            ],
            right=["files now", "files then", "bytes"],
        )
        say("Nothing was changed: leave out --dry-run.")
        return
    done = list(
        track(
            compactor.compact(candidates),
            f"Compacting {table}",
            total=len(candidates),
            console=console(),
            disable=not console().is_terminal,
            transient=True,
        )
    )
    kept = [each for each in done if each.is_published]
    say(
        f"{table}: {sum(len(each.before.files) for each in kept):,} files of {len(kept):,} "
        f"partitions became {sum(len(each.after.files) for each in kept):,}, "
        f"{size(sum(each.before.bytes for each in kept))} became "
        f"{size(sum(each.after.bytes for each in kept))}."
    )
    if len(kept) < len(done):
        say(f"{len(done) - len(kept):,} partitions were published anew meanwhile, and stay so.")


@command
def expire(
    table: Annotated[str | None, typer.Argument(metavar="[TABLE]", help="All if left out.")] = None,
    dry_run: DryRun = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,  # noqa: FBT002
) -> None:
    """Publish partitions no more that are older than `retention` in their table's declaration."""
    from lake_assets.upkeep import tables_to_expire  # noqa: PLC0415 imports Dagster

    pointers, now = catalog(), datetime.now(UTC)
    tables = tables_to_expire(pointers, [table] if table else [])
    would = [expire_table(pointers, each, dry_run=True, now=now) for each in tables]
    if not any(each.pointers for each in would):
        say(f"Nothing to do: no partition of {len(tables):,} table(s) with `retention` is too old.")
        return
    _print_expiry(would)
    if dry_run:
        say("Nothing was changed: leave out --dry-run.")
        return
    if not yes and not typer.confirm("Publish them no more?"):
        raise typer.Exit(1)
    done = [expire_table(pointers, each, dry_run=False, now=now) for each in tables]
    say(
        f"{sum(len(each.pointers) for each in done):,} partitions are published no more. Until a "
        "clean-up removes their files, lake rollback TABLE PARTITION shows them again."
    )


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
    """Remove attempts and versions that nothing needs, and old scratch; lists them unless --remove."""
    settings = load_settings()
    report = clean_up(
        storage(),
        catalog(),
        keep_previous=settings.keep_previous if keep_previous is None else keep_previous,
        older_than=_age(older_than),
        scratch_older_than=timedelta(days=settings.scratch_days),
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


def _print_expiry(expired: Iterable[Expiry]) -> None:
    print_table(
        ["table", "partitions", "first", "last", "rows", "bytes"],
        [
            (
                each.table,
                count(len(each.pointers)),
                each.pointers[0].partition,
                each.pointers[-1].partition,
                count(each.rows),
                size(each.bytes),
            )
            for each in expired
            if each.pointers
        ],
        right=["partitions", "rows", "bytes"],
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
