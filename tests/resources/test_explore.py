"""What an analyst asks of a lake, without Spark: tables, references, raw documents, frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.errors import CatalogError, StorageError
from resources.explore import Explorer
from tests.workshop import PyArrowCompute, Row, Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": None, "seconds": None, "title": None}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.have_songs()
    return made


@pytest.fixture
def lake(workshop: Workshop) -> Explorer:
    publish(workshop, FIVE, ALPHA, BETA)
    return Explorer(workshop.lake.storage, workshop.lake.raw_storage, workshop.lake.catalog)


def publish(workshop: Workshop, key: str, *rows: Row) -> None:
    workshop.lake.refine(PyArrowCompute({key: list(rows)}), workshop.table, [key])
    workshop.lake.publish(workshop.table, [key])


def test_a_table_is_a_relation_to_go_on_from(lake: Explorer) -> None:
    found = lake.table("plays").filter("seconds IS NOT NULL").project("play_id, dt, hour")
    assert found.fetchall() == [("alpha", "2024-05-01", "05")]


def test_a_reference_joins_a_table_in_sql(lake: Explorer) -> None:
    assert lake.reference("songs").order("song_id").fetchall() == [(1, "One"), (2, "Two")]
    query = "SELECT play_id FROM plays JOIN reference_songs USING (song_id)"
    assert lake.sql(query).fetchall() == [("alpha",)]
    assert lake.reference("songs").count("*").fetchall() == [(2,)]


def test_raw_documents_come_as_text_with_what_is_wrong_with_them(
    workshop: Workshop, lake: Explorer
) -> None:
    workshop.deliver("2024/05/01/05", "a.json", {"play_id": "a"}, {"play_id": "b"}, '{"torn')
    found = lake.documents(workshop.table, [FIVE])
    assert [row[0] for row in found.project("reason IS NULL").fetchall()] == [True, True, False]
    names = lake.sql("SELECT text ->> 'play_id' FROM raw_plays WHERE reason IS NULL").fetchall()
    assert names == [("a",), ("b",)]
    with pytest.warns(UserWarning, match="first 2 documents"):
        assert len(lake.documents(workshop.table, [FIVE], most=2).fetchall()) == 2
    assert lake.documents(workshop.table, [SIX]).fetchall() == []


def test_what_was_opened_goes_on_until_it_is_refreshed(workshop: Workshop, lake: Explorer) -> None:
    assert lake.table("plays").count("*").fetchall() == [(2,)]
    publish(workshop, SIX, ALPHA)
    assert lake.table("plays").count("*").fetchall() == [(2,)]
    lake.refresh()
    assert lake.table("plays").count("*").fetchall() == [(3,)]


def test_errors_are_sentences_and_the_next_query_works(workshop: Workshop, lake: Explorer) -> None:
    with pytest.raises(CatalogError, match=r"(?s)LINE 1: SELECT 1 FRM plays.*\^"):
        lake.sql("SELECT 1 FRM plays WHERE")
    with pytest.raises(CatalogError, match=r'(?s)"nothing" not found.*Published tables: plays'):
        lake.sql("SELECT nothing FROM plays")
    with pytest.raises(CatalogError, match=r"found 'songs'\. There are: plays"):
        lake.table("songs")
    with pytest.raises(StorageError, match="Materialize reference/artists first"):
        lake.reference("artists")
    assert lake.sql("SELECT count(*) FROM plays").fetchall() == [(2,)]


@pytest.mark.notebook
def test_a_data_frame_is_cut_with_a_warning(lake: Explorer) -> None:
    pytest.importorskip("pandas", reason="pandas is of the extra `notebook`")
    assert list(lake.pandas("SELECT play_id FROM plays ORDER BY 1").play_id) == ["alpha", "beta"]
    with pytest.warns(UserWarning, match="first 1 rows"):
        assert len(lake.pandas(lake.table("plays"), most=1)) == 1


@pytest.mark.notebook
def test_a_frame_of_polars_is_cut_likewise(lake: Explorer) -> None:
    pytest.importorskip("polars", reason="polars is of the extra `notebook`")
    found = lake.polars("SELECT play_id, seconds FROM plays ORDER BY 1")
    assert found.rows() == [("alpha", 10), ("beta", None)]
    with pytest.warns(UserWarning, match="first 1 rows"):
        assert lake.polars(lake.table("plays"), most=1).height == 1


def test_partition_columns_cost_no_join(lake: Explorer) -> None:
    [(_, plan)] = lake.connection.sql(
        "EXPLAIN SELECT dt, count(*) FROM plays GROUP BY 1"
    ).fetchall()
    assert "parquet" in plan.lower()
    assert "join" not in plan.lower()
