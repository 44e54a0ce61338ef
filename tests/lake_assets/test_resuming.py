"""A backfill of several runs that stops in its midst: what is done stays done."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import pytest

from lake_assets.declared import Declared
from lake_assets.materialize import Runs, Wanted, _materialize
from lake_assets.partitions import partitions_def
from lake_assets.progress import LOGGERS
from resources.errors import AuditFailed
from tests.unattended import without_spark
from tests.workshop import PLAYS, Workshop

HOURS = [f"2024-05-01-{hour:02}" for hour in range(12, 17)]


class WithoutSnapshots(Runs):
    """Runs that leave the reference as it is."""

    def run(self, assets: Sequence[dg.AssetKey], keys: Sequence[str] = ()) -> None:
        if keys:
            super().run(assets, keys)


def test_what_is_done_of_a_backfill_stays_and_the_same_command_does_the_rest(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_spark(monkeypatch)
    monkeypatch.setattr("lake_assets.materialize.PARTITIONS_PER_RUN", 2)
    workshop.declare(PLAYS + "audit: {min_documents: 1}\n")
    workshop.have_songs()
    for key in HOURS:
        name = key.replace("-", "/")
        documents = [{"play_id": key, "song_id": 1}] if key != HOURS[2] else []
        workshop.deliver(name, "a.json", *documents)
    definitions = dg.Definitions.merge(workshop.definitions, dg.Definitions(loggers=LOGGERS))
    runs = WithoutSnapshots(definitions, workshop.instance)
    declared = Declared(
        workshop.table, partitions_def(workshop.model.partitions, workshop.model.automation)
    )

    with pytest.raises(AuditFailed, match=HOURS[2]):
        _materialize(runs, workshop.lake, declared, Wanted())
    done = workshop.lake.pointers(workshop.table)
    workshop.deliver(HOURS[2].replace("-", "/"), "b.json", {"play_id": "mended", "song_id": 1})
    again = _materialize(runs, workshop.lake, declared, Wanted())

    assert list(done) == HOURS[:2]
    assert again == HOURS[2:]
    whole = workshop.lake.pointers(workshop.table)
    assert {key: whole[key] for key in done} == done
    assert list(whole) == HOURS
    assert len({each.attempt for each in whole.values()}) == 3
