"""Expiry: partitions older than their table keeps them are published no more.

Readers stop seeing them at once; their files stay until a clean-up, and until then a rollback shows
them again. What is removed from storage, and when, is decided in `cleanup.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from resources.catalog.base import Catalog, Pointer
from resources.errors import DeclarationError
from resources.partitions import Partitioning
from resources.table import Table


@dataclass(frozen=True)
class Expiry:
    """The pointers that a table's readers no longer follow, or that a dry run would take away."""

    table: str
    pointers: tuple[Pointer, ...]

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.pointers)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.pointers)


def expire(catalog: Catalog, table: Table, *, dry_run: bool, now: datetime) -> Expiry:
    """Take away what the table keeps no longer, a dry run only says what that is.

    Raises `DeclarationError` for a table without `retention`, and for a published partition whose
    age cannot be told.
    """
    if table.retention_days is None:
        raise DeclarationError(
            f"expected a table with `retention: {{days: …}}` in its declaration, found "
            f"{table.name!r}, which keeps every partition"
        )
    pointers = catalog.pointers(table.name)
    old = {key: pointers[key] for key in expired_keys(table, pointers, now)}
    gone = list(old)
    if old and not dry_run:
        gone = catalog.expire(table.name, {key: each.attempt for key, each in old.items()})
    return Expiry(table.name, tuple(old[key] for key in gone))


def expired_keys(table: Table, keys: Iterable[str], now: datetime) -> list[str]:
    """Those of the partitions that ended longer ago than the table keeps them, in order."""
    if table.retention_days is None:
        return []
    kept_since = now - timedelta(days=table.retention_days)
    return sorted(key for key in keys if _has_ended(table.partitions, key, kept_since))


def _has_ended(partitions: Partitioning, key: str, moment: datetime) -> bool:
    return partitions.end_of(key) <= moment
