"""What the commands of `lake` share: the application, and how an error ends a command.

The commands themselves are in the modules `cli_*.py` beside this one.
"""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

from resources.browse import Published
from resources.catalog.base import Catalog
from resources.catalog.opening import open_catalog
from resources.lake_storage import is_address, lake_storage
from resources.settings import load_settings
from resources.storage import Storage
from spark.errors import LakeError

P = ParamSpec("P")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tables of the lake that LAKE_ROOT names (default .lake/lake): look, query, materialize.",
)

TableName = Annotated[str, typer.Argument(metavar="TABLE", help="A table's name.")]
OnePartition = Annotated[str | None, typer.Option(help="One partition, as 2026-11-01-05.")]
PartitionRange = Annotated[
    str | None, typer.Option(metavar="FIRST...LAST", help="A range of them, both included.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="Also partitions of which nothing has changed.")
]


def command(run: Callable[P, None]) -> Callable[P, None]:
    """A command that ends an expected error with its words and exit code 1, not a traceback."""
    return app.command()(ends_in_words(run))


def ends_in_words(run: Callable[P, None]) -> Callable[P, None]:
    """The same, for a command of a group."""

    @functools.wraps(run)
    def readable(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            run(*args, **kwargs)
        except LakeError as error:
            typer.echo(f"lake: {error}", err=True)
            raise typer.Exit(1) from error

    return readable


def storage() -> Storage:
    """The lake that the settings name."""
    return lake_storage(load_settings())


def catalog() -> Catalog:
    """Its catalog."""
    settings = load_settings()
    return open_catalog(settings, lake_storage(settings))


def location(found: Published) -> str:
    """Where a table's files lie, as an address; adopted ones may lie elsewhere."""
    directories = [each.directory for each in found.pointers.values()]
    adopted = [each for each in directories if is_address(each)]
    places = [posixpath.commonprefix(adopted).rpartition("/")[0]] if adopted else []
    if len(adopted) < len(directories) or not adopted:
        places.insert(0, storage().uri(f"refined/{found.entry.name}"))
    return " and ".join(places)
