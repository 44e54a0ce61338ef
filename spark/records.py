"""What formats share whose records need no cutting apart: every one is typed by casts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.exact import QUOTED_CHARACTERS
from spark.fitting import fit, quoted
from spark.frames import DIRTY, FRAGMENT, KIND, REASON, SINGLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark.contract import Contract
    from spark.places import IndexedObject
    from spark.repair import Mark
    from spark.spec import RawSpec


_FOUND = "_lake_found_"


@dataclass(frozen=True)
class RecordSource(ABC):
    """A format whose only reader is an exact one. Subclasses say how records are read."""

    raw: RawSpec

    @abstractmethod
    def exact(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        """Every record, with the reason why it cannot be published or null."""

    def documents(self, session: SparkSession, objects: Sequence[IndexedObject]) -> DataFrame:
        return with_kinds(self.exact(session, objects))

    def is_doubtful(self, kinds: Mapping[int, int]) -> bool:
        return kinds[DIRTY] > 0

    def repaired(
        self,
        session: SparkSession,  # noqa: ARG002
        marks: Iterable[Mark],  # noqa: ARG002
        dirty_counts: Mapping[int, int],
        objects: Sequence[IndexedObject],  # noqa: ARG002
    ) -> tuple[DataFrame | None, set[int]]:
        """A record that does not fit is whole: there is nothing to repair."""
        return None, set(dirty_counts)


def with_kinds(rows: DataFrame) -> DataFrame:
    """Add KIND by REASON, and an empty FRAGMENT: records are not cut out of anything."""
    kind = F.when(F.col(REASON).isNull(), SINGLE).otherwise(DIRTY)
    return rows.withColumn(KIND, kind).withColumn(FRAGMENT, F.lit(None).cast("string"))


def with_fitted_columns(rows: DataFrame, contract: Contract, found: Mapping[str, str]) -> DataFrame:
    """Add the contract's columns from those `found` (name to column of `rows`), and to REASON what
    does not fit. A column that was not found is null.

    Raises `ReferenceRefused` for types of which no value fits the contract's.
    """
    prefixed = {name: F.col(quoted(column)).alias(_FOUND + name) for name, column in found.items()}
    kept = [F.col(name) for name in rows.columns if name not in found.values()]
    apart = rows.select(*kept, *prefixed.values())
    fits = {
        name: fit(_FOUND + name, apart.schema[_FOUND + name].dataType, contract.column(name).type)
        for name in found
    }
    wrong = [
        F.when(F.expr(each.misfit), _wrong(name, contract.column(name).type))
        for name, each in fits.items()
    ]
    missing = [
        F.when(
            F.col(quoted(_FOUND + name)).isNull() if name in found else F.lit(True),
            F.lit(f"{name}: required, but missing or null"),
        )
        for name in contract.required
    ]
    said = F.concat_ws("; ", *wrong, *missing)
    typed = [
        F.expr(fits[name].typed) if name in fits else F.lit(None).cast(contract.column(name).type)
        for name in contract.names
    ]
    return apart.select(
        *[name for name in apart.columns if name != REASON and not name.startswith(_FOUND)],
        F.coalesce(F.col(REASON), F.when(said != "", said)).alias(REASON),
        *[column.alias(name) for name, column in zip(contract.names, typed)],
    )


def _wrong(name: str, type_text: str) -> Column:
    value = F.substring(F.col(quoted(_FOUND + name)).cast("string"), 1, QUOTED_CHARACTERS)
    return F.concat(F.lit(f"{name}: expected {type_text}, found "), value)
