"""Filter, deduplicate, join and clean as pure transforms, on literal rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark.contract import Column, Contract
from spark.errors import SpecError
from spark.frames import (
    DIRTY,
    DROPPED,
    DUPLICATE,
    FATE,
    FILTERED,
    KIND,
    MIDDLE,
    OBJECT,
    ORDER,
    PARTITION,
    POSITION,
    PUBLISHED,
    REASON,
    REJECTED,
    SINGLE,
    UNMATCHED,
    UNREAD,
)
from spark.refine import clean, with_duplicates, with_first_fate, with_order, with_reference
from spark.spec import CleanSpec, JoinSpec, TransformSpec

#: Where a document came from: its partition, its object and its place there.
WHERE = f"{PARTITION} int, {OBJECT} int, {POSITION} long"
SONGS = Contract((Column("song_id", "int", nullable=False), Column("title", "string")))
NO_CLEANING = CleanSpec(transform=None, drop=(), rename={}, cast={})
NOTHING = Contract((Column("id", "int"),))


def frame(spark: SparkSession, schema: str, *rows: Sequence[object]) -> DataFrame:
    return spark.createDataFrame([tuple(row) for row in rows], schema)


def fated(spark: SparkSession, schema: str, *rows: Sequence[object]) -> DataFrame:
    """Rows as they come out of the deduplication, none of them a duplicate."""
    return (
        frame(spark, schema, *rows)
        .withColumn(FATE, F.lit(PUBLISHED))
        .withColumn(REASON, F.lit(None).cast("string"))
        .withColumn(UNMATCHED, F.lit(0))
    )


def sorted_rows(df: DataFrame, *names: str) -> list[tuple[object, ...]]:
    rows: list[Row] = df.select(*names).collect()
    return sorted((tuple(row) for row in rows), key=repr)


# --- Filter ---


def first_fates(
    spark: SparkSession, row_filter: str | None, *rows: tuple[int, int | None, int]
) -> list[tuple[object, ...]]:
    """Identifier and fate of rows of an identifier, seconds and a kind."""
    read = frame(spark, f"id int, seconds int, {KIND} int", *rows)
    return sorted_rows(with_first_fate(read, row_filter), "id", FATE)


def test_a_row_that_the_filter_cannot_decide_does_not_pass(spark: SparkSession) -> None:
    rows = ((1, 10, SINGLE), (2, 0, SINGLE), (3, None, SINGLE))

    assert first_fates(spark, "seconds > 0", *rows) == [
        (1, PUBLISHED),
        (2, FILTERED),
        (3, FILTERED),
    ]


def test_without_a_filter_every_row_passes(spark: SparkSession) -> None:
    assert first_fates(spark, None, (1, None, MIDDLE)) == [(1, PUBLISHED)]


def test_what_could_not_be_read_is_not_filtered(spark: SparkSession) -> None:
    assert first_fates(spark, "seconds > 0", (1, None, DIRTY), (2, 5, DIRTY)) == [
        (1, UNREAD),
        (2, UNREAD),
    ]


def test_an_empty_frame_passes_through_the_filter(spark: SparkSession) -> None:
    assert first_fates(spark, "seconds > 0") == []


# --- Deduplicate ---


def duplicates(rows: DataFrame, key: Sequence[str]) -> list[tuple[object, ...]]:
    """Partition, object and position of the rows that are duplicates by `key`."""
    ordered = with_order(rows.withColumn(FATE, F.lit(PUBLISHED)), key)
    found = with_duplicates(ordered.repartition(3, ORDER), key)
    assert found.count() == rows.count()
    return sorted_rows(found.filter(F.col(FATE) == DUPLICATE), PARTITION, OBJECT, POSITION)


def test_the_first_to_arrive_is_kept_by_object_then_by_position(spark: SparkSession) -> None:
    rows = frame(
        spark, f"id string, {WHERE}",
        ("a", 0, 1, 0), ("a", 0, 0, 7), ("a", 0, 0, 9), ("b", 0, 1, 1),
    )  # fmt: skip

    assert duplicates(rows, ["id"]) == [(0, 0, 9), (0, 1, 0)]


def test_rows_of_different_partitions_are_no_duplicates(spark: SparkSession) -> None:
    rows = frame(spark, f"id string, {WHERE}", ("a", 0, 0, 0), ("a", 1, 1, 0))

    assert duplicates(rows, ["id"]) == []


def test_a_row_without_a_key_equals_no_other(spark: SparkSession) -> None:
    rows = frame(
        spark, f"id string, {WHERE}", (None, 0, 0, 0), (None, 0, 0, 1), ("a", 0, 0, 2), ("a", 0, 0, 3)
    )  # fmt: skip

    assert duplicates(rows, ["id"]) == [(0, 0, 3)]


def test_a_key_that_is_null_in_part_equals_only_the_same_parts(spark: SparkSession) -> None:
    rows = frame(
        spark, f"a string, b string, {WHERE}",
        ("x", None, 0, 0, 0), (None, "x", 0, 0, 1), ("x", None, 0, 0, 2), (None, None, 0, 0, 3),
        (None, None, 0, 0, 4), ("x", "x", 0, 0, 5),
    )  # fmt: skip

    assert duplicates(rows, ["a", "b"]) == [(0, 0, 2)]


def test_keys_of_equal_hash_are_told_apart(spark: SparkSession) -> None:
    rows = frame(
        spark, f"id string, {WHERE}", ("a", 0, 0, 0), ("b", 0, 0, 1), ("a", 0, 0, 2), ("b", 0, 0, 3)
    )  # fmt: skip
    collided = rows.withColumn(FATE, F.lit(PUBLISHED)).withColumn(ORDER, F.lit(0).cast("long"))

    found = with_duplicates(collided, ["id"])

    assert sorted_rows(found.filter(F.col(FATE) == DUPLICATE), "id", POSITION) == [
        ("a", 2),
        ("b", 3),
    ]


@pytest.mark.parametrize("fate", [FILTERED, UNREAD])
def test_only_rows_to_be_published_are_duplicates_or_have_any(
    spark: SparkSession, fate: int
) -> None:
    rows = frame(
        spark, f"id string, {FATE} int, {WHERE}",
        ("a", fate, 0, 0, 0), ("a", PUBLISHED, 0, 0, 1), ("a", fate, 0, 0, 2),
    )  # fmt: skip

    found = with_duplicates(with_order(rows, ["id"]), ["id"])

    assert sorted_rows(found, POSITION, FATE) == [(0, fate), (1, PUBLISHED), (2, fate)]


def test_rows_are_in_the_order_of_their_partitions(spark: SparkSession) -> None:
    rows = frame(
        spark, f"id string, {WHERE}",
        *[(text, part, 0, 0) for part in (3, 0, 133_999_999, 1) for text in ("a", "b", None)],
    )  # fmt: skip

    ordered = with_order(rows.withColumn(FATE, F.lit(PUBLISHED)), ["id"]).orderBy(ORDER)

    assert [row[PARTITION] for row in ordered.collect()] == [
        part for part in (0, 1, 3, 133_999_999) for _ in range(3)
    ]


def test_zero_equals_minus_zero_and_not_a_number_equals_itself(spark: SparkSession) -> None:
    nan = float("nan")
    rows = frame(
        spark, f"id double, {WHERE}", (0.0, 0, 0, 0), (-0.0, 0, 0, 1), (nan, 0, 0, 2), (nan, 0, 0, 3)
    )  # fmt: skip

    assert duplicates(rows, ["id"]) == [(0, 0, 1), (0, 0, 3)]


@pytest.mark.parametrize("kind", ["binary", "date", "decimal(20,4)", "array<int>", "struct<a:int>"])
def test_a_key_may_be_of_any_type_that_compares(spark: SparkSession, kind: str) -> None:
    value = {
        "binary": "binary('x')",
        "date": "date'2024-05-01'",
        "decimal(20,4)": "cast(1.5 as decimal(20,4))",
        "array<int>": "array(1, null)",
        "struct<a:int>": "named_struct('a', 1)",
    }[kind]
    rows = frame(spark, WHERE, (0, 0, 0), (0, 0, 1)).withColumn("id", F.expr(value))

    assert duplicates(rows, ["id"]) == [(0, 0, 1)]


def test_without_a_key_nothing_is_a_duplicate(spark: SparkSession) -> None:
    rows = frame(spark, f"id string, {WHERE}", ("a", 0, 0, 0), ("a", 0, 0, 1))

    assert duplicates(rows, []) == []


def test_an_empty_frame_has_no_duplicates(spark: SparkSession) -> None:
    assert duplicates(frame(spark, f"id string, {WHERE}"), ["id"]) == []


def test_deduplication_leaves_no_column_of_its_own(spark: SparkSession) -> None:
    rows = frame(spark, f"id string, {FATE} int, {WHERE}", ("a", PUBLISHED, 0, 0, 0))

    for key in (["id"], []):
        assert set(with_duplicates(with_order(rows, key), key).columns) == {*rows.columns, ORDER}


# --- Join ---


def song_join(unmatched: str) -> JoinSpec:
    return JoinSpec("songs", "nowhere", SONGS, {"song": "song_id"}, {"title": "title"}, unmatched)


@pytest.mark.parametrize(
    ("unmatched", "fate"), [("keep", PUBLISHED), ("quarantine", REJECTED), ("drop", DROPPED)]
)
def test_what_becomes_of_rows_without_a_match_is_as_declared(
    spark: SparkSession, unmatched: str, fate: int
) -> None:
    rows = fated(spark, "id int, song int", (1, 7), (2, 8), (3, None))
    songs = frame(spark, "song_id int, title string", (7, "Seven"))

    joined = with_reference(rows, songs, song_join(unmatched), 0)

    assert sorted_rows(joined, "id", "title", FATE, UNMATCHED) == [
        (1, "Seven", PUBLISHED, 0),
        (2, None, fate, 1),
        (3, None, fate, 1),
    ]


def test_a_quarantined_row_says_which_key_found_nothing(spark: SparkSession) -> None:
    rows = fated(spark, "id int, song int", (1, 7), (2, 8), (3, None))
    songs = frame(spark, "song_id int, title string", (7, "Seven"))

    joined = with_reference(rows, songs, song_join("quarantine"), 0)

    assert sorted_rows(joined, "id", REASON) == [
        (1, None),
        (2, "no row of songs has song_id, found 8"),
        (3, "no row of songs has song_id, found null"),
    ]


def test_a_matching_row_whose_values_are_null_is_matched(spark: SparkSession) -> None:
    rows = fated(spark, "id int, song int", (1, 7))
    songs = frame(spark, "song_id int, title string", (7, None))

    joined = with_reference(rows, songs, song_join("quarantine"), 0)

    assert sorted_rows(joined, "title", FATE, UNMATCHED) == [(None, PUBLISHED, 0)]


def test_a_join_with_an_empty_reference_matches_nothing(spark: SparkSession) -> None:
    rows = fated(spark, "id int, song int", (1, 7), (2, None))

    joined = with_reference(rows, frame(spark, "song_id int, title string"), song_join("drop"), 0)

    assert sorted_rows(joined, "id", FATE) == [(1, DROPPED), (2, DROPPED)]


def test_a_null_key_matches_no_row_not_even_one_without_a_key(spark: SparkSession) -> None:
    rows = fated(spark, "id int, song int", (1, None))
    songs = frame(spark, "song_id int, title string", (None, "nobody's"), (7, "Seven"))

    joined = with_reference(rows, songs, song_join("keep"), 0)

    assert sorted_rows(joined, "id", "title", UNMATCHED) == [(1, None, 1)]


def test_a_join_of_no_rows_gives_none(spark: SparkSession) -> None:
    songs = frame(spark, "song_id int, title string", (7, "Seven"))

    joined = with_reference(fated(spark, "id int, song int"), songs, song_join("keep"), 0)

    assert joined.count() == 0
    assert "title" in joined.columns


@pytest.mark.parametrize("unmatched", ["keep", "quarantine", "drop"])
def test_a_duplicate_stays_one_whatever_it_finds(spark: SparkSession, unmatched: str) -> None:
    rows = fated(spark, "id int, song int", (1, 8)).withColumn(FATE, F.lit(DUPLICATE))
    songs = frame(spark, "song_id int, title string", (7, "Seven"))

    joined = with_reference(rows, songs, song_join(unmatched), 0)

    assert sorted_rows(joined, FATE) == [(DUPLICATE,)]


def test_several_joins_mark_a_bit_each_and_the_first_decides(spark: SparkSession) -> None:
    rows = fated(spark, "id int, song int, band int", (1, 7, 7), (2, 7, 8), (3, 8, 7), (4, 8, 8))
    songs = frame(spark, "song_id int, title string", (7, "Seven"))
    band_join = JoinSpec(
        "bands", "", SONGS, {"band": "song_id"}, {"title": "band_name"}, "quarantine"
    )

    joined = rows.transform(with_reference, songs, song_join("drop"), 0).transform(
        with_reference, songs.alias("bands"), band_join, 1
    )

    assert sorted_rows(joined, "id", "title", "band_name", UNMATCHED, FATE) == [
        (1, "Seven", "Seven", 0, PUBLISHED),
        (2, "Seven", None, 2, REJECTED),
        (3, None, "Seven", 1, DROPPED),
        (4, None, None, 3, DROPPED),
    ]


def test_a_key_of_several_columns_matches_as_a_whole(spark: SparkSession) -> None:
    rows = fated(spark, "id int, a int, b string", (1, 1, "x"), (2, 1, "y"), (3, None, "x"))
    pairs = frame(spark, "k int, l string, name string", (1, "x", "one"), (2, "y", "two"))
    contract = Contract((Column("k", "int"), Column("l", "string"), Column("name", "string")))
    join = JoinSpec("pairs", "", contract, {"a": "k", "b": "l"}, {"name": "name"}, "quarantine")

    joined = with_reference(rows, pairs, join, 0)

    assert sorted_rows(joined, "id", "name", REASON) == [
        (1, "one", None),
        (2, None, "no row of pairs has k, l, found 1, y"),
        (3, None, "no row of pairs has k, l, found null, x"),
    ]


def test_the_references_key_can_be_taken_and_have_the_name_of_the_rows(spark: SparkSession) -> None:
    rows = fated(spark, "song_id int", (7,), (8,))
    songs = frame(spark, "song_id int, title string", (7, "Seven"))
    join = JoinSpec("songs", "", SONGS, {"song_id": "song_id"}, {"song_id": "matched_id"}, "keep")

    joined = with_reference(rows, songs, join, 0)

    assert sorted_rows(joined, "song_id", "matched_id") == [(7, 7), (8, None)]


# --- Clean ---


def test_a_cast_that_fails_turns_the_row_away_with_what_was_found(spark: SparkSession) -> None:
    rows = fated(spark, "id int, seconds string", (1, "10"), (2, "ten"), (3, None), (4, " 4 "))
    published = Contract((Column("id", "int"), Column("seconds", "int")))

    cleaned = clean(rows, CleanSpec(None, (), {}, {"seconds": "int"}), published)

    assert sorted_rows(cleaned, "id", "seconds", FATE, REASON) == [
        (1, 10, PUBLISHED, None),
        (2, None, REJECTED, "seconds: cannot be cast to int, found ten"),
        (3, None, PUBLISHED, None),
        (4, 4, PUBLISHED, None),
    ]


@pytest.mark.parametrize(
    ("source", "value", "target"),
    [
        ("int", "300", "tinyint"),
        ("bigint", "3000000000", "int"),
        ("double", "1e300", "bigint"),
        ("decimal(10,2)", "12345.67", "decimal(5,2)"),
        ("string", "1.5", "int"),
        ("string", "2024-02-30", "date"),
        ("string", "yes, no", "boolean"),
        ("string", "99999999999999999999", "bigint"),
        ("double", "1.7", "int"),
        ("decimal(10,3)", "1.239", "decimal(10,2)"),
    ],
)
def test_a_cast_never_overflows_or_cuts_text_short(
    spark: SparkSession, source: str, value: str, target: str
) -> None:
    rows = fated(spark, "id int", (1,)).withColumn("v", F.lit(value).cast(source))
    published = Contract((Column("id", "int"), Column("v", target)))

    cleaned = clean(rows, CleanSpec(None, (), {}, {"v": target}), published)

    (row,) = cleaned.collect()
    assert row[FATE] == REJECTED
    assert row[REASON].startswith(f"v: cannot be cast to {target}, found ")


def test_every_cast_that_fails_is_named(spark: SparkSession) -> None:
    rows = fated(spark, "a string, b string", ("x", "y"))
    published = Contract((Column("a", "int"), Column("b", "int")))

    cleaned = clean(rows, CleanSpec(None, (), {}, {"a": "int", "b": "int"}), published)

    assert sorted_rows(cleaned, REASON) == [
        ("a: cannot be cast to int, found x; b: cannot be cast to int, found y",)
    ]


def test_a_long_value_is_cut_in_the_reason(spark: SparkSession) -> None:
    rows = fated(spark, "a string", ("x" * 1000,))

    cleaned = clean(rows, CleanSpec(None, (), {}, {"a": "int"}), Contract((Column("a", "int"),)))

    (row,) = cleaned.collect()
    assert len(row[REASON]) < 200


@pytest.mark.parametrize("fate", [DUPLICATE, DROPPED, REJECTED])
def test_cleaning_does_not_change_a_fate_that_is_sealed(spark: SparkSession, fate: int) -> None:
    rows = fated(spark, "id int, v string", (1, "x")).withColumn(FATE, F.lit(fate))
    published = Contract((Column("id", "int"), Column("v", "int", nullable=False)))

    cleaned = clean(rows, CleanSpec(None, (), {}, {"v": "int"}), published)

    assert sorted_rows(cleaned, FATE) == [(fate,)]


def test_a_cast_that_no_value_survives_is_refused_in_words(spark: SparkSession) -> None:
    rows = fated(spark, "id int", (1,)).withColumn("day", F.lit("2024-05-01").cast("date"))
    published = Contract((Column("id", "int"), Column("day", "int")))

    with pytest.raises(SpecError, match=r"cast: column `day` is date, .*become int"):
        clean(rows, CleanSpec(None, (), {}, {"day": "int"}), published)


def test_drops_come_before_renames_and_renames_before_casts(spark: SparkSession) -> None:
    rows = fated(spark, "a string, b string, c string", ("1", "2", "3"))
    published = Contract((Column("b", "int"), Column("c", "string")))

    cleaned = clean(rows, CleanSpec(None, ("b",), {"a": "b"}, {"b": "int"}), published)

    assert [name for name in cleaned.columns if not name.startswith("_lake_")] == ["b", "c"]
    assert sorted_rows(cleaned, "b", "c") == [(1, "3")]


def test_two_columns_can_change_names_with_each_other(spark: SparkSession) -> None:
    rows = fated(spark, "a string, b string", ("1", "2"))
    published = Contract((Column("b", "string"), Column("a", "string")))

    cleaned = clean(rows, CleanSpec(None, (), {"a": "b", "b": "a"}, {}), published)

    assert sorted_rows(cleaned, "a", "b") == [("2", "1")]


def test_cleaning_no_rows_gives_none_with_the_declared_types(spark: SparkSession) -> None:
    rows = fated(spark, "a string")

    cleaned = clean(rows, CleanSpec(None, (), {}, {"a": "int"}), Contract((Column("a", "int"),)))

    assert cleaned.count() == 0
    assert cleaned.schema["a"].dataType.simpleString() == "int"


# --- Named transforms ---


@pytest.fixture
def tidying() -> Iterator[ModuleType]:
    """A module for named transforms, as a project's `spark/` would have one."""
    module = ModuleType("tidying_of_a_test")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def transformed(rows: DataFrame, published: Contract) -> DataFrame:
    spec = CleanSpec(TransformSpec("tidying_of_a_test:tidy"), (), {}, {})
    return clean(rows, spec, published)


