"""Commands that write a declaration's YAML from what is there: a table, or raw objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from lake_assets.cli_app import app, ends_in_words
from lake_assets.declaration_text import column_lines, flow, scalar
from resources.describe_json import sample_json
from resources.settings import load_settings
from resources.storage import open_storage
from spark.contract import Column

declare = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Print a part of a declaration, to be looked over and put into a defs.yaml.",
)
app.add_typer(declare, name="declare")


@declare.command()
@ends_in_words
def reference(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="As songs or music.songs.")],
) -> None:
    """Print the reference that a table of the MySQL server in LAKE_DATABASE could be."""
    from resources.compute.local import local_session  # noqa: PLC0415 imports Spark
    from resources.describe_mysql import describe_table  # noqa: PLC0415 imports Spark
    from resources.source_database import lake_database  # noqa: PLC0415 imports Spark

    settings = load_settings()
    database = lake_database(settings)
    spark = local_session(settings)
    with database.exclusive(spark, f"the description of {table}") as source:
        found = describe_table(spark, source, table)
    name = table.replace("`", "").rpartition(".")[2].lower()
    typer.echo("references:")
    typer.echo(f"  - name: {scalar(name)}")
    typer.echo(f"    table: {scalar(table)}")
    typer.echo(f"    key: {flow(list(found.key))}")
    typer.echo("    columns:")
    _print_columns(found.contract.columns, indent=6)
    _print_notes(found.notes)


@declare.command()
@ends_in_words
def raw(
    prefix: Annotated[
        str, typer.Argument(metavar="PREFIX", help="Below LAKE_RAW_ROOT, as plays or plays/2026/.")
    ],
) -> None:
    """Print the raw columns that a sample of JSON objects below a prefix could have."""
    sample = sample_json(open_storage(load_settings().raw_root), prefix)
    typer.echo("raw:")
    typer.echo(f"  source: {scalar(prefix.strip('/').partition('/')[0])}")
    typer.echo("  columns:")
    _print_columns(sample.contract.columns, indent=4)
    _print_notes(
        [f"from {sample.documents:,} documents in {sample.objects:,} objects", *sample.notes]
    )


def _print_columns(columns: Iterable[Column], *, indent: int) -> None:
    for line in column_lines(columns, indent):
        typer.echo(line)


def _print_notes(notes: Iterable[str]) -> None:
    for each in notes:
        typer.echo(f"# {' '.join(each.split())}")
