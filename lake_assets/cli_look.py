"""Commands that look and change nothing: tables, sql, history, quarantine."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lake_assets.cli_app import TableName, catalog, command, location, storage
from lake_assets.cli_print import count, moment, print_page, print_table, say, size
from resources.attempts import newest
from resources.browse import (
    Page,
    Published,
    first_rows,
    first_rows_on_athena,
    ledger_of,
    newest_by_partition,
    published_table,
    published_tables,
    quarantined,
)
from resources.catalog.opening import open_athena, open_glue
from resources.errors import CatalogError
from resources.settings import load_settings

#: Rows that a table on the terminal shows unless told otherwise.
_SHOWN = 50


class Style(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"


class Engine(StrEnum):
    """What runs a query."""

    duckdb = "duckdb"
    athena = "athena"


@command
def tables() -> None:
    """List the published tables."""
    found = published_tables(catalog())
    if not found:
        say(f"Nothing is published in {load_settings().root} yet: lake materialize TABLE")
        return
    print_table(
        ["table", "partitions", "rows", "bytes", "last published", "location"],
        [
            (
                each.entry.name,
                count(len(each.pointers)),
                count(each.rows),
                size(each.bytes),
                moment(each.last_published),
                location(each),
            )
            for each in found
        ],
        right=["partitions", "rows", "bytes"],
    )


@command
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="In the engine's SQL.")],
    style: Annotated[Style, typer.Option("--format", help="How to write it.")] = Style.table,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help=f"Rows at most; 0 for all. Default: {_SHOWN} in a table."),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Athena costs money, and calls tables as Glue does.")
    ] = Engine.duckdb,
) -> None:
    """Query the published tables."""
    wanted = limit if limit is not None else _SHOWN if style is Style.table else 0
    page = _page(engine, query, wanted or None)
    print_page(page, style.value)
    if style is Style.table:
        rows = f"{len(page.rows):,} row{'' if len(page.rows) == 1 else 's'}"
        say(rows if page.is_whole else f"the first {rows}; there are more (--limit 0 shows all)")
    if page.cost:
        scanned = size(page.cost.bytes_scanned)
        typer.echo(f"{scanned} scanned by Athena, about {page.cost.usd:.5f} USD", err=True)


@command
def history(
    table: TableName,
    partition: Annotated[str, typer.Argument(help="A partition, as 2026-11-01-05.")],
) -> None:
    """List every version of a partition that was ever published, newest first."""
    pointers = catalog()
    current = published_table(pointers, table).pointers.get(partition)
    versions = pointers.history(table, partition)
    if not versions:
        raise CatalogError(
            f"Expected a published partition of {table!r}, found {partition!r}. "
            f"{_partitions_there_are(published_table(pointers, table))}"
        )
    print_table(
        ["", "published", "attempt", "rows", "bytes", "made from"],
        [
            (
                "current" if each == current else "",
                moment(each.published_at),
                each.attempt,
                count(each.rows),
                size(each.bytes),
                " ".join(f"{name}={value}" for name, value in sorted(each.inputs.items())),
            )
            for each in versions
        ],
        right=["rows", "bytes"],
    )
    verdict = newest(storage(), table, partition)
    if verdict is not None and not verdict.passed:
        say(f"The newest attempt, {verdict.attempt}, failed its audit and was not published:")
        for finding in verdict.findings:
            say(f"  {finding}")


@command
def quarantine(
    table: TableName,
    partition: Annotated[str | None, typer.Option(help="Of this partition only.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="Documents shown of each reason.")] = 2,
) -> None:
    """Count what was turned away and why, in each partition's newest attempt, and show some."""
    lake = storage()
    verdicts = newest_by_partition(lake, table)
    if not verdicts:
        published_table(catalog(), table)
    if partition is not None:
        verdicts = {key: each for key, each in verdicts.items() if key == partition}
        if not verdicts:
            raise CatalogError(f"Expected a partition with an attempt, found {partition!r}.")
    counts: dict[str, list[int]] = {}
    for each in verdicts.values():
        for reason, documents in ledger_of(each).quarantined.items():
            counts.setdefault(reason, []).append(documents)
    if not counts:
        say(f"Nothing is quarantined in the newest attempts of {len(verdicts):,} partition(s).")
    else:
        print_table(
            ["reason", "documents", "partitions"],
            [(reason, count(sum(n)), count(len(n))) for reason, n in sorted(counts.items())],
            right=["documents", "partitions"],
        )
    for document in quarantined(lake, verdicts.values(), samples):
        position = "" if document.position is None else f", position {document.position:,}"
        say(f"{document.reason}", style="bold")
        say(f"  {document.source_object}{position}", style="dim")
        say(f"  {_shortened(document.document)}")
    for key, each in verdicts.items():
        if not each.passed:
            say(f"{key}: failed its audit, not published: {'; '.join(each.findings)}", style="red")


def _page(engine: Engine, query: str, limit: int | None) -> Page:
    if engine is Engine.duckdb:
        return first_rows(catalog(), storage(), query, limit)
    settings = load_settings()
    athena = open_athena(settings)
    return first_rows_on_athena(athena, open_glue(settings, storage()), query, limit)


def _partitions_there_are(found: Published) -> str:
    keys = list(found.pointers)
    return f"There are {keys[0]} to {keys[-1]}." if keys else "There is none yet."


def _shortened(document: str) -> str:
    return document if len(document) <= 300 else f"{document[:299]}… ({len(document):,} characters)"
