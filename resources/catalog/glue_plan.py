"""What publishing some pointers in Glue would change and what it must not; what going back left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resources.catalog.base import Pointer, is_older, same_publication
from resources.catalog.glue_places import GlueTable, Place, Places
from resources.catalog.glue_versions import Version
from resources.errors import CatalogError


@dataclass(frozen=True)
class Plan:
    """What publishing has to do: new versions, and current ones that others have altered."""

    access: Places
    places: dict[str, Place]
    fresh: dict[str, Pointer]
    mended: dict[str, Version]

    @property
    def is_needed(self) -> bool:
        return bool(self.fresh or self.mended)


def judge(plan: Plan, table: GlueTable, name: str, pointer: Pointer, *, is_adopted: bool) -> None:
    """Put a pointer where it belongs in the plan. Raises `CatalogError` if it may not be there."""
    place = plan.places[name]
    current = place.version
    where = f"{table.entry.name!r}, partition {name!r}"
    if current is None:
        if place.exists and table.entry.partition_columns and not is_adopted:
            raise CatalogError(
                f"Expected no partition {'/'.join(place.values)} of {table.name!r} in Glue, or one "
                f"of ours; found one that others made. Nothing of {where} was published: delete "
                "it, or set `adopt: true` in the declaration to replace it."
            )
        plan.fresh[name] = pointer
    elif same_publication(current.pointer, pointer):
        if not place.is_intact:
            plan.mended[name] = current
    elif current.pointer.attempt == pointer.attempt:
        raise CatalogError(
            f"Expected attempt {pointer.attempt} of {where}, as it was published; found other "
            "contents under the same attempt. Attempts never change: run the partition again for "
            "a new one."
        )
    elif not is_older(pointer, current.pointer):
        plan.fresh[name] = pointer


def by_partition(table: str, pointers: Sequence[Pointer]) -> dict[str, Pointer]:
    """Pointers by partition. Raises `CatalogError` for two that contradict each other."""
    wanted: dict[str, Pointer] = {}
    for pointer in pointers:
        if wanted.setdefault(pointer.partition, pointer) != pointer:
            raise CatalogError(
                f"Expected one attempt a partition of {table!r}; found two for partition "
                f"{pointer.partition!r}. Nothing was published: publish the newer one."
            )
    return wanted


def require_moved(
    table: str, wanted: Mapping[str, Version], found: Mapping[str, Place], error: CatalogError
) -> None:
    """Raise `error` unless all partitions are at the wanted version: then an answer was lost.

    Where some are, it is another `CatalogError`: a retry would take those back a second time.
    """
    left = [
        name
        for name, version in wanted.items()
        if name not in found or found[name].version != version
    ]
    if len(left) == len(wanted):
        raise error
    if left:
        named = ", ".join(left[:5]) + (f" and {len(left) - 5:,} more" if len(left) > 5 else "")
        raise CatalogError(
            f"Expected to roll back {len(wanted):,} partitions of {table!r} in Glue; "
            f"{len(wanted) - len(left):,} are rolled back, {len(left):,} are as they were: {named}. "
            f"Roll back these only, the others would go back once more. The cause: {error}"
        ) from error
