"""The contract of a table: its columns, and every schema that follows from them.

Here live the list of columns, the schemas of Spark, JDBC and the Hive/Glue catalog made from it,
and the comparison with a written file. Types live in `spark/types.py`; reading a file's footer
lives in `resources/parquet.py`. Nothing here needs a JVM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql.types import StructField, StructType

from spark.column import Column, column_problems, one_line
from spark.errors import ContractError
from spark.type_parser import parse_type
from spark.type_words import nearest
from spark.types import canonical_type, promotable, spark_type, spark_type_of

__all__ = [
    "Column",
    "Contract",
    "ParquetField",
    "canonical_type",
    "contract_problems",
    "promotable",
    "spark_type",
    "spark_type_of",
]


@dataclass(frozen=True)
class ParquetField:
    """A top-level column of a Parquet file.

    `spark_type` is canonical where the contract could hold the type, and otherwise says in
    Parquet's or Arrow's words what it is.
    """

    name: str
    spark_type: str


@dataclass(frozen=True)
class Contract:
    """The columns of a table, in order."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that may not be null."""
        return tuple(column.name for column in self.columns if not column.nullable)

    def column(self, name: str) -> Column:
        """The column of that name, spelled exactly so; `ContractError` when there is none."""
        self._refuse_unknown([name])
        return next(column for column in self.columns if column.name == name)

    def spark_schema(self) -> StructType:
        """The Spark schema, with nullability and with comments as metadata."""
        return StructType(
            [
                StructField(
                    column.name,
                    spark_type(column.type),
                    column.nullable,
                    {"comment": column.comment} if column.comment else None,
                )
                for column in self.columns
            ]
        )

    def hive_columns(self) -> list[tuple[str, str, str]]:
        """Name, Hive type and comment of each column, as the Hive/Glue catalog keeps them.

        Names are folded to lower case, those of struct fields too; a comment is one line.
        """
        return [
            (column.name.lower(), column.type.lower(), one_line(column.comment))
            for column in self.columns
        ]

    def jdbc_custom_schema(self) -> str:
        """Spark's JDBC option `customSchema`; `ContractError` for a nested column."""
        nested = [column for column in self.columns if parse_type(column.type).fields]
        if nested:
            listed = ", ".join(f"`{column.name}` {column.type}" for column in nested)
            raise ContractError(
                f"Expected plain types for a table read over JDBC, found {listed};"
                " read them as string"
            )
        return ", ".join(
            "`{}` {}".format(column.name.replace("`", "``"), column.type) for column in self.columns
        )

    def parquet_problems(self, footer: Sequence[ParquetField]) -> list[str]:
        """What a Parquet file's columns have against the contract, a sentence each.

        Names and types are compared, and columns that are missing or too many. Order is not:
        readers match Parquet columns by name. Nor is nullability: Spark writes every column as
        optional, so nulls in required columns show in the statistics only.
        """
        counts = Counter(field.name for field in footer)
        found = {field.name: field.spark_type for field in footer}
        extra = [name for name in found if name not in self.names]
        problems = []
        for column in self.columns:
            folded = column.name.lower()
            other = next((name for name in extra if name.lower() == folded), None)
            expected = f"Column `{column.name}`: expected"
            if column.name in found:
                if found[column.name] != column.type:
                    problems.append(f"{expected} {column.type}, found {found[column.name]}.")
            elif other is not None:
                extra.remove(other)
                problems.append(f"{expected} this spelling, found `{other}` {found[other]}.")
            else:
                problems.append(f"{expected} {column.type}, found no such column.")
        problems += [
            f"Column `{name}`: expected no such column, found {found[name]}." for name in extra
        ]
        problems += [
            f"Column `{name}`: expected it once, found it {count} times."
            for name, count in counts.items()
            if count > 1
        ]
        return problems

    def renamed(self, mapping: Mapping[str, str]) -> Contract:
        """The contract with columns renamed from key to value; `ContractError` if unknown."""
        self._refuse_unknown(mapping)
        return Contract(
            tuple(
                replace(column, name=mapping.get(column.name, column.name))
                for column in self.columns
            )
        )

    def without(self, names: Iterable[str]) -> Contract:
        """The contract without the named columns; `ContractError` if unknown."""
        dropped = list(names)
        self._refuse_unknown(dropped)
        return Contract(tuple(column for column in self.columns if column.name not in dropped))

    def with_types(self, mapping: Mapping[str, str]) -> Contract:
        """The contract with other types for the named columns; `ContractError` if unknown."""
        self._refuse_unknown(mapping)
        return Contract(
            tuple(
                replace(column, type=mapping.get(column.name, column.type))
                for column in self.columns
            )
        )

    def to_json(self) -> dict[str, list[dict[str, str | bool]]]:
        """The contract as plain values, for a job's specification or a manifest."""
        return {"columns": [column.to_json() for column in self.columns]}

    @classmethod
    def from_json(cls, data: object) -> Contract:
        """The contract that `to_json` wrote; `ContractError` for anything else."""
        if not isinstance(data, Mapping) or list(data) != ["columns"]:
            raise ContractError(f"Expected a contract as `columns` and no more, found {data!r}")
        columns = data["columns"]
        if not isinstance(columns, (list, tuple)):
            raise ContractError(f"Expected `columns` as a list, found {columns!r}")
        return cls(tuple(Column.from_json(column) for column in columns))

    def _refuse_unknown(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.names:
                raise ContractError(
                    f"There is no column `{name}`.{nearest(name, self.names)}"
                    f" Columns: {', '.join(self.names) or 'none'}"
                )


def contract_problems(contract: Contract) -> list[str]:
    """What keeps the catalog from holding the contract, a sentence each; empty when it can."""
    if not contract.columns:
        return ["The contract has no columns; declare at least one."]
    problems = []
    for position, column in enumerate(contract.columns, start=1):
        if not column.name.strip():
            problems.append(f"Column {position} has no name; give it one.")
            continue
        problems += column_problems(column)
    return problems + _clashes(contract.names)


def _clashes(names: Iterable[str]) -> list[str]:
    """Names that the catalog, which folds them to lower case, cannot tell apart."""
    spellings: dict[str, list[str]] = {}
    for name in names:
        if name.strip():
            spellings.setdefault(name.lower(), []).append(name)
    problems = []
    for same in spellings.values():
        distinct = list(dict.fromkeys(same))
        if len(distinct) > 1:
            listed = ", ".join(f"`{name}`" for name in distinct)
            problems.append(
                f"Columns {listed} differ only in case, which the catalog does not keep;"
                " rename one."
            )
        problems += [
            f"Column `{name}` is declared {same.count(name)} times; keep one."
            for name in distinct
            if same.count(name) > 1
        ]
    return problems
