"""Packing partitions into groups that one task each can refine.

A task that reads whole partitions needs nobody else's rows to find duplicates, so nothing is
shuffled. Only a partition too large for one task is spread over several, by its key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spark.places import IndexedObject

#: Compressed JSON and Parquet of the same rows are about the same size; plain JSON is larger.
PARQUET_BYTES_PER_PLAIN_BYTE = 0.25
#: Input that one task sorts in memory with room to spare, in compressed bytes. Every group is
#: planned and compiled by itself, which costs tenths of a second, so that fewer are faster.
BYTES_PER_TASK = 48 * 1024 * 1024


@dataclass
class Group:
    """Objects of whole partitions, refined by `tasks` tasks; more than one only for a single one."""

    objects: list[IndexedObject] = field(default_factory=list)
    tasks: int = 1

    @property
    def partitions(self) -> set[int]:
        return {each.partition for each in self.objects}


def pack(objects: Iterable[IndexedObject], cores: int, target_file_bytes: int) -> list[Group]:
    """Groups in the order of partitions, so that a task writes neighbours.

    There are as many as cores, or a multiple of that, of about the same weight each.
    """
    partitions: dict[int, list[IndexedObject]] = {}
    for each in objects:
        partitions.setdefault(each.partition, []).append(each)
    weights = {part: _weight(members) for part, members in partitions.items()}
    tasks = {
        part: math.ceil(weight / min(target_file_bytes, 4 * BYTES_PER_TASK))
        for part, weight in weights.items()
    }
    large = [Group(partitions[part], tasks[part]) for part in sorted(partitions) if tasks[part] > 1]
    small = [part for part in sorted(partitions) if tasks[part] <= 1]
    total = sum(weights[part] for part in small)
    count = cores * max(1, math.ceil(total / BYTES_PER_TASK / cores))
    packed: dict[int, Group] = {}
    before = 0.0
    for part in small:
        middle = before + weights[part] / 2
        index = min(count - 1, int(middle / total * count)) if total else 0
        packed.setdefault(index, Group()).objects += partitions[part]
        before += weights[part]
    return [*large, *packed.values()]


def _weight(members: Sequence[IndexedObject]) -> float:
    """About how many bytes of Parquet the objects become."""
    return sum(
        each.raw.size * (1.0 if each.raw.key.endswith(".gz") else PARQUET_BYTES_PER_PLAIN_BYTE)
        for each in members
    )
