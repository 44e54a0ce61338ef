"""A month unattended, with time driven fast: whatever happens in it, the table is right at its end.

The sensor, the conditions, the runs, the audit and publishing are the real ones; the engine is one
without Spark, and the daemon is played by the test. The random numbers are the same every time.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from resources.errors import StorageUnavailable
from tests.unattended import PlaysCompute, Unattended, without_spark
from tests.workshop import PLAYS, Workshop

START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR, DAYS = timedelta(hours=1), 30
DAILY = (
    PLAYS.replace("{by: hour, start: 2024-05-01, end: 2024-05-02}", "{by: day, start: 2024-05-01}")
    + "automation: {window_hours: 96, refresh_partitions: 3}\n"
)
BAD = DAILY + "filter: seconds < 0\n"
#: Hours of the month at which something is out of order.
NO_DAEMON = range(200, 226)
NO_STORAGE = range(340, 349)
NO_ENGINE = range(410, 416)
BAD_DEPLOYMENT = range(505, 530)

pytestmark = pytest.mark.big


@dataclass
class Month:
    """What is delivered in a month, hour by hour; `plays` are those that count, by id."""

    workshop: Workshop
    chance: random.Random = field(default_factory=lambda: random.Random(20240501))
    plays: dict[str, str] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)
    #: Days that were complete when an object came, by the hour in which it did.
    late: list[tuple[int, str]] = field(default_factory=list)

    def deliver(self, hour: int) -> None:
        """The object of an hour, in two of three hours; now and then a late or a repeated one."""
        if self.chance.random() < 0.67:
            self._object(hour, hour)
        if hour > 60 and self.chance.random() < 0.04:
            self._object(hour, hour - self.chance.randrange(25, 60))
        if hour > 60 and self.chance.random() < 0.02:
            self._again(hour, hour - self.chance.randrange(1, 50))

    def _object(self, now: int, of: int) -> None:
        names = [f"{of}-{now}-{number}" for number in range(3)]
        self._write(now, of, names)

    def _again(self, now: int, of: int) -> None:
        """A delivery that comes twice, under another name."""
        known = [name for name in self.plays if name.startswith(f"{of}-")]
        if known:
            self._write(now, of, known)

    def _write(self, now: int, of: int, names: list[str]) -> None:
        moment = START + of * HOUR
        folder = f"{moment:%Y/%m/%d/%H}"
        self.objects[folder] += 1
        documents = [{"play_id": name, "song_id": 1, "seconds": 5} for name in names]
        self.workshop.deliver(folder, f"{self.objects[folder]:03}.json", *documents)
        self.plays.update(dict.fromkeys(names, f"{moment:%Y-%m-%d}"))
        if of // 24 < now // 24:
            self.late.append((now, f"{moment:%Y-%m-%d}"))


def refuse(*_: object) -> object:
    raise StorageUnavailable("503 Slow Down")


def hour_of(unattended: Unattended, month: Month, hour: int) -> None:
    """An hour of the lake's life: what arrives, the tick after it, and the runs."""
    month.deliver(hour)
    if hour == BAD_DEPLOYMENT.start:
        month.workshop.declare(BAD)
    if hour == BAD_DEPLOYMENT.stop:
        month.workshop.declare(DAILY)
    if hour in NO_DAEMON:
        return
    with pytest.MonkeyPatch.context() as fault:
        if hour in NO_STORAGE:
            fault.setattr("resources.arrivals.list_raw", refuse)
            fault.setattr("resources.lake.list_raw", refuse)
        if hour in NO_ENGINE:
            fault.setattr(PlaysCompute, "refine", refuse)
        now = START + (hour + 1) * HOUR + timedelta(minutes=20)
        try:
            unattended.live(now)
        except StorageUnavailable:
            assert hour in NO_STORAGE


def ideal(month: Month) -> int:
    """Refined partitions if nothing ever failed: each day once, and once for each late hour.

    What was late while nothing could be done is done at once afterwards. Both deployments refresh
    three days each.
    """
    down = [*NO_DAEMON, *NO_STORAGE]
    times = {(hour if hour not in down else -1, day) for hour, day in month.late}
    return DAYS + len(times) + 2 * 3


def published(workshop: Workshop) -> list[dict[str, object]]:
    return workshop.query("SELECT * FROM plays ORDER BY ALL")


def test_after_a_month_the_table_is_what_a_build_from_scratch_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_spark(monkeypatch)
    monkeypatch.setattr("lake_assets.resources.RETRY_SECONDS", 0)
    workshop = Workshop(tmp_path / "lake", DAILY)
    workshop.have_songs()
    workshop.instance.report_runless_asset_event(
        dg.AssetMaterialization(["reference", "songs"], tags={"dagster/data_version": "2-rows"})
    )
    unattended, month = Unattended(workshop), Month(workshop)

    for hour in range(DAYS * 24 + 30):
        hour_of(unattended, month, hour)

    scratch = Workshop(tmp_path / "scratch", DAILY, raw_root=Path(workshop.settings.raw_root))
    scratch.have_songs()
    days = [f"{START + timedelta(days=n):%Y-%m-%d}" for n in range(DAYS)]
    assert scratch.materialize(["refined/plays", "catalog/plays"], span=(days[0], days[-1])).success
    within = [row for row in published(workshop) if row["dt"] in days]
    assert within == published(scratch)
    assert {str(row["play_id"]): row["dt"] for row in within} == {
        name: day for name, day in month.plays.items() if day in days
    }
    refined = [day for each in unattended.runs for day in days_in(each, days)]
    print(
        json.dumps({"refined": len(refined), "ideal": ideal(month), "runs": len(unattended.runs)})
    )
    assert 0.9 * ideal(month) <= len(refined) <= 1.1 * ideal(month)


def days_in(span: str, days: list[str]) -> list[str]:
    first, _, last = span.partition("...")
    return [day for day in days if first <= day <= (last or first)]
