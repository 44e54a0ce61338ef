"""The command that makes a notebook's function the transform of a declared table."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from lake_assets.cli_app import command
from lake_assets.cli_print import say
from resources.settings import load_settings

_PROJECT = Path(__file__).resolve().parents[1]


@command
def promote(
    notebook: Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="A file .ipynb.")],
    function: Annotated[
        str, typer.Argument(metavar="FUNCTION", help="A function of it, DataFrame -> DataFrame.")
    ],
    table: Annotated[str, typer.Option(help="The declared table that it cleans.")],
    partition: Annotated[
        str, typer.Option(help="Where the test's rows come from [the newest published].")
    ] = "",
    rows: Annotated[int, typer.Option(min=1, max=100, help="Rows that the test holds.")] = 5,
    write: Annotated[  # noqa: FBT002
        bool, typer.Option("--write/--dry-run", help="Write the files, or only show them.")
    ] = False,
) -> None:
    """Move a notebook's function into spark/, with its declaration and a test; shows them first."""
    from lake_assets.promotion import promotion  # noqa: PLC0415 imports Dagster
    from lake_assets.promotion import write as write_files  # noqa: PLC0415 imports Dagster
    from resources.lake import Lake  # noqa: PLC0415 imports Spark

    found = promotion(Lake(load_settings()), _PROJECT, notebook, function, table, partition, rows)
    for path, text in found.new.items():
        say(f"--- {_shown(path)}", style="bold")
        typer.echo(text)
    say(f"--- {_shown(found.declaration)}", style="bold")
    before, after = found.before.splitlines(), found.after.splitlines()
    typer.echo("\n".join(list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]))
    say()
    added = ", ".join(f"{each.name} {each.type}" for each in found.added) or "no columns"
    brought = f"; {', '.join(found.taken)} came with it" if found.taken else ""
    say(f"{function} adds {added} to {table}{brought}.")
    if not write:
        say("Nothing was changed: add --write.")
        return
    write_files(found, table)
    say(
        f"Written. The test holds {len(found.sample.rows)} rows of the data: look them over before "
        f"they are committed. Then run `make test ARGS=tests/spark/transforms/test_{table}.py` and "
        f"`make check`; `lake materialize {table}` publishes anew."
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(_PROJECT)) if path.is_relative_to(_PROJECT) else str(path)
