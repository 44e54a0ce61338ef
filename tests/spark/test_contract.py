"""The contract: what follows from a list of columns, and what is wrong with one."""

from __future__ import annotations

import json

import pytest
from pyspark.sql.types import (
    ArrayType,
    DecimalType,
    FloatType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from spark.contract import Column, Contract, ParquetField, contract_problems
from spark.errors import ContractError

PLAYS = Contract(
    (
        Column("playId", "BIGINT", nullable=False, comment="One play\nof a track"),
        Column("title", "string"),
        Column("price", "decimal(10, 2)", comment="In euro"),
        Column("tags", "array<struct<Name:string,weight:float>>"),
    )
)
FOOTER = [ParquetField(column.name, column.type) for column in PLAYS.columns]


def test_a_column_keeps_the_canonical_type() -> None:
    assert Column("a", "DECIMAL( 5 )").type == "decimal(5,0)"


def test_a_wrong_type_is_refused_with_the_column_it_is_of() -> None:
    with pytest.raises(ContractError, match="Column `fee`: Type `money`, character 1"):
        Column("fee", "money")


def test_names_and_required_columns_keep_their_order() -> None:
    assert PLAYS.names == ("playId", "title", "price", "tags")
    assert PLAYS.required == ("playId",)


def test_a_column_is_found_by_its_exact_name() -> None:
    assert PLAYS.column("title") == Column("title", "string")


def test_an_unknown_column_is_refused_with_the_columns_there_are() -> None:
    with pytest.raises(ContractError) as refused:
        PLAYS.column("titel")

    assert str(refused.value) == (
        "There is no column `titel`. Did you mean `title`? Columns: playId, title, price, tags"
    )


def test_the_spark_schema_holds_nullability_and_comments() -> None:
    tag = StructType([StructField("Name", StringType()), StructField("weight", FloatType())])

    schema = PLAYS.spark_schema()

    assert schema == StructType(
        [
            StructField("playId", LongType(), False, {"comment": "One play\nof a track"}),
            StructField("title", StringType()),
            StructField("price", DecimalType(10, 2), True, {"comment": "In euro"}),
            StructField("tags", ArrayType(tag)),
        ]
    )


def test_hive_columns_are_folded_to_lower_case_with_comments_on_one_line() -> None:
    assert PLAYS.hive_columns() == [
        ("playid", "bigint", "One play of a track"),
        ("title", "string", ""),
        ("price", "decimal(10,2)", "In euro"),
        ("tags", "array<struct<name:string,weight:float>>", ""),
    ]


def test_the_jdbc_schema_quotes_every_name() -> None:
    contract = Contract((Column("TRACK_ID", "int"), Column("a`b c", "decimal(9,2)")))

    assert contract.jdbc_custom_schema() == "`TRACK_ID` int, `a``b c` decimal(9,2)"


def test_a_nested_column_is_refused_over_jdbc() -> None:
    with pytest.raises(ContractError, match="found `tags` array<struct<Name"):
        PLAYS.jdbc_custom_schema()


def test_a_footer_with_the_contracts_columns_in_any_order_has_no_problems() -> None:
    assert PLAYS.parquet_problems(FOOTER) == []
    assert PLAYS.parquet_problems(FOOTER[::-1]) == []


def test_every_difference_of_a_footer_is_told_in_a_sentence() -> None:
    footer = [
        ParquetField("playId", "int"),
        ParquetField("Title", "string"),
        ParquetField("TITLE", "binary"),
        ParquetField("tags", "array<string>"),
        ParquetField("note", "timestamp_ntz"),
        ParquetField("note", "timestamp_ntz"),
    ]

    assert PLAYS.parquet_problems(footer) == [
        "Column `playId`: expected bigint, found int.",
        "Column `title`: expected this spelling, found `Title` string.",
        "Column `price`: expected decimal(10,2), found no such column.",
        "Column `tags`: expected array<struct<Name:string,weight:float>>, found array<string>.",
        "Column `TITLE`: expected no such column, found binary.",
        "Column `note`: expected no such column, found timestamp_ntz.",
        "Column `note`: expected it once, found it 2 times.",
    ]


def test_an_empty_footer_lacks_every_column() -> None:
    assert len(PLAYS.parquet_problems([])) == len(PLAYS.columns)


def test_columns_can_be_renamed_also_crosswise() -> None:
    renamed = PLAYS.renamed({"title": "price", "price": "title"})

    assert renamed.names == ("playId", "price", "title", "tags")
    assert renamed.column("title").comment == "In euro"


def test_columns_can_be_left_out_and_typed_anew() -> None:
    changed = PLAYS.without(["tags", "price"]).with_types({"playId": "STRING"})

    assert changed == Contract(
        (
            Column("playId", "string", nullable=False, comment="One play\nof a track"),
            Column("title", "string"),
        )
    )


def test_changing_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(ContractError, match="There is no column `nope`"):
        PLAYS.renamed({"nope": "x"})
    with pytest.raises(ContractError, match="There is no column `nope`"):
        PLAYS.without(["nope"])
    with pytest.raises(ContractError, match="There is no column `nope`"):
        PLAYS.with_types({"nope": "int"})


def test_a_contract_survives_json() -> None:
    assert Contract.from_json(json.loads(json.dumps(PLAYS.to_json()))) == PLAYS


def test_json_may_leave_out_nullability_and_comment() -> None:
    assert Contract.from_json({"columns": [{"name": "a", "type": "int"}]}) == Contract(
        (Column("a", "int"),)
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"columns": {}},
        {"columns": "a"},
        {"columns": ["a"]},
        {"columns": [], "version": 1},
        {"columns": [{"name": "a"}]},
        {"columns": [{"name": "a", "type": None}]},
        {"columns": [{"name": "a", "type": "int", "nullable": "no"}]},
        {"columns": [{"name": "a", "type": "int", "coment": "x"}]},
        {"columns": [{"name": "a", "type": "money"}]},
    ],
)
def test_json_of_another_shape_is_refused(data: object) -> None:
    with pytest.raises(ContractError):
        Contract.from_json(data)


