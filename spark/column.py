"""One column of a contract: its name, type, nullability and comment.

Here live the column and what the Hive/Glue catalog and Parquet take as its name and comment. The
list of columns lives in `spark/contract.py`, types in `spark/types.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spark.errors import ContractError
from spark.types import canonical_type

#: Glue's limits (API reference, "Column"): name and comment, in characters.
MAX_NAME = 255
MAX_COMMENT = 255
#: Parquet's and Spark's `,;{}()=` and blanks; Hive's `.`, `:` and backquote.
REFUSED_CHARACTERS = frozenset(" ,;{}()\n\t=.:`")
_COLUMN_KEYS = ("name", "type", "nullable", "comment")


@dataclass(frozen=True)
class Column:
    """One column. `type` may be given in any spelling and is kept in the canonical one."""

    name: str
    type: str
    nullable: bool = True
    comment: str = ""

    def __post_init__(self) -> None:
        try:
            canonical = canonical_type(self.type)
        except ContractError as error:
            raise ContractError(f"Column `{self.name}`: {error}") from error
        object.__setattr__(self, "type", canonical)

    def to_json(self) -> dict[str, str | bool]:
        """The column as plain values."""
        return {
            "name": self.name,
            "type": self.type,
            "nullable": self.nullable,
            "comment": self.comment,
        }

    @classmethod
    def from_json(cls, data: object) -> Column:
        """The column that `to_json` wrote; `ContractError` for anything else."""
        if not isinstance(data, Mapping):
            raise ContractError(f"Expected a column as an object, found {data!r}")
        unknown = sorted(str(key) for key in data if key not in _COLUMN_KEYS)
        name, type_text = data.get("name"), data.get("type")
        nullable, comment = data.get("nullable", True), data.get("comment", "")
        if (
            unknown
            or not isinstance(name, str)
            or not isinstance(type_text, str)
            or not isinstance(nullable, bool)
            or not isinstance(comment, str)
        ):
            raise ContractError(
                "Expected a column with the texts `name`, `type` and `comment` and the boolean"
                f" `nullable`, found {dict(data)!r}"
            )
        return cls(name, type_text, nullable, comment)


def column_problems(column: Column) -> list[str]:
    """What keeps the catalog from holding a column of that name and comment."""
    name = column.name
    problems = []
    refused = sorted({char for char in name if _is_refused(char)})
    if refused:
        listed = " ".join("a space" if char == " " else repr(char) for char in refused)
        problems.append(
            f"Column {name!r}: its name holds {listed}, which Parquet, Hive or Glue refuse;"
            " rename it."
        )
    if len(name) > MAX_NAME:
        problems.append(
            f"Column `{name[:40]}...`: its name has {len(name)} characters, but the catalog"
            f" takes {MAX_NAME}; shorten it."
        )
    length = len(one_line(column.comment))
    if length > MAX_COMMENT:
        problems.append(
            f"Column `{name}`: its comment has {length} characters, but the catalog takes"
            f" {MAX_COMMENT}; shorten it."
        )
    return problems


def _is_refused(char: str) -> bool:
    return char in REFUSED_CHARACTERS or not char.isprintable()


def one_line(text: str) -> str:
    """The text with its line breaks and runs of blanks made single spaces."""
    return " ".join(text.split())
