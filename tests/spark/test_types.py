"""The type parser, and what follows from a type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql.types import (
    ArrayType,
    CharType,
    DataType,
    DayTimeIntervalType,
    NullType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    VarcharType,
)

from spark.contract import canonical_type, promotable, spark_type, spark_type_of
from spark.errors import ContractError
from spark.type_parser import MAX_DEPTH
from spark.type_words import ALIASES, INSTEAD, SIMPLE_TYPES

ROOT = Path(__file__).parents[2]
#: A busy machine is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FIELD_NAMES = st.sampled_from(["a", "b2", "_c", "plays$", "Titel", "곡명"])
LEAVES = st.one_of(
    st.sampled_from(SIMPLE_TYPES),
    st.integers(1, 38).flatmap(
        lambda precision: st.integers(0, precision).map(
            lambda scale: f"decimal({precision},{scale})"
        )
    ),
)
TYPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda kind: f"array<{kind}>"),
        st.tuples(LEAVES, inner).map(lambda pair: f"map<{pair[0]},{pair[1]}>"),
        st.lists(st.tuples(FIELD_NAMES, inner), min_size=1, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "struct<" + ",".join(f"{name}:{kind}" for name, kind in pairs) + ">"
        ),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("INTEGER", "int"),
        (" Bigint ", "bigint"),
        ("long", "bigint"),
        ("short", "smallint"),
        ("byte", "tinyint"),
        ("real", "float"),
        ("double precision", "double"),
        ("timestamp_ltz", "timestamp"),
        ("decimal", "decimal(10,0)"),
        ("numeric(12)", "decimal(12,0)"),
        ("decimal( 10 , 2 )", "decimal(10,2)"),
        ("dec(38,38)", "decimal(38,38)"),
        ("array<struct<a: string>>", "array<struct<a:string>>"),
        ("MAP < STRING , array<LONG> >", "map<string,array<bigint>>"),
        ("struct<a int, `b` : array<double precision>>", "struct<a:int,b:array<double>>"),
        ("struct<\n  Date: date,\n  int: int\n>", "struct<Date:date,int:int>"),
        ("struct<곡명:string>", "struct<곡명:string>"),
    ],
)
def test_a_type_has_one_canonical_spelling(written: str, canonical: str) -> None:
    assert canonical_type(written) == canonical


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "expected a type, found the end"),
        ("strng", "Did you mean `string`? Allowed: boolean, tinyint"),
        ("bool", "use boolean"),
        ("varchar(10)", "use string"),
        ("CHAR(1)", "use string"),
        ("timestamp_ntz", "use timestamp, which is an instant in UTC"),
        ("timestamp without time zone", "write `timestamp`"),
        ("interval day to second", "`interval` is not a type that Spark, Hive and Parquet share"),
        ("time(6)", "`time` is not a type that Spark, Hive and Parquet share"),
        ("variant", "use string, or a struct"),
        ("void", "once it holds values"),
        ("int unsigned", "use the next larger signed type"),
        ("array<bigint unsigned>", "decimal(20,0) for an unsigned bigint"),
        ("uint64", "use decimal(20,0)"),
        ("int(11)", "expected `int` without parameters, found `(`"),
        ("int int", "expected the end of the type, found `int`"),
        ("int>", "expected the end of the type, found `>`"),
        ("decimal(39,1)", "a precision of 1 to 38"),
        ("decimal(0)", "a precision of 1 to 38"),
        ("decimal(2,3)", "a scale not above it, found decimal(2,3)"),
        ("decimal(10,-2)", "expected a scale, a whole number, found `-`"),
        ("decimal(" + "9" * 5000 + ")", "expected a precision, a whole number"),
        ("decimal(10", "expected `)`, found the end"),
        ("array", "expected `<`, found the end"),
        ("array int", "expected `<`, found `int`"),
        ("array<int", "expected `>`, found the end"),
        ("array<>", "expected a type, found `>`"),
        ("map<string>", "expected `,`, found `>`"),
        ("map<array<int>,int>", "expected a map key that is not nested"),
        ("struct<>", "expected a field's name, found `>`"),
        ("struct<a:int,>", "expected a field's name, found `>`"),
        ("struct<a:int not null>", "nested values are always nullable"),
        ("struct<a:int,A:string>", "found the fields `a` and `A`"),
        ("struct<user-agent:string>", "Hive takes only letters, digits, `_` and `$`"),
        ("struct<`user-agent`:string>", "found '-' in the field name `user-agent`"),
        ("struct<`a``b`:string>", "in the field name `a`b`"),
        ("struct<``:string>", "expected a field's name"),
        ("struct<`a:int>", "expected a closing backquote"),
    ],
)
def test_what_the_catalog_lacks_is_refused_with_what_to_write(written: str, said: str) -> None:
    with pytest.raises(ContractError) as refused:
        canonical_type(written)

    assert said in str(refused.value)


def test_the_place_of_a_mistake_is_named() -> None:
    with pytest.raises(ContractError, match="character 22: there is no type `sting`"):
        canonical_type("array<struct<a:int,b:sting>>")


def test_nesting_without_end_is_refused_and_not_followed() -> None:
    deepest = "array<" * (MAX_DEPTH - 1) + "int" + ">" * (MAX_DEPTH - 1)

    assert canonical_type(deepest) == deepest
    with pytest.raises(ContractError, match="nested deeper than 64 levels"):
        canonical_type("array<" * 100_000)


@UNHURRIED
@given(TYPES)
def test_canonical_spelling_and_spark_type_lead_back_to_each_other(text: str) -> None:
    assert canonical_type(text) == text
    assert spark_type_of(spark_type(text)) == text


@UNHURRIED
@given(st.text(alphabet="abint string<>(),:`_ 1decimalstructarraymap\n곡", max_size=60))
def test_any_text_is_a_type_or_a_contract_error(text: str) -> None:
    try:
        canonical = canonical_type(text)
    except ContractError:
        return

    assert canonical_type(canonical) == canonical


def test_spark_reads_the_canonical_spelling_as_the_same_type(spark: SparkSession) -> None:
    texts = [*SIMPLE_TYPES, "decimal(38,0)", "array<map<string,struct<a:int,B:decimal(5,2)>>>"]
    ddl = ", ".join(f"c{position} {text}" for position, text in enumerate(texts))

    schema = spark.createDataFrame([], ddl).schema

    assert [field.dataType for field in schema] == [spark_type(text) for text in texts]


def test_every_spelling_and_every_advice_leads_to_a_type() -> None:
    assert {canonical_type(alias) for alias in ALIASES} <= {*SIMPLE_TYPES, "decimal(10,0)"}
    assert not set(INSTEAD) & {*SIMPLE_TYPES, *ALIASES}


@pytest.mark.parametrize(
    "data_type",
    [
        TimestampNTZType(),
        VarcharType(10),
        NullType(),
        DayTimeIntervalType(),
        ArrayType(CharType(3)),
        StructType([StructField("user-agent", StringType())]),
        StructType([]),
    ],
)
def test_a_spark_type_that_the_catalog_lacks_is_refused(data_type: DataType) -> None:
    with pytest.raises(ContractError):
        spark_type_of(data_type)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tinyint", "smallint"),
        ("tinyint", "bigint"),
        ("smallint", "int"),
        ("int", "bigint"),
        ("float", "double"),
        ("decimal(10,2)", "decimal(12,2)"),
        ("INTEGER", "int"),
        ("array<int>", "array<int>"),
    ],
)
def test_a_type_may_widen_or_stay(old: str, new: str) -> None:
    assert promotable(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bigint", "int"),
        ("double", "float"),
        ("int", "double"),
        ("int", "decimal(20,0)"),
        ("decimal(12,2)", "decimal(10,2)"),
        ("decimal(10,2)", "decimal(12,3)"),
        ("date", "timestamp"),
        ("int", "string"),
        ("array<int>", "array<bigint>"),
        ("struct<a:int>", "struct<a:int,b:int>"),
    ],
)
def test_nothing_else_counts_as_widening(old: str, new: str) -> None:
    assert not promotable(old, new)


def test_types_and_schemas_need_no_jvm() -> None:
    program = (
        "from spark.contract import Column, Contract, spark_type_of\n"
        "schema = Contract((Column('a', 'map<string,array<decimal(9,2)>>'),)).spark_schema()\n"
        "assert spark_type_of(schema) == 'struct<a:map<string,array<decimal(9,2)>>>'\n"
        "from pyspark import SparkContext\n"
        "assert SparkContext._gateway is None\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/nowhere", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
