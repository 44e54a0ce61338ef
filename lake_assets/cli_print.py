"""How things look on a terminal: tables, ledgers, sizes, and queries' results in three formats.

Nothing here decides anything or reads a lake. Without a terminal (a pipe, a file) tables are as
wide as they need to be and nothing moves.
"""

from __future__ import annotations

import base64
import csv
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resources.browse import Page
from spark.ledger import Ledger

#: Columns of a line that goes to no terminal.
_WIDE = 1000
#: Columns of a bar.
_BAR = 20


def console() -> Console:
    """The terminal, or what stands for it; text is shown as it is, without markup."""
    is_terminal = sys.stdout.isatty()
    width = None if is_terminal or "COLUMNS" in os.environ else _WIDE
    return Console(width=width, markup=False, highlight=False, soft_wrap=not is_terminal)


def say(text: str = "", style: str = "") -> None:
    """A line of text, wrapped to the terminal."""
    console().print(Text(text, style=style))


def print_table(
    names: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """A table; columns named in `right` are aligned to the right, nothing is cut off."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(Text(name), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console().print(table)


def bar(value: float, most: float) -> Bar:
    """A bar as long as `value` is of `most`; nothing where that is 0."""
    return Bar(size=most or 1, begin=0, end=value, width=_BAR)


def print_ledger(ledger: Ledger) -> None:
    """What became of every document."""
    rows: list[tuple[str, str]] = [
        ("published", count(ledger.published)),
        *[(f"quarantined: {name}", count(n)) for name, n in sorted(ledger.quarantined.items())],
        ("duplicates", count(ledger.duplicates)),
        ("filtered", count(ledger.filtered)),
        ("dropped as unmatched", count(ledger.dropped)),
        ("= documents read", count(ledger.documents)),
    ]
    rows += [
        (f"of these without a row in {name}", count(n))
        for name, n in sorted(ledger.unmatched.items())
    ]
    print_table(["ledger", "documents"], rows, right=["documents"])


def print_page(page: Page, style: str) -> None:
    """A query's result as `table`, `csv` or `json` (one array)."""
    if style == "json":
        rows = [dict(zip(page.names, map(_plain, row), strict=True)) for row in page.rows]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    elif style == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(page.names)
        writer.writerows([_csv_field(_plain(value)) for value in row] for row in page.rows)
    else:
        numbers = [
            name
            for position, name in enumerate(page.names)
            if any(isinstance(row[position], int | float | Decimal) for row in page.rows)
        ]
        print_table(page.names, page.rows, right=numbers)


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


def size(number: int) -> str:
    """Bytes in the unit that suits them."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def moment(iso: str) -> str:
    """A recorded time to the second, in UTC."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC" if iso else "never"


def _cell(value: object) -> Text | Bar:
    if isinstance(value, Bar):
        return value
    if value is None:
        return Text("null", style="dim")
    if isinstance(value, datetime):
        return Text(value.isoformat(sep=" ").removesuffix("+00:00"))
    return Text(str(value))


def _plain(value: object) -> object:
    """The value as JSON has it: ISO 8601 times, decimals as text, bytes in base64."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _csv_field(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
