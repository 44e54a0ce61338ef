"""Which published partitions are not made from what there is now, and why.

What would bring them up to date is a command for a person, `lake materialize`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resources.catalog.base import Pointer
from resources.lake import Lake
from resources.partitions import Partitioning
from resources.raw import RawPartition
from resources.table import Table


@dataclass(frozen=True)
class Stale:
    """A partition, and what it is not made from: `raw objects`, `reference songs`, `declaration`."""

    partition: str
    reasons: tuple[str, ...]


def stale_inputs(lake: Lake, table: Table) -> list[Stale]:
    """Published partitions made from another version of a reference or of the declaration.

    No raw object is listed.
    """
    now = lake.versions(table)
    found = (Stale(key, _reasons(each, now)) for key, each in lake.pointers(table).items())
    return [each for each in found if each.reasons]


def stale(lake: Lake, table: Table, raw: Sequence[RawPartition]) -> list[Stale]:
    """The same of these partitions, with those whose raw objects are others or were never read."""
    pointers, now = lake.pointers(table), lake.versions(table)
    found = []
    for each in raw:
        pointer = pointers.get(each.key)
        if pointer is not None:
            found.append(Stale(each.key, _reasons(pointer, {**now, "raw": each.fingerprint})))
        elif each.objects:
            found.append(Stale(each.key, ("never published",)))
    return [each for each in found if each.reasons]


def ranges(partitioning: Partitioning, keys: Iterable[str]) -> list[str]:
    """Partitions as ranges of a command: `2026-11-01-00...2026-11-01-05`, `2026-11-02-07`."""
    found: list[list[str]] = []
    for key in sorted(set(keys)):
        start = partitioning.start_of(key)
        if found and start - partitioning.start_of(found[-1][-1]) == partitioning.length:
            found[-1].append(key)
        else:
            found.append([key])
    return [each[0] if len(each) == 1 else f"{each[0]}...{each[-1]}" for each in found]


def commands(table: Table, keys: Iterable[str]) -> list[str]:
    """What a person types to bring partitions up to date, a command for each range."""
    if table.partitions.by == "none":
        return [f"lake materialize {table.name}"] if list(keys) else []
    return [
        f"lake materialize {table.name} --partitions {each}"
        for each in ranges(table.partitions, keys)
    ]


def _reasons(pointer: Pointer, now: dict[str, str]) -> tuple[str, ...]:
    """The inputs by which a pointer differs, in words."""
    differing = [name for name in now if pointer.inputs.get(name) != now[name]]
    words = {"raw": "raw objects", "code": "declaration"}
    return tuple(words.get(name, f"reference {name}") for name in differing)