def test_a_named_transform_works_on_the_joined_rows(
    spark: SparkSession, tidying: ModuleType
) -> None:
    tidying.tidy = lambda df: df.withColumn("title", F.upper("title"))  # type: ignore[attr-defined]
    rows = fated(spark, "id int, title string", (1, "one"), (2, None))

    cleaned = transformed(rows, Contract((Column("id", "int"), Column("title", "string"))))

    assert sorted_rows(cleaned, "id", "title") == [(1, "ONE"), (2, None)]


def test_a_null_that_a_named_transform_leaves_in_a_required_column_turns_the_row_away(
    spark: SparkSession, tidying: ModuleType
) -> None:
    tidying.tidy = lambda df: df.withColumn("title", F.nullif("title", F.lit("")))  # type: ignore[attr-defined]
    rows = fated(spark, "id int, title string", (1, "One"), (2, ""))
    published = Contract((Column("id", "int"), Column("title", "string", nullable=False)))

    cleaned = transformed(rows, published)

    assert sorted_rows(cleaned, "id", FATE, REASON) == [
        (1, PUBLISHED, None),
        (2, REJECTED, "title: required, but null after cleaning"),
    ]


def test_a_named_transform_that_loses_the_lakes_columns_is_refused(
    spark: SparkSession, tidying: ModuleType
) -> None:
    tidying.tidy = lambda df: df.select("id")  # type: ignore[attr-defined]

    with pytest.raises(SpecError, match=r"lost the columns .*_lake_fate.*withColumn"):
        transformed(fated(spark, "id int", (1,)), NOTHING)


def test_a_named_transform_that_loses_a_published_column_is_refused_in_words(
    spark: SparkSession, tidying: ModuleType
) -> None:
    tidying.tidy = lambda df: df.drop("title")  # type: ignore[attr-defined]
    published = Contract((Column("id", "int"), Column("title", "string")))

    with pytest.raises(SpecError, match=r"tidying_of_a_test:tidy.*title"):
        transformed(fated(spark, "id int, title string", (1, "one")), published)


@pytest.mark.parametrize(
    "function", ["no_such_module:tidy", "spark.refine:no_such_function", "nonsense", ""]
)
def test_a_named_transform_that_cannot_be_loaded_is_refused(
    spark: SparkSession, function: str
) -> None:
    with pytest.raises(SpecError, match=r"cannot be loaded .*expected 'module:function'"):
        clean(
            fated(spark, "id int", (1,)),
            CleanSpec(TransformSpec(function), (), {}, {}),
            NOTHING,
        )
