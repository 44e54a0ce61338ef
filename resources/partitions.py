"""Partitions of a table in time: their keys, their column values, and where their raw objects lie.

All times are UTC. Dagster's own partition definitions are made from this in `lake_assets/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from resources.errors import DeclarationError

#: The one key of a table without partitions.
ALL = "all"
_FORMATS = {"hour": "%Y-%m-%d-%H", "day": "%Y-%m-%d"}
_COLUMNS = {"hour": ("dt", "hour"), "day": ("dt",), "none": ()}
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_TOKENS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}
_TOKEN = re.compile("|".join(_TOKENS))


@dataclass(frozen=True)
class Partitioning:
    """How a table is partitioned: `by` hour, day or none, from `start` on.

    `layout` is where a partition's raw objects lie below the source's prefix, in the letters
    yyyy, MM, dd and HH: `yyyy/MM/dd/HH` as Firehose delivers, or `dt=yyyy-MM-dd/hour=HH`.
    """

    by: str = "hour"
    start: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    layout: str = "yyyy/MM/dd/HH"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the partition columns, which readers see as text."""
        return _COLUMNS[self.by]

    @property
    def length(self) -> timedelta:
        """How long a partition lasts; only of tables that have partitions."""
        return _LENGTHS[self.by]

    @property
    def key_format(self) -> str:
        """The keys as `strftime` writes them."""
        return _FORMATS[self.by]

    def key_of(self, moment: datetime) -> str:
        """The key of the partition that a moment belongs to."""
        return ALL if self.by == "none" else moment.astimezone(UTC).strftime(self.key_format)

    def start_of(self, key: str) -> datetime:
        """When a partition begins; raises `DeclarationError` for what is no key of this table."""
        try:
            return datetime.strptime(f"{key}+0000", f"{self.key_format}%z")
        except ValueError:
            example = self.start.strftime(self.key_format)
            raise DeclarationError(
                f"expected a partition key like {example} (UTC), found {key!r}"
            ) from None

    def has(self, key: str) -> bool:
        """Whether it is the key of a partition of this table, from its start on."""
        if self.by == "none":
            return key == ALL
        try:
            return self.start_of(key) >= self.start
        except DeclarationError:
            return False

    def end_of(self, key: str) -> datetime:
        """When a partition ends, not included; raises as `start_of` does."""
        return self.start_of(key) + _LENGTHS[self.by]

    def values(self, key: str) -> dict[str, str]:
        """The partition columns' values: `2014-06-16-05` is `dt=2014-06-16`, `hour=05`."""
        if self.by == "none":
            return {}
        start = self.start_of(key)
        every = {"dt": start.strftime("%Y-%m-%d"), "hour": start.strftime("%H")}
        return {name: every[name] for name in self.columns}

    def raw_prefix(self, key: str) -> str:
        """Where the raw objects of a partition lie, below the source's prefix; ends with `/`."""
        if self.by == "none":
            return ""
        start = self.start_of(key)
        layout = self.layout
        if self.by == "day" and "HH" in layout:
            layout = layout[: layout.index("HH")].rpartition("/")[0]
        return _TOKEN.sub(lambda match: start.strftime(_TOKENS[match[0]]), layout) + "/"

    def between(self, first: str, last: str) -> list[str]:
        """Every key from `first` to `last`, both included."""
        if self.by == "none":
            return [ALL]
        begin, end = self.start_of(first), self.start_of(last)
        count = (end - begin) // self.length + 1
        return [self.key_of(begin + number * self.length) for number in range(count)]

    def problems(self, now: datetime) -> list[str]:
        """What keeps the partitions from working, a sentence each."""
        found: list[str] = []
        if self.by == "none":
            return found
        if self.start > now:
            found.append(
                f"partitions start at {self.start:%Y-%m-%d %H:%M} UTC, which is in the future: "
                "the table would have no partition; choose the first hour that has data"
            )
        needed = ["yyyy", "MM", "dd"] + (["HH"] if self.by == "hour" else [])
        missing = [token for token in needed if token not in self.layout]
        if missing:
            found.append(
                f"the layout {self.layout!r} lacks {', '.join(missing)}, without which the raw "
                f"objects of one {self.by} cannot be told from another's"
            )
        return found
