"""The command that shows one table: columns, sample, ledger, and its partitions over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from lake_assets.cli_app import TableName, catalog, command, location, storage
from lake_assets.cli_print import bar, count, moment, print_ledger, print_table, say, size
from resources.browse import Published, first_published_rows, ledger_of, published_table
from resources.profile import profile as profile_of
from resources.profile import profile_extent, profile_line, value_text

#: Rows that are shown, one a column of the table.
_SAMPLE = 3


@command
def show(
    table: TableName,
    last: Annotated[int, typer.Option(min=0, help="Partitions shown, the latest.")] = 14,
    profile: Annotated[  # noqa: FBT002
        bool, typer.Option("--profile", help="Read some of the files and say what columns hold.")
    ] = False,
) -> None:
    """Show a table's columns, some rows, ledger, latest partitions and place."""
    found = published_table(catalog(), table)
    entry = found.entry
    say(f"{entry.name}: {entry.comment}" if entry.comment else entry.name, style="bold")
    _print_columns(found)
    if profile:
        _print_profile(found)
    print_ledger(found.ledger())
    _print_partitions(found, list(found.pointers)[-last:] if last else [])
    keys = list(found.pointers)
    facts = [
        ("partitions", f"{len(keys):,}" + (f", {keys[0]} to {keys[-1]}" if keys else "")),
        ("rows", count(found.rows)),
        ("bytes", size(found.bytes)),
        ("last published", moment(found.last_published)),
        ("owners", ", ".join(entry.owners) or "nobody"),
        ("location", location(found)),
    ]
    for name, value in facts:
        say(f"{name:<15} {value}")


def _print_columns(found: Published) -> None:
    """A line a column, with its values of the first rows of the latest partition that has any."""
    entry = found.entry
    latest = [each for each in reversed(found.pointers.values()) if each.rows]
    rows = first_published_rows(storage(), latest, _SAMPLE)
    columns = [
        (each.name, each.type, "" if each.nullable else "not null", each.comment)
        for each in entry.contract.columns
    ]
    columns += [
        (name, "string", "not null", "Partition column.") for name in entry.partition_columns
    ]
    print_table(
        ["column", "type", "", "comment", *(f"row {number + 1}" for number in range(len(rows)))],
        [(*each, *(value_text(row.get(each[0])) for row in rows)) for each in columns],
    )


def _print_profile(found: Published) -> None:
    profiled = profile_of(storage(), found.entry, list(found.pointers.values()))
    print_table(
        ["column", "type", "nulls", "distinct, about", "least", "greatest", "most frequent"],
        [profile_line(each, profiled.rows_read) for each in profiled.columns],
        right=["nulls", "distinct, about"],
    )
    say(profile_extent(profiled))


def _print_partitions(found: Published, keys: Sequence[str]) -> None:
    """Rows and what was turned away or unmatched, so that a day that differs catches the eye."""
    shown = [(key, found.pointers[key], ledger_of(found.pointers[key])) for key in keys]
    most = max((pointer.rows for _, pointer, _ in shown), default=0)
    print_table(
        ["partition", "rows", "", "bytes", "quarantined", "unmatched", "duplicates", "published"],
        [
            (
                key,
                count(pointer.rows),
                bar(pointer.rows, most),
                size(pointer.bytes),
                _share(sum(ledger.quarantined.values()), ledger.documents),
                _share(max(ledger.unmatched.values(), default=0), ledger.documents),
                _share(ledger.duplicates, ledger.documents),
                moment(pointer.published_at),
            )
            for key, pointer, ledger in shown
        ],
        right=["rows", "bytes", "quarantined", "unmatched", "duplicates"],
    )


def _share(number: int, documents: int) -> str:
    return f"{number / documents:.2%}" if number else ""
