"""Adopting a Parquet table of others: read where it lies, and never changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.adoption import Survey, adopt, survey
from resources.attempts import newest
from resources.cleanup import cleanup
from resources.errors import CatalogError, SettingsError, StorageError
from resources.lake_storage import address_of
from resources.storage import S3Storage
from tests.hive_table import COLUMNS, below, hours_of, write_hive_table
from tests.workshop import PyArrowCompute, Row, Workshop

KNOWN = hours_of(datetime(2024, 5, 1, tzinfo=UTC))
FIVE, SIX, SEVEN = (f"2024-05-01-{hour}" for hour in ("05", "06", "07"))
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": None, "seconds": None, "title": None}
GAMMA: Row = {"play_id": "gamma", "song_id": 9, "seconds": 5, "title": "Nine"}
TABLE = {FIVE: [ALPHA, BETA], SIX: [BETA]}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "lake")
    made.have_songs()
    return made


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The table of others, in a folder with characters that a URL would encode."""
    return write_hive_table(tmp_path / "old table+50%", TABLE)


def looked(workshop: Workshop, location: Path | str) -> Survey:
    return survey(workshop.lake, workshop.table, str(location), KNOWN)


def taken(workshop: Workshop, location: Path | str) -> Survey:
    found = looked(workshop, location)
    adopt(workshop.lake, workshop.table, found)
    return found


def refused(workshop: Workshop, location: Path | str) -> str:
    with pytest.raises(CatalogError) as refusal:
        taken(workshop, location)
    assert not workshop.lake.pointers(workshop.table)
    assert newest(workshop.lake.storage, "plays", FIVE) is None
    return str(refusal.value)


def published(workshop: Workshop) -> list[tuple[object, ...]]:
    rows = workshop.query("SELECT play_id, seconds, hour FROM plays ORDER BY hour, play_id")
    return [tuple(row.values()) for row in rows]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(path: Path, rows: list[Row], **types: str) -> None:
    """Replace a file by one with columns of other types, or with others besides."""
    write_hive_table(path, {FIVE: rows}, {**COLUMNS, **types})


def test_a_survey_changes_nothing(workshop: Workshop, theirs: Path) -> None:
    workshop.lake.catalog.tables()  # the first look makes the catalog
    before = contents(workshop.root)
    found = looked(workshop, theirs)
    assert [(each.partition, each.rows) for each in found.candidates] == [(FIVE, 2), (SIX, 1)]
    assert (found.problems, found.current, found.others) == ((), (), ())
    assert contents(workshop.root) == before


def test_adopted_files_are_read_where_they_lie(workshop: Workshop, theirs: Path) -> None:
    before = contents(theirs)
    taken(workshop, theirs)
    assert published(workshop) == [("alpha", 10, "05"), ("beta", None, "05"), ("beta", None, "06")]
    assert contents(theirs) == before
    assert list((workshop.root / "refined" / "plays").rglob("*.parquet")) == []
    pointer = workshop.lake.pointers(workshop.table)[FIVE]
    assert pointer.directory == f"file://{theirs}/{below(FIVE)}"
    assert (pointer.ledger["documents"], pointer.ledger["published"]) == (2, 2)
    assert pointer.inputs["origin"] == "adopted"
    [first, *_] = workshop.lake.published_sample([pointer], 1)
    assert first["play_id"] == "alpha"


def test_a_later_materialization_takes_the_place_of_what_was_adopted(
    workshop: Workshop, theirs: Path
) -> None:
    taken(workshop, theirs)
    workshop.lake.refine(PyArrowCompute({FIVE: [GAMMA]}), workshop.table, [FIVE])
    workshop.lake.publish(workshop.table, [FIVE])
    assert published(workshop) == [("gamma", 5, "05"), ("beta", None, "06")]
    assert looked(workshop, theirs).others == (FIVE,)
    taken(workshop, theirs)
    assert published(workshop) == [("gamma", 5, "05"), ("beta", None, "06")]
    workshop.lake.catalog.rollback("plays", [FIVE])
    assert published(workshop)[0] == ("alpha", 10, "05")


def test_adopting_again_publishes_only_what_is_new_or_changed(
    workshop: Workshop, theirs: Path
) -> None:
    taken(workshop, theirs)
    write_hive_table(theirs, {SIX: [GAMMA], SEVEN: [ALPHA]})
    found = taken(workshop, theirs)
    assert [each.partition for each in found.candidates] == [SIX, SEVEN]
    assert found.current == (FIVE,)
    assert [row[0] for row in published(workshop)] == ["alpha", "beta", "gamma", "alpha"]
    assert len(workshop.lake.catalog.history("plays", FIVE)) == 1


def test_a_clean_up_leaves_adopted_files_alone(workshop: Workshop, theirs: Path) -> None:
    taken(workshop, theirs)
    compute = PyArrowCompute({FIVE: [GAMMA], SIX: [GAMMA]})
    for _ in range(3):
        workshop.lake.refine(compute, workshop.table, [FIVE, SIX])
        workshop.lake.publish(workshop.table, [FIVE, SIX])
    before = contents(theirs)
    report = cleanup(
        workshop.lake.storage,
        workshop.lake.catalog,
        keep_previous=0,
        older_than=timedelta(0),
        scratch_older_than=timedelta(days=14),
        dry_run=False,
    )
    assert {each.directory.split("/")[0] for each in report.removals} == {"refined"}
    assert contents(theirs) == before


