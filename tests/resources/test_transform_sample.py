"""What a function must do to be a transform, tried on rows; and the test that is written of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from resources.errors import NotebookRefused
from resources.transform_sample import Rows, Sample, outcome
from resources.transform_test import transform_test
from spark.contract import Column, Contract

IMPORTS = "from pyspark.sql import functions as F\n"
COLUMNS = (
    Column("play_id", "string", nullable=False),
    Column("seconds", "int"),
    Column("played_at", "timestamp"),
    Column("day", "date"),
    Column("price", "decimal(6,2)"),
    Column("ratio", "double"),
    Column("picture", "binary"),
    Column("tags", "array<struct<name:string,at:timestamp>>"),
    Column("counts", "map<string,bigint>"),
)
AT = datetime(2024, 5, 1, 5, 0, 0, 500, tzinfo=UTC)
ROWS: Rows = [
    ("a", 90, AT, date(2024, 5, 1), Decimal("1.50"), 0.1, b"\x00", [("é'\"", AT)], {"x": 1}),
    ("b", None, None, None, None, None, None, None, None),
]
SAMPLE = Sample(Contract(COLUMNS), ROWS)


def tidy(body: str) -> str:
    return f"{IMPORTS}def tidy(df):\n    return {body}\n"


def test_new_and_retyped_columns_are_told_and_rows_are_kept(spark: SparkSession) -> None:
    body = "df.withColumn('seconds', F.col('seconds') / 60).withColumn('late', F.lit(True))"
    made = outcome(spark, tidy(body), "tidy", SAMPLE)
    assert made.added == (Column("seconds", "double"), Column("late", "boolean"))
    assert made.rows == [("a", 1.5, *ROWS[0][2:], True), ("b", None, *ROWS[1][2:], True)]


def test_the_test_that_is_written_passes_until_the_function_is_another(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tidy("df.withColumn('seconds', F.col('seconds') / 60)")
    test = transform_test("x", "tidy", "plays", SAMPLE, outcome(spark, text, "tidy", SAMPLE))
    test = test.replace("from x import tidy\n", "")
    for source, is_right in ((text, True), (text.replace("60", "61"), False)):
        names: dict[str, object] = {}
        exec(source, names)  # noqa: S102 what is written is Python
        exec(test, names)  # noqa: S102
        [run] = [each for name, each in names.items() if name.endswith("in_the_notebook")]
        if is_right:
            run(spark)  # type: ignore[operator]
        else:
            with pytest.raises(AssertionError):
                run(spark)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("df.filter('seconds > 60')", "expected one row for each of 2, found 1"),
        ("df.union(df)", "expected one row for each of 2, found 4"),
        ("df.select('play_id', '_lake_row')", "lost seconds, played_at, day, price"),
        ("df.select(*[c for c in df.columns if c[0] != '_'])", "lost those that it was not told"),
        ("df.select('*', F.lit(1).alias('day'))", "expected each column once, found day twice"),
        ("df.withColumn('x', F.rand())", "found others the second time"),
        ("df.withColumn('x', F.expr('gone'))", "failed on the sample; Spark says"),
        ("df.withColumn('x', F.lit(1 / 0))", "failed on the sample with ZeroDivisionError"),
        ("df.withColumn('x', F.lit(None))", "column `x` cannot be published"),
        ("df.count()", "expected a DataFrame, found int"),
    ],
)
def test_what_is_no_transform_is_refused_in_words(
    spark: SparkSession, body: str, words: str
) -> None:
    with pytest.raises(NotebookRefused, match=words) as refused:
        outcome(spark, tidy(body), "tidy", SAMPLE)
    assert "JVM" not in str(refused.value)
