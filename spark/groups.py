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
#: Input that one task sorts in memory with room to spare, in compressed bytes.
BYTES_PER_TASK = 32 * 1024 * 1024
#: More groups than cores, so that a slow one does not leave the others waiting for long.
GROUPS_PER_CORE = 2


@dataclass
class Group:
    """Objects of whole partitions, refined by `tasks` tasks; more than one only for a single one."""

    objects: list[IndexedObject] = field(default_factory=list)
    tasks: int = 1

    @property
    def partitions(self) -> set[int]:
        return {each.partition for each in self.objects}


def pack(objects: Iterable[IndexedObject], cores: int, target_file_bytes: int) -> list[Group]:
    """Groups in the order of partitions, so that a task writes neighbours."""
    partitions: dict[int, list[IndexedObject]] = {}
    for each in objects:
        partitions.setdefault(each.partition, []).append(each)
    weights = {part: _weight(members) for part, members in partitions.items()}
    limit = min(BYTES_PER_TASK, sum(weights.values()) / (GROUPS_PER_CORE * cores))
    packed: list[Group] = []
    current, filled = Group(), 0.0
    for part in sorted(partitions):
        tasks = math.ceil(weights[part] / min(target_file_bytes, 4 * BYTES_PER_TASK))
        if tasks > 1:
            packed.append(Group(partitions[part], tasks))
            continue
        if current.objects and filled + weights[part] > limit:
            packed.append(current)
            current, filled = Group(), 0.0
        current.objects += partitions[part]
        filled += weights[part]
    return [*packed, current] if current.objects else packed


def _weight(members: Sequence[IndexedObject]) -> float:
    """About how many bytes of Parquet the objects become."""
    return sum(
        each.raw.size * (1.0 if each.raw.key.endswith(".gz") else PARQUET_BYTES_PER_PLAIN_BYTE)
        for each in members
    )