def test_the_lakes_storage_changes_nothing_outside(workshop: Workshop, theirs: Path) -> None:
    key = f"file://{theirs}/{below(FIVE)}/part-0.parquet"
    storage = workshop.lake.storage
    assert storage.exists(key)
    with pytest.raises(StorageError, match="never changed"):
        storage.delete([key])
    with pytest.raises(StorageError, match="never changed"):
        storage.write(key, b"")
    assert storage.exists(key)


def test_narrower_columns_are_widened_and_optional_ones_may_be_missing(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.declare(workshop.text.replace("seconds, type: int", "seconds, type: bigint"))
    columns = {name: kind for name, kind in COLUMNS.items() if name != "title"}
    rows = {FIVE: [{name: ALPHA[name] for name in columns}]}
    taken(workshop, write_hive_table(tmp_path / "old", rows, columns))
    assert workshop.query("SELECT seconds, title FROM plays") == [{"seconds": 10, "title": None}]


@pytest.mark.parametrize(
    ("types", "row", "said"),
    [
        ({"seconds": "bigint"}, ALPHA, "Column `seconds`: expected int, found bigint"),
        ({"mood": "string"}, ALPHA, "Column `mood`: expected no such column"),
        ({}, {**ALPHA, "play_id": None}, "column `play_id` is required and null in 1 rows"),
    ],
)
def test_a_column_against_the_contract_is_refused_by_file_and_name(
    workshop: Workshop, theirs: Path, types: dict[str, str], row: Row, said: str
) -> None:
    write(theirs, [row], **types)
    message = refused(workshop, theirs)
    assert f"{below(FIVE)}/part-0.parquet: " in message
    assert said in message
    assert "Nothing was changed" in message


def test_a_required_column_must_be_there(workshop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "old" / below(FIVE)
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"song_id": pa.array([1], pa.int32())}), folder / "part-0.parquet")
    assert "Column `play_id`: expected string, found no such column" in refused(
        workshop, tmp_path / "old"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dt=2024-05-01/hour=5/a.parquet", "spelled as in dt=2024-05-01/hour=00"),
        ("dt=2024-05-01/a.parquet", "expected a folder like dt=2024-05-01/hour=00"),
        ("year=2024/month=05/a.parquet", "expected a folder like dt=2024-05-01/hour=00"),
        ("dt=2023-01-01/hour=05/a.parquet", "expected a partition of the table"),
        ("dt=__HIVE_DEFAULT_PARTITION__/hour=05/a.parquet", "expected a partition key"),
        ("dt=2024-05-01/hour=07/a.orc", "expected a whole Parquet file"),
    ],
)
def test_files_that_belong_to_no_partition_are_refused_by_name(
    workshop: Workshop, theirs: Path, name: str, said: str
) -> None:
    path = theirs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not parquet")
    message = refused(workshop, theirs)
    assert name in message
    assert said.lower() in message.lower()


def test_what_the_lake_wrote_itself_is_not_adopted(workshop: Workshop, theirs: Path) -> None:
    inside = write_hive_table(workshop.root / "refined" / "plays" / "attempt=1", TABLE)
    for location in (inside, workshop.root, workshop.root.parent):
        with pytest.raises(CatalogError, match="beside what the lake itself writes"):
            looked(workshop, location)
    beside = write_hive_table(workshop.root / "old", TABLE)
    assert len(looked(workshop, beside).candidates) == 2


def test_a_place_without_files_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="found none"):
        looked(workshop, tmp_path / "nothing")
    with pytest.raises(SettingsError, match="folder or a URL"):
        looked(workshop, "ftp://old")


def test_files_that_changed_after_the_survey_are_not_published(
    workshop: Workshop, theirs: Path
) -> None:
    found = looked(workshop, theirs)
    write_hive_table(theirs, {SIX: [ALPHA, BETA, GAMMA]})
    with pytest.raises(CatalogError, match="bytes, not"):
        adopt(workshop.lake, workshop.table, found)


def test_a_lake_in_a_folder_adopts_from_s3_beside_partitions_of_its_own(
    workshop: Workshop, s3_lake: S3Storage, theirs: Path
) -> None:
    made = Workshop(
        workshop.root,
        environment={
            "LAKE_S3_ENDPOINT": s3_lake.aws.endpoints["s3"],
            "LAKE_AWS_REGION": "us-east-1",
        },
    )
    for path, data in contents(theirs).items():
        s3_lake.write(f"old/{path.relative_to(theirs)}", data)
    made.lake.refine(PyArrowCompute({SEVEN: [GAMMA]}), made.table, [SEVEN])
    made.lake.publish(made.table, [SEVEN])
    address = f"{s3_lake.root}/old"
    assert address_of(f"{address}/") == address
    taken(made, address)
    assert [row[0] for row in published(made)] == ["alpha", "beta", "beta", "gamma"]
