"""The audit of what lies in storage, on files that a broken engine might have written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.audit import CHECKS, Audit, audit, beyond_limits, read_rows
from resources.errors import StorageError
from resources.storage import FolderStorage
from resources.table import Limits
from spark.contract import Column, Contract
from spark.ledger import Ledger

CONTRACT = Contract(
    (Column("id", "string", nullable=False), Column("n", "int"), Column("at", "timestamp"))
)
SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int32()), ("at", pa.timestamp("us", tz="UTC"))])
DIRECTORY = "refined/plays/attempt=1/dt=2024-05-01"
ROWS: list[dict[str, object]] = [{"id": "a", "n": 1}, {"id": "b", "n": None}]


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def write(
    storage: FolderStorage,
    rows: list[dict[str, object]] | None = None,
    schema: pa.Schema = SCHEMA,
    name: str = "part-0.parquet",
    directory: str = DIRECTORY,
    **options: object,
) -> None:
    path = storage.local_path(f"{directory}/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(ROWS if rows is None else rows, schema), path, **options)


def judged(
    storage: FolderStorage, ledger: Ledger | None = None, limits: Limits | None = None
) -> Audit:
    even = Ledger(documents=2, published=2)
    listed = storage.list(f"{DIRECTORY}/")
    return audit(storage, DIRECTORY, listed, CONTRACT, ledger or even, limits or Limits())


def failed(found: Audit) -> set[str]:
    return {name for name, sentences in found.findings.items() if sentences}


def test_files_that_hold_what_they_should_pass(storage: FolderStorage) -> None:
    write(storage)

    found = judged(storage)

    assert found.passed
    assert set(found.findings) == set(CHECKS)
    assert found.sentences == []
    assert [(each.key, each.rows) for each in found.files] == [(f"{DIRECTORY}/part-0.parquet", 2)]
    assert found.files[0].bytes == storage.local_path(found.files[0].key).stat().st_size


def test_rows_of_several_files_are_added_up(storage: FolderStorage) -> None:
    write(storage, ROWS[:1], name="part-0.parquet")
    write(storage, ROWS[1:], name="part-1.parquet")

    assert judged(storage).passed


def test_an_empty_partition_has_no_files_and_passes(storage: FolderStorage) -> None:
    found = judged(storage, Ledger())

    assert found.passed
    assert found.files == ()


def test_a_file_without_rows_is_held_to_the_contract_too(storage: FolderStorage) -> None:
    write(storage, [], pa.schema([("id", pa.string())]))

    assert failed(judged(storage, Ledger())) == {"schema_matches_contract"}


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        pytest.param(
            SCHEMA.remove(1), "Column `n`: expected int, found no such column", id="missing"
        ),
        pytest.param(
            SCHEMA.append(pa.field("x", pa.int32())),
            "Column `x`: expected no such column, found int",
            id="extra",
        ),
        pytest.param(
            SCHEMA.set(1, pa.field("n", pa.int64())), "expected int, found bigint", id="wider"
        ),
        pytest.param(
            SCHEMA.set(1, pa.field("n", pa.string())), "expected int, found string", id="retyped"
        ),
        pytest.param(
            SCHEMA.set(2, pa.field("at", pa.timestamp("us"))),
            "expected timestamp, found timestamp_ntz",
            id="timestamp without zone",
        ),
        pytest.param(
            SCHEMA.set(1, pa.field("N", pa.int32())), "expected this spelling, found `N`", id="case"
        ),
    ],
)
def test_a_footer_that_is_not_the_contracts_fails(
    storage: FolderStorage, schema: pa.Schema, sentence: str
) -> None:
    write(storage, [{"id": "a"}, {"id": "b"}], schema)

    found = judged(storage)

    assert failed(found) == {"schema_matches_contract"}
    assert sentence in found.sentences[0]
    assert found.sentences[0].startswith(f"{DIRECTORY}/part-0.parquet: ")


def test_one_broken_file_among_whole_ones_fails(storage: FolderStorage) -> None:
    write(storage, ROWS[:1], name="part-0.parquet")
    write(storage, [{"id": "b"}], SCHEMA.remove(1), name="part-1.parquet")

    (sentence,) = judged(storage).sentences

    assert sentence.startswith(f"{DIRECTORY}/part-1.parquet: ")


def test_the_order_of_columns_is_no_matter(storage: FolderStorage) -> None:
    write(storage, ROWS, pa.schema(list(reversed(list(SCHEMA)))))

    assert judged(storage).passed


@pytest.mark.parametrize("published", [1, 3])
def test_another_number_of_rows_than_the_ledgers_fails(
    storage: FolderStorage, published: int
) -> None:
    write(storage)

    found = judged(storage, Ledger(documents=published, published=published))

    assert failed(found) == {"rows_match_ledger"}
    assert f"2 rows in 1 files, the ledger says {published} were published" in found.sentences[0]


def test_rows_that_are_there_and_files_that_are_not_fail(storage: FolderStorage) -> None:
    found = judged(storage)

    assert failed(found) == {"rows_match_ledger"}
    assert "0 rows in 0 files" in found.sentences[0]


def test_a_ledger_that_does_not_balance_fails(storage: FolderStorage) -> None:
    write(storage)

    found = judged(storage, Ledger(documents=3, published=2))

    assert failed(found) == {"ledger_balances"}
    assert "3 documents were read, 2 are accounted for" in found.sentences


@pytest.mark.parametrize("statistics", [True, False])
def test_nulls_in_a_required_column_fail_with_statistics_and_without(
    storage: FolderStorage, statistics: bool
) -> None:
    write(storage, [{"id": None, "n": 1}, {"id": "b"}], write_statistics=statistics)

    found = judged(storage)

    assert failed(found) == {"required_columns_have_no_nulls"}
    assert "column `id` is required and null in 1 rows" in found.sentences[0]


@pytest.mark.parametrize("statistics", [True, False])
def test_nulls_in_other_columns_pass(storage: FolderStorage, statistics: bool) -> None:
    write(storage, [{"id": "a"}, {"id": "b"}], write_statistics=statistics)

    assert judged(storage).passed


def test_nulls_of_every_row_group_count(storage: FolderStorage) -> None:
    rows: list[dict[str, object]] = [{"id": None if n % 3 == 0 else str(n)} for n in range(30)]
    write(storage, rows, row_group_size=7)

    found = judged(storage, Ledger(documents=30, published=30))

    assert "null in 10 rows" in found.sentences[0]


def test_a_required_nested_column_without_statistics_is_read(storage: FolderStorage) -> None:
    contract = Contract((Column("tags", "array<string>", nullable=False),))
    write(storage, [{"tags": ["x"]}, {"tags": None}], pa.schema([("tags", pa.list_(pa.string()))]))

    listed = storage.list(f"{DIRECTORY}/")
    found = audit(storage, DIRECTORY, listed, contract, Ledger(documents=2, published=2), Limits())

    assert failed(found) == {"required_columns_have_no_nulls"}


@pytest.mark.parametrize("name", ["_temporary/part-1.parquet", ".part-1.parquet", "_part.parquet", "note.txt"])  # fmt: skip
def test_what_readers_skip_is_not_audited(storage: FolderStorage, name: str) -> None:
    write(storage)
    path = storage.local_path(f"{DIRECTORY}/{name}")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"no Parquet")

    assert judged(storage).passed


def test_another_partition_whose_name_begins_alike_is_not_audited(storage: FolderStorage) -> None:
    write(storage)
    write(storage, directory=DIRECTORY + "1")

    assert judged(storage).passed


def test_a_file_that_is_not_parquet_is_an_error_in_words(storage: FolderStorage) -> None:
    write(storage)
    storage.write(f"{DIRECTORY}/part-1.parquet", b"PAR1 and no more")

    with pytest.raises(StorageError, match=r"part-1\.parquet"):
        judged(storage)


# --- Limits ---


@pytest.mark.parametrize(
    ("limits", "ledger", "sentence"),
    [
        (
            Limits(max_quarantined_share=0.1),
            Ledger(documents=10, published=8, quarantined={"a": 1, "b": 1}),
            "quarantined: 2 of 10 documents (20.00%), the limit is 10.00%",
        ),
        (
            Limits(max_unmatched_share=0.1),
            Ledger(documents=10, published=10, unmatched={"a": 1, "b": 2}),
            "unmatched: 2 of 10 documents (20.00%), the limit is 10.00%",
        ),
        (
            Limits(max_duplicate_share=0),
            Ledger(documents=10, published=9, duplicates=1),
            "duplicates: 1 of 10 documents (10.00%), the limit is 0.00%",
        ),
        (
            Limits(min_documents=11),
            Ledger(documents=10, published=10),
            "documents: 10 were read, at least 11 are expected",
        ),
    ],
)
def test_a_limit_that_is_exceeded_is_named_with_the_figures(
    limits: Limits, ledger: Ledger, sentence: str
) -> None:
    assert beyond_limits(ledger, limits) == [sentence]


def test_a_share_that_is_the_limit_is_within_it() -> None:
    ledger = Ledger(documents=10, published=8, quarantined={"a": 1}, duplicates=1)

    assert beyond_limits(ledger, Limits(0.1, 0.1, 0.1, 10)) == []


def test_without_limits_anything_is_within_them() -> None:
    assert beyond_limits(Ledger(documents=1, quarantined={"a": 1}), Limits()) == []


def test_shares_of_no_documents_are_within_any_limit() -> None:
    assert beyond_limits(Ledger(), Limits(0, 0, 0)) == []


def test_an_empty_partition_has_too_few_documents_where_some_are_expected() -> None:
    assert beyond_limits(Ledger(), Limits(min_documents=1)) != []


def test_a_limit_that_is_exceeded_fails_the_audit(storage: FolderStorage) -> None:
    write(storage)
    ledger = Ledger(documents=4, published=2, quarantined={"malformed": 2})

    found = judged(storage, ledger, Limits(max_quarantined_share=0.25))

    assert failed(found) == {"within_limits"}


def test_the_first_rows_of_a_file_are_read_for_a_sample(storage: FolderStorage) -> None:
    write(storage)
    key = f"{DIRECTORY}/part-0.parquet"

    assert [row["id"] for row in read_rows(storage, key, 1)] == ["a"]
    assert [row["id"] for row in read_rows(storage, key, 9)] == ["a", "b"]
    assert read_rows(storage, key, 0) == []