def test_a_contract_that_the_catalog_can_hold_has_no_problems() -> None:
    fine = Contract((Column("곡명", "string", comment="x" * 255), Column("_1-$", "int")))

    assert contract_problems(PLAYS) == []
    assert contract_problems(fine) == []


def test_a_contract_without_columns_is_a_problem() -> None:
    assert contract_problems(Contract(())) == ["The contract has no columns; declare at least one."]


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_a_column_without_a_name_is_told_by_its_position(name: str) -> None:
    contract = Contract((Column("a", "int"), Column(name, "int")))

    assert contract_problems(contract) == ["Column 2 has no name; give it one."]


@pytest.mark.parametrize("char", [*" ,;{}()\n\t=.:`", "\r", "\x00", "\u2028"])
def test_a_name_with_a_character_that_an_engine_refuses_is_a_problem(char: str) -> None:
    (problem,) = contract_problems(Contract((Column(f"a{char}b", "int"),)))

    assert ("a space" if char == " " else repr(char)) in problem
    assert problem.endswith("which Parquet, Hive or Glue refuse; rename it.")


def test_names_that_differ_only_in_case_and_names_declared_twice_are_problems() -> None:
    names = ["id", "Id", "note", "note", "other"]

    assert contract_problems(Contract(tuple(Column(name, "int") for name in names))) == [
        "Columns `id`, `Id` differ only in case, which the catalog does not keep; rename one.",
        "Column `note` is declared 2 times; keep one.",
    ]


def test_names_and_comments_have_the_catalogs_limits() -> None:
    long = "n" * 256
    contract = Contract((Column(long, "int"), Column("a", "int", comment="x" * 256)))

    assert contract_problems(contract) == [
        f"Column `{long[:40]}...`: its name has 256 characters, but the catalog takes 255; shorten it.",
        "Column `a`: its comment has 256 characters, but the catalog takes 255; shorten it.",
    ]
