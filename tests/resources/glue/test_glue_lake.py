"""The steps of a table, published in Glue: what `Lake` and the clean-up ask of a catalog."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.catalog.counting import Counted
from resources.cleanup import cleanup
from resources.errors import CatalogError
from resources.publishing import Publisher
from tests.glue_lake import Lake as GlueLake
from tests.workshop import PLAYS, PyArrowCompute, Row, Workshop

FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": 2, "seconds": 20, "title": "Two"}


@pytest.fixture
def workshop(tmp_path: Path, glue: GlueLake) -> Workshop:
    made = Workshop(tmp_path)
    made.have_songs()
    made.lake.catalog = glue.catalog
    return made


def publish(workshop: Workshop, *rows: Row) -> None:
    """Refine the same rows for two hours, and publish them."""
    compute = PyArrowCompute({FIVE: list(rows), SIX: list(rows)})
    workshop.lake.refine(compute, workshop.table, (FIVE, SIX))
    workshop.lake.publish(workshop.table, (FIVE, SIX))


def hours(workshop: Workshop) -> dict[str, int]:
    rows = workshop.lake.published_rows("plays")
    return {hour: count for (_, hour), count in rows.items()}


def test_a_table_is_published_read_back_rolled_back_and_cleaned_up(
    workshop: Workshop, glue: GlueLake
) -> None:
    for rows in ((ALPHA,), (ALPHA, BETA), (BETA,)):
        publish(workshop, *rows)
        assert hours(workshop) == {"05": len(rows), "06": len(rows)}
    assert len(workshop.lake.catalog.history("plays", FIVE)) == 3
    later = datetime.now(UTC) + timedelta(days=30)
    report = cleanup(
        workshop.lake.storage,
        workshop.lake.catalog,
        keep_previous=1,
        older_than=timedelta(days=7),
        scratch_older_than=timedelta(days=14),
        dry_run=False,
        now=later,
    )
    assert report.objects
    workshop.lake.catalog.rollback("plays", [FIVE])
    assert hours(workshop) == {"05": 2, "06": 1}
    with pytest.raises(CatalogError, match="is missing"):
        workshop.lake.catalog.rollback("plays", [FIVE])
    glue.calls.reset()
    publish(workshop, ALPHA)
    assert glue.calls.writes == 1


def test_a_publication_that_cannot_be_read_back_is_undone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(workshop, ALPHA)
    monkeypatch.setattr(Publisher, "count_rows", lambda *_: Counted({}))
    with pytest.raises(CatalogError, match="a query counts 0"):
        publish(workshop, ALPHA, BETA)
    monkeypatch.undo()
    assert hours(workshop) == {"05": 1, "06": 1}


def test_a_declaration_that_adopts_takes_over_a_table_of_others(
    workshop: Workshop, glue: GlueLake
) -> None:
    publish(workshop, ALPHA)
    found = glue.client.get_table(DatabaseName=glue.database, Name="lake_plays")["Table"]
    kept = ("Name", "TableType", "PartitionKeys", "StorageDescriptor")
    theirs = {name: value for name, value in found.items() if name in kept}
    glue.client.update_table(DatabaseName=glue.database, TableInput=theirs)  # type: ignore[arg-type]
    with pytest.raises(CatalogError, match="`adopt: true`"):
        publish(workshop, BETA)
    workshop.declare(PLAYS + "\nadopt: true\n")
    publish(workshop, BETA)
    assert hours(workshop) == {"05": 1, "06": 1}
