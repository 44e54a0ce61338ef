"""`make demo`: generated events and a database table, taken to a published table in one go.

What is generated and loaded depends on the arguments alone, so a second run finds everything as it
should be, starts no Spark and changes nothing. The work itself is that of the command `lake`.

    python -m examples.demo
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from examples.activity import Counts, Options, generate_hour, tracks
from examples.loading import load_once
from lake_assets.cli_print import console, print_ledger, print_page, say
from lake_assets.declared import declared_table
from lake_assets.materialize import Wanted, changed, materialize_table
from resources.browse import first_rows, published_table
from resources.lake import Lake
from resources.settings import Settings, load_settings
from spark.errors import LakeError

TABLE = "activity"
#: The name in the source database, as `lake_assets/defs/activity/defs.yaml` declares it.
TRACKS = "TRACKS"
_SAMPLE = """
SELECT device_ts, device_id, activity_type, track_id, title, artist, dt, hour
FROM activity WHERE title IS NOT NULL ORDER BY device_ts, uuid LIMIT 5
"""
_QUESTION = "select title, count(*) n from activity group by all order by n desc limit 5"


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate, load, materialize, and show what came of it."""
    given = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        options = Options(hours=given.hours, events_per_hour=given.events_per_hour)
        lake = Lake(load_settings())
        generate(lake.settings, options)
        materialize(lake, options)
        show(lake, options)
    except (LakeError, ValueError) as error:
        raise SystemExit(f"demo: {error}") from error
    say(f"{time.monotonic() - began:.0f} seconds in all", style="dim")


def generate(settings: Settings, options: Options) -> None:
    """Put the hourly objects below the raw root; what is there already stays as it is."""
    root = Path(settings.raw_root.removeprefix("file://"))
    hours = list(options.partitions())
    written, counts = 0, Counts()
    _title("Raw events", f"{len(hours)} hours of {options.events_per_hour:,}, in {root / TABLE}")
    shown = track(hours, "  generating", console=console(), transient=True)
    for hour in shown if sys.stdout.isatty() else hours:
        objects, found = generate_hour(options, hour)
        counts += found
        for key, data in objects.items():
            path = root / key.removeprefix("raw/")
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                written += 1
    _title(
        "",
        f"{written or 'no'} objects were written; in all there are {counts.malformed} malformed "
        f"documents, {counts.wrong_type + counts.missing_key} against the contract and "
        f"{counts.duplicates} redelivered",
    )


def materialize(lake: Lake, options: Options) -> None:
    """Load the database and materialize the table; neither, if nothing has changed."""
    declared = declared_table(TABLE)
    keys = [declared.table.partitions.key_of(hour) for hour in options.partitions()]
    wanted = Wanted(keys[0], keys[-1])
    if not load_tracks(lake) and not changed(lake, declared, wanted):
        _title("Assets", "nothing has changed since they were materialized")
        return
    _title("Assets", "raw, reference, refined and catalog, each a step of a run that the UI shows")
    materialize_table(TABLE, wanted)


def load_tracks(lake: Lake) -> bool:
    """Load the tracks into the embedded database; False if they are there already."""
    rows = tracks()
    schema = "track_id int, title string, artist string, length_seconds int, release_year int"
    is_new = load_once(lake, TRACKS, rows, schema, ["track_id"])
    there = "into the embedded database" if is_new else "are in the embedded database already"
    _title("Tracks", f"{len(rows)} rows {there}")
    return is_new


def show(lake: Lake, options: Options) -> None:
    """The ledger, where the table lies, some of its rows, and what to try next."""
    found = published_table(lake.catalog, TABLE)
    say()
    print_ledger(found.ledger())
    _title(
        "Table",
        f"{found.rows:,} rows in {len(found.pointers)} hours, {lake.storage.uri(f'refined/{TABLE}')}",
    )
    print_page(first_rows(lake.catalog, lake.storage, _SAMPLE, 5), "table")
    command = _command()
    last = list(options.partitions())[-1]
    say("Next", style="bold")
    for line, what in [
        (f'{command} sql "{_QUESTION}"', "ask the table"),
        (f"{command} quarantine {TABLE}", "what was turned away, and why"),
        (f"{command} materialize {TABLE} --partition {last:%Y-%m-%d-%H} --all", "an hour again"),
        (f"{command} rollback {TABLE} {last:%Y-%m-%d-%H}", "and back to what it was"),
        ("make ui", "the four assets and these runs, at http://127.0.0.1:3000"),
    ]:
        say(f"  {line}")
        say(f"      {what}", style="dim")


def _title(name: str, text: str) -> None:
    say(f"{name:<12}{text}")


def _command() -> str:
    """The command `lake` as it can be typed where one is."""
    beside = Path(sys.executable).with_name("lake")
    shown = os.path.relpath(beside) if beside.exists() else "lake"
    return shown if not shown.startswith("..") else str(beside)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.demo",
        description="Take generated events and a database table to a published table.",
    )
    parser.add_argument("--hours", type=int, default=72, help="how many, from 2026-11-01 (72)")
    parser.add_argument("--events-per-hour", type=int, default=1_500, help="in each (1500)")
    return parser


if __name__ == "__main__":
    main()
