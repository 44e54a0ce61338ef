"""From the database's types to the contract's, without losing a value unnoticed.

For each pair of types this says how a column is cast and which of its values the contract cannot
hold: overflow, text that is no number, a fraction or a time of day that would be cut off. What
becomes of such values is decided in `spark/snapshot.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.types import DataType

from spark.errors import ReferenceRefused

_KINDS: dict[str, str] = {
    "boolean": "boolean",
    "tinyint": "integer",
    "smallint": "integer",
    "int": "integer",
    "bigint": "integer",
    "float": "floating",
    "double": "floating",
    "decimal": "decimal",
    "string": "string",
    "char": "string",
    "varchar": "string",
    "binary": "binary",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp",
}
_INFINITE = "IN (double('Infinity'), double('-Infinity'))"
_DAY_FIRST = "'^ *[0-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9]'"
_EXACT = "NOT (try_cast({typed} AS {source}) <=> {value})"
_NOTHING_LOST = "false"

#: What is lost, by the kinds a value comes from and goes to, beyond what casts to null. A pair that
#: is missing cannot be cast. Decimals and doubles in a floating column are rounded: it asks for it.
_LOSSES: dict[tuple[str, str], str] = {
    ("boolean", "integer"): _NOTHING_LOST,
    ("boolean", "decimal"): _NOTHING_LOST,
    ("integer", "boolean"): _EXACT,
    ("integer", "integer"): _EXACT,
    ("integer", "decimal"): _EXACT,
    ("integer", "floating"): _EXACT,
    ("decimal", "boolean"): _EXACT,
    ("decimal", "integer"): _EXACT,
    ("decimal", "decimal"): _EXACT,
    ("decimal", "floating"): f"double({{typed}}) {_INFINITE}",
    ("floating", "integer"): _EXACT,
    ("floating", "decimal"): _EXACT,
    ("floating", "floating"): (
        f"double({{typed}}) {_INFINITE} AND NOT double({{value}}) {_INFINITE}"
    ),
    ("string", "boolean"): _NOTHING_LOST,
    ("string", "integer"): _NOTHING_LOST,
    ("string", "decimal"): (
        "NOT (try_cast({typed} AS {wide}) <=> try_cast({value} AS {wide}))"
        # A text may have more digits than the widest decimal, which rounds them away.
        " OR length(regexp_extract({value}, '^[^.eE]*[.]([0-9]*?)0*$', 1)) > {scale}"
    ),
    ("string", "floating"): f"double({{typed}}) {_INFINITE} AND NOT lower({{value}}) LIKE '%inf%'",
    ("string", "binary"): _NOTHING_LOST,
    ("string", "date"): (
        f"NOT {{value}} RLIKE {_DAY_FIRST}"
        " OR NOT (try_cast({typed} AS timestamp) <=> try_cast({value} AS timestamp))"
    ),
    ("string", "timestamp"): f"NOT {{value}} RLIKE {_DAY_FIRST}",
    ("date", "timestamp"): _NOTHING_LOST,
    ("timestamp", "timestamp"): _NOTHING_LOST,
    ("timestamp", "date"): _EXACT,
    ("boolean", "string"): _NOTHING_LOST,
    ("integer", "string"): _NOTHING_LOST,
    ("decimal", "string"): _NOTHING_LOST,
    ("floating", "string"): _NOTHING_LOST,
    ("date", "string"): _NOTHING_LOST,
    ("timestamp", "string"): _NOTHING_LOST,
}


@dataclass(frozen=True)
class Fit:
    """Two SQL expressions: the value as the contract's type, and whether that is another value."""

    typed: str
    misfit: str


def fit(name: str, source: DataType, target: str) -> Fit:
    """How column `name` of type `source` becomes `target`, a type's canonical text.

    Raises `ReferenceRefused` when no value of the one could become one of the other.
    """
    value, have = quoted(name), source.simpleString()
    if have == target:
        return Fit(value, _NOTHING_LOST)
    if _kind(have) == _kind(target) == "string":
        return Fit(f"CAST({value} AS string)", _NOTHING_LOST)
    loss = _LOSSES.get((_kind(have), _kind(target)))
    if loss is None:
        raise ReferenceRefused(
            f"Column `{name}`: the database has {have}, which cannot become {target}. Declare"
            " another type, or name a view that converts it as the reference's table."
        )
    typed = f"try_cast({value} AS {target})"
    lost = loss.format(
        typed=typed, value=value, source=have, wide=_wide(target), scale=_scale(target)
    )
    return Fit(typed, f"{value} IS NOT NULL AND ({typed} IS NULL OR {lost})")


def reads_as_text(url: str, source: DataType, target: str) -> bool:
    """Whether the driver should hand the column over as text, of whatever type it is.

    It knows all its types, where Spark does not. Derby's timestamps, too: as Java's they would
    depend on the machine's time zone, in ways that differ between Spark 3.5 and 4.
    """
    kind = _kind(source.simpleString())
    if kind == "timestamp" and url.startswith("jdbc:derby:"):
        return target in ("string", "date", "timestamp")
    return target == "string" and kind != "binary"


def quoted(name: str) -> str:
    """A column's name as Spark SQL takes it whatever it holds."""
    return "`{}`".format(name.replace("`", "``"))


def _kind(type_text: str) -> str:
    return _KINDS.get(type_text.partition("(")[0], "other")


def _wide(target: str) -> str:
    """The decimal with as many digits before the point as `target` and the most after it."""
    if not target.startswith("decimal("):
        return target
    precision, scale = (int(part) for part in target[len("decimal(") : -1].split(","))
    return f"decimal(38,{38 - (precision - scale)})"


def _scale(target: str) -> int:
    """The digits after the point that `target` has, where it is a decimal."""
    return int(target[:-1].partition(",")[2] or 0) if target.startswith("decimal(") else 0
