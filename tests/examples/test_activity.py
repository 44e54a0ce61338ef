"""The generator: same options same bytes, and counts that an independent reader confirms."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples.activity import (
    ACTIVITIES,
    Counts,
    Options,
    generate_hour,
    main,
    tracks,
    write_activity,
)

HOUR = datetime(2026, 11, 1, 5, tzinfo=UTC)
DIRTY = Options(
    start=HOUR, hours=1, events_per_hour=3_000, malformed=0.02, wrong_type=0.02, redelivered=0.05
)


def documents(text: str) -> tuple[list[dict[str, object]], int]:
    """Every complete document of an object, and the number of pieces of garbage around them."""
    decoder = json.JSONDecoder()
    found: list[dict[str, object]] = []
    garbage, position, is_in_garbage = 0, 0, False
    while position < len(text):
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            value, end = None, position + 1
        if isinstance(value, dict):
            found.append(value)
            position, is_in_garbage = end, False
        else:
            garbage += not is_in_garbage
            position, is_in_garbage = position + 1, True
    return found, garbage


def texts(options: Options, hour: datetime = HOUR) -> list[str]:
    objects, _ = generate_hour(options, hour)
    return [gzip.decompress(objects[key]).decode() for key in sorted(objects)]


def test_same_options_give_the_same_bytes() -> None:
    assert generate_hour(DIRTY, HOUR) == generate_hour(DIRTY, HOUR)


def test_another_seed_gives_other_bytes() -> None:
    assert generate_hour(DIRTY, HOUR) != generate_hour(Options(seed=8), HOUR)


def test_an_hour_does_not_depend_on_the_hours_around_it(tmp_path: Path) -> None:
    options = Options(start=HOUR.replace(hour=3), hours=4, events_per_hour=50)

    write_activity(tmp_path, options, processes=2)

    alone, _ = generate_hour(options, HOUR)
    assert {key: (tmp_path / key).read_bytes() for key in alone} == alone


def test_counts_are_those_an_independent_reader_finds() -> None:
    _, counts = generate_hour(DIRTY, HOUR)
    read = [documents(text) for text in texts(DIRTY)]
    found = [document for each, _ in read for document in each]
    keyed = [d for d in found if d["uuid"] is not None]
    wrong = [d for d in keyed if d["device_temp"] == "hot" or int(str(d["device_id"])) > 2**31 - 1]
    good = [d for d in keyed if d not in wrong]
    distinct = {str(d["uuid"]): d for d in good}

    assert counts == Counts(
        documents=len(found) + sum(garbage for _, garbage in read),
        distinct=len(distinct),
        duplicates=len(good) - len(distinct),
        malformed=sum(garbage for _, garbage in read),
        wrong_type=len(wrong),
        missing_key=len(found) - len(keyed),
        unmatched=sum(d["track_id"] == 0 for d in distinct.values()),
    )
    assert min(vars(counts).values()) > 0


def test_counts_balance() -> None:
    _, c = generate_hour(DIRTY, HOUR)

    assert c.documents == c.distinct + c.duplicates + c.malformed + c.wrong_type + c.missing_key


def test_a_redelivery_can_arrive_in_a_later_object() -> None:
    first, second = ([d["uuid"] for d in documents(text)[0]] for text in texts(DIRTY))

    assert len(set(first)) < len(first)
    assert set(first) & set(second) - {None}


def test_documents_follow_each_other_without_a_separator() -> None:
    clean = Options(events_per_hour=20, malformed=0, wrong_type=0, redelivered=0)

    for text in texts(clean):
        assert text.startswith('{"uuid": "')
        assert text.endswith("}")
        assert text.count("}{") == 9
        assert "\n" not in text


def test_values_stay_in_the_trackers_ranges() -> None:
    clean = Options(events_per_hour=2_000, malformed=0, wrong_type=0, redelivered=0)
    found = [document for text in texts(clean) for document in documents(text)[0]]

    assert {d["activity_type"] for d in found} == set(ACTIVITIES)
    assert {d["track_id"] for d in found} == set(range(31))
    assert {d["device_id"] for d in found} == set(range(51))
    stamps = [str(d["device_ts"]) for d in found]
    assert stamps == sorted(stamps)
    assert all(s.startswith("2026-11-01 05:") and len(s) == 23 for s in stamps)


def test_names_are_those_of_firehose() -> None:
    objects, _ = generate_hour(DIRTY, HOUR)

    for key in objects:
        assert key.startswith("raw/activity/2026/11/01/05/activity-1-2026-11-01-05-")
        assert key.endswith(".gz")
        assert len(key.rsplit("/", 1)[1]) == len("activity-1-2026-11-01-05-00-00-.gz") + 36


def test_an_hour_without_events_has_empty_objects() -> None:
    empty = Options(events_per_hour=0)

    assert set(texts(empty)) == {""}
    assert generate_hour(empty, HOUR)[1] == Counts()


def test_writing_again_touches_nothing(tmp_path: Path) -> None:
    options = Options(start=HOUR, hours=1, events_per_hour=20)
    write_activity(tmp_path, options)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.gz")}

    write_activity(tmp_path, options)

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.gz")} == before


def test_tracks_are_1_to_100_so_that_track_0_never_matches() -> None:
    rows = tracks()

    assert [row["track_id"] for row in rows] == list(range(1, 101))
    assert len({row["title"] for row in rows}) == 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": HOUR.replace(tzinfo=None)}, "time zone"),
        ({"hours": -1}, "at least 0"),
        ({"objects_per_hour": 0}, "at least 1"),
        ({"malformed": 0.9}, "share from 0 to 0.5"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Options(**options)  # type: ignore[arg-type]


def test_the_command_prints_each_hour_and_the_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(tmp_path), "--start", "2026-11-01T05", "--hours", "2", "--events-per-hour", "10"])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["hour", "2026-11-01T05", "2026-11-01T06", "all"]
    assert len(list(tmp_path.rglob("*.gz"))) == 4
