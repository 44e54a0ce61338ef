"""What a table of the Glue Data Catalog must be for us to write it, besides what base.py refuses.

Tables, columns and partitions that others made are theirs unless the declaration says `adopt`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resources.catalog.base import TableEntry, check_entry
from resources.catalog.glue_format import PARQUET_SERDE, ROOT, columns_of, entry_of, shape_of
from resources.errors import CatalogError, SettingsError

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import TableTypeDef

_MAX_NAME = 255
_TABLE = re.compile(r"[A-Za-z0-9_]+")
_LOWER = re.compile(r"[a-z0-9_]*")
#: Athena's documentation, "Reserved keywords to escape in SQL SELECT statements".
_RESERVED = frozenset(
    """alter and as between by case cast constraint create cross cube current_catalog current_date
    current_path current_schema current_time current_timestamp current_user deallocate delete
    describe distinct drop else end escape except exists execute extract false first for from full
    group grouping having in inner insert intersect into is join json_array json_exists json_object
    json_query json_table json_value last left like listagg localtime localtimestamp natural
    normalize not null of on or order outer prepare recursive right rollup select skip table then
    trim true uescape union unnest using values when where with""".split()
)
_LOG = logging.getLogger(__name__)


def check_database(database: str, prefix: str) -> None:
    """Raise `SettingsError` for names of a database or a prefix that Athena does not take."""
    for what, name in (("Glue database", database), ("table prefix", prefix)):
        if not _LOWER.fullmatch(name) or (what == "Glue database" and not name):
            raise SettingsError(
                f"Expected a {what} of lower-case letters, digits and underscores; found {name!r}."
            )


def check_names(entry: TableEntry, prefix: str) -> None:
    """Raise `CatalogError` for names that Glue and Athena do not take."""
    check_entry(entry)
    full = prefix + entry.name
    if not _TABLE.fullmatch(entry.name) or len(full) > _MAX_NAME:
        raise CatalogError(
            f"Expected a table name of letters, digits and underscores, {_MAX_NAME} at most with "
            f"its prefix; found {full!r}. Athena cannot query others: choose another name."
        )
    wrong = [
        name
        for name in (*entry.contract.names, *entry.partition_columns)
        if len(name) > _MAX_NAME or any(not char.isprintable() or char in ",;:" for char in name)
    ]
    if wrong:
        raise CatalogError(
            f"Expected columns of table {entry.name!r} that Glue takes, of {_MAX_NAME} characters "
            f"at most without commas, colons or line breaks; found {wrong[0]!r}. Rename it."
        )


def say_reserved(entry: TableEntry) -> None:
    """Log which names queries must quote; Glue itself takes them all."""
    names = (entry.name, *entry.contract.names, *entry.partition_columns)
    quoted = [f'"{name.lower()}"' for name in names if name.lower() in _RESERVED]
    if quoted:
        _LOG.warning(
            "table %s: SQL reserves %s, so queries must write them with the quotes",
            entry.name,
            ", ".join(quoted),
        )


def check_ownership(found: TableTypeDef, entry: TableEntry, root: str) -> None:
    """Raise `CatalogError` where writing the entry would overwrite what others made."""
    ours = entry_of(found, root)
    if ours is None:
        if not entry.adopt:
            raise _foreign_table(found, entry)
        _check_adoptable(found, entry)
        return
    if ours.name != entry.name:
        raise CatalogError(
            f"Expected a table name that differs in more than case; found {entry.name!r} beside "
            f"{ours.name!r}, which Glue takes for one. Choose another name."
        )
    has = shape_of(found.get("StorageDescriptor", {}).get("Columns", []))
    left = shape_of(columns_of(ours.contract))
    if has != left and not entry.adopt:
        raise CatalogError(
            f"Expected the columns of {_place(found)} as they were last published; "
            f"{_difference(left, has)}. Somebody else changed them: declare the change, undo it, "
            "or set `adopt: true` to replace it."
        )


def _foreign_table(found: TableTypeDef, entry: TableEntry) -> CatalogError:
    other = found.get("Parameters", {}).get(ROOT)
    made = f"the lake in {other}" if other else found.get("CreatedBy") or "others"
    return CatalogError(
        f"Expected no table {_place(found)}, or one of this lake; found one made by {made}. It is "
        f"left as it is: publish {entry.name!r} under another name, prefix or database, or set "
        "`adopt: true` in its declaration to replace the other."
    )


def _check_adoptable(found: TableTypeDef, entry: TableEntry) -> None:
    problems: list[str] = []
    kind = found.get("Parameters", {}).get("table_type", "")
    if found.get("TableType", "EXTERNAL_TABLE") != "EXTERNAL_TABLE" or kind:
        problems.append(f"it is of type {kind or found.get('TableType')}")
    serde = found.get("StorageDescriptor", {}).get("SerdeInfo", {}).get("SerializationLibrary")
    if serde != PARQUET_SERDE:
        problems.append(f"it is read by {serde or 'no serde'}, not as Parquet")
    if found.get("Parameters", {}).get("projection.enabled", "").lower() == "true":
        problems.append("its partitions are projected, so that Athena would see none of ours")
    keys = shape_of(found.get("PartitionKeys", []))
    if keys != [(name.lower(), "string") for name in entry.partition_columns]:
        problems.append(f"its partition columns are {_listed(keys)}, which Glue cannot change")
    if problems:
        raise CatalogError(
            f"Expected to adopt {_place(found)} as an external Parquet table partitioned by "
            f"{', '.join(entry.partition_columns) or 'nothing'}; {'; '.join(problems)}. Publish "
            f"{entry.name!r} under another name, or drop the other table."
        )


def _difference(left: Sequence[tuple[str, str]], has: Sequence[tuple[str, str]]) -> str:
    added = [each for each in has if each not in left]
    gone = [each for each in left if each not in has]
    said = [f"found {_listed(added)} besides"] if added else []
    said += [f"{_listed(gone)} are not there"] if gone else []
    return "; ".join(said) or "found them in another order"


def _listed(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns) or "none"


def _place(found: TableTypeDef) -> str:
    return f"{found.get('DatabaseName', '')}.{found['Name']}"
