"""The text of a test that holds a transform to the rows it was seen to give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from resources.transform_sample import Outcome, Rows, Sample
from spark.contract import Contract

_TEST = '''"""`{function}` on a sample of rows of {table}, and on none."""

from __future__ import annotations

{imports}
from pyspark.sql import SparkSession

from {module} import {function}

COLUMNS = {columns}
MADE = {added}

#: As raw/{table} held them; the last one has nulls wherever there may be some.
ROWS: list[tuple[object, ...]] = {rows}
EXPECTED: list[tuple[object, ...]] = {expected}


def test_{function}_gives_what_it_gave_in_the_notebook(spark: SparkSession) -> None:
    found = {function}(spark.createDataFrame(ROWS, COLUMNS))
    expected = spark.createDataFrame(EXPECTED, MADE)
    assert found.dtypes == expected.dtypes
    assert sorted(map(str, found.collect())) == sorted(map(str, expected.collect()))


def test_{function}_of_no_rows_has_the_same_columns(spark: SparkSession) -> None:
    found = {function}(spark.createDataFrame([], COLUMNS))
    assert found.dtypes == spark.createDataFrame([], MADE).dtypes
    assert found.collect() == []
'''


def transform_test(module: str, function: str, table: str, sample: Sample, made: Outcome) -> str:
    """A pytest module for the function of a module, in need of the fixture `spark`."""
    rows, expected = _literal(sample.rows), _literal(made.rows)
    return _TEST.format(
        module=module,
        function=function,
        table=table,
        imports="".join(f"{each}\n" for each in _imports([*sample.rows, *made.rows])),
        columns=repr(_schema(sample.contract)),
        added=repr(_schema(made.contract)),
        rows=rows,
        expected=expected,
    )


def _schema(contract: Contract) -> str:
    return ", ".join(f"`{each.name}` {each.type}" for each in contract.columns)


def _imports(rows: Rows) -> Iterator[str]:
    used = {type(each) for each in _leaves(rows)}
    times = [name for kind, name in ((date, "date"), (datetime, "datetime")) if kind in used]
    if times:
        yield f"from datetime import {', '.join(['UTC', *times] if datetime in used else times)}"
    if Decimal in used:
        yield "from decimal import Decimal"


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        yield from _leaves([*value.keys(), *value.values()])
    else:
        yield value


def _literal(value: object) -> str:
    """The value as Python is written."""
    if isinstance(value, datetime):
        parts = [value.year, value.month, value.day, value.hour, value.minute, value.second]
        parts += [value.microsecond] if value.microsecond else []
        return f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, Decimal):
        return f"Decimal({str(value)!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, bytearray):
        return repr(bytes(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    return repr(value)
