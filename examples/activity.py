"""A seeded generator of activity-tracker events, laid out as Kinesis Data Firehose delivers them.

Here live the sample documents, the defects that real deliveries have, and the true counts to hold
a pipeline against. Standard library only: nothing of this project is imported, so it cannot agree
with the pipeline by sharing its code. The same options give the same bytes for an hour, whichever
hours are asked for.

    python -m examples.activity lake --hours 72
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

ACTIVITIES: Mapping[str, float] = {
    "Running": 0.1,
    "Working": 0.2,
    "Walking": 0.2,
    "Traveling": 0.3,
    "Sitting": 0.2,
}
TEMPERATURES: Sequence[int] = (28, 32, 34, 40)
TRACKS = 100
HOUR_MS = 3_600_000
GARBAGE: Sequence[str] = (
    "<html><body>503 Service Unavailable</body></html>",
    "null",
    "\ufffd\ufffd heartbeat \ufffd\ufffd",
    "uuid=missing;device_id=7",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to generate. Rates are shares of `events_per_hour`; a redelivery adds a document."""

    start: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    hours: int = 72
    events_per_hour: int = 2_000
    objects_per_hour: int = 2
    seed: int = 7
    malformed: float = 0.001
    wrong_type: float = 0.001
    redelivered: float = 0.005

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError("start has no time zone; say datetime(..., tzinfo=UTC)")
        if self.hours < 0 or self.events_per_hour < 0 or self.objects_per_hour < 1:
            raise ValueError(
                "hours and events_per_hour are at least 0, objects_per_hour at least 1"
            )
        for name in ("malformed", "wrong_type", "redelivered"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(f"{name} is a share from 0 to 0.5, got {getattr(self, name)}")

    def partitions(self) -> Iterator[datetime]:
        first = self.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return (first + timedelta(hours=n) for n in range(self.hours))


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The truth about an hour. `documents` is the sum of the next five.

    `wrong_type` are values that the column cannot hold, `missing_key` documents whose uuid is null,
    `unmatched` the part of `distinct` whose track (0) no reference row has.
    """

    documents: int = 0
    distinct: int = 0
    duplicates: int = 0
    malformed: int = 0
    wrong_type: int = 0
    missing_key: int = 0
    unmatched: int = 0

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = vars(self), vars(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True)
class Event:
    """One document, the kind of defect it has ("" for none), and whether its track exists."""

    text: str
    defect: str
    is_matched: bool


def tracks() -> list[dict[str, int | str]]:
    """The reference table: tracks 1 to 100, every title and artist put together by rule."""
    adjectives = (
        "Amber",
        "Brisk",
        "Copper",
        "Distant",
        "Early",
        "Faded",
        "Gentle",
        "Hollow",
        "Inner",
        "Jagged",
    )
    nouns = (
        "Avenue",
        "Beacon",
        "Cadence",
        "Delta",
        "Engine",
        "Fjord",
        "Garden",
        "Harbour",
        "Island",
        "Junction",
    )
    return [
        {
            "track_id": number + 1,
            "title": f"{adjectives[number % 10]} {nouns[number // 10]}",
            "artist": f"The {adjectives[number * 7 % 10]} {nouns[number * 3 % 10]}s",
            "length_seconds": 120 + number * 37 % 240,
            "release_year": 1970 + number * 11 % 55,
        }
        for number in range(TRACKS)
    ]


def generate_hour(options: Options, hour: datetime) -> tuple[dict[str, bytes], Counts]:
    """The hour's objects (key below the lake's root → gzip bytes) and its true counts."""
    rng = random.Random(f"activity:{options.seed}:{hour:%Y-%m-%dT%H}")
    events = _events(rng, options, hour)
    per_object = -(-len(events) // options.objects_per_hour)
    # One array per object, so that a redelivery can land in a later object of the same hour.
    chunks = [
        [event for _, event in events[n * per_object : (n + 1) * per_object]]
        for n in range(options.objects_per_hour)
    ]
    starts = [
        events[min(n * per_object, len(events) - 1)][0] if events else 0 for n in range(len(chunks))
    ]
    duplicates = _redeliver(rng, chunks, round(options.redelivered * len(events)))
    objects = {
        _key(rng, hour + timedelta(milliseconds=start)): _gzip("".join(e.text for e in chunk))
        for start, chunk in zip(starts, chunks, strict=True)
    }
    return objects, _count([event for _, event in events], duplicates)


def _events(rng: random.Random, options: Options, hour: datetime) -> list[tuple[int, Event]]:
    """The hour's events in order of arrival, as (milliseconds into the hour, event)."""
    count = options.events_per_hour
    arrivals = sorted(rng.choices(range(HOUR_MS), k=count))
    ids = rng.randbytes(16 * count).hex()
    devices = rng.choices(range(51), k=count)
    temperatures = rng.choices(TEMPERATURES, k=count)
    track_ids = rng.choices(range(31), k=count)
    activities = rng.choices(list(ACTIVITIES), list(ACTIVITIES.values()), k=count)
    defects = _defects(rng, options)
    day_hour = f"{hour:%Y-%m-%d %H}"
    events: list[tuple[int, Event]] = []
    for n, arrival in enumerate(arrivals):
        seconds, millis = divmod(arrival, 1000)
        h = ids[32 * n : 32 * n + 32]
        text = (
            f'{{"uuid": "{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}", "device_ts": '
            f'"{day_hour}:{seconds // 60:02d}:{seconds % 60:02d}.{millis:03d}", '
            f'"device_id": {devices[n]}, "device_temp": {temperatures[n]}, '
            f'"track_id": {track_ids[n]}, "activity_type": "{activities[n]}"}}'
        )
        defect = defects.get(n, "")
        if defect:
            text = _spoil(rng, text, defect)
        events.append((arrival, Event(text, defect, track_ids[n] > 0)))
    return events


def _defects(rng: random.Random, options: Options) -> dict[int, str]:
    """Which of the hour's events are spoilt, and how.

    Two malformed documents never stand side by side: with nothing between them they would be one
    piece of garbage to any reader, and the count would be a matter of taste.
    """
    count = options.events_per_hour
    malformed = _share(rng, count, options.malformed)
    wrong = _share(rng, count, options.wrong_type)
    defects = {n: rng.choice(("hot", "overflow", "no uuid")) for n in wrong}
    for n in malformed:
        if defects.get(n - 1) not in ("truncated", "garbage"):
            defects[n] = rng.choice(("truncated", "garbage"))
    return defects


def _share(rng: random.Random, count: int, rate: float) -> list[int]:
    """`rate` of the numbers below `count`, ascending; the fraction left over is drawn."""
    whole, rest = divmod(count * rate, 1)
    return sorted(rng.sample(range(count), int(whole) + (rng.random() < rest)))


def _spoil(rng: random.Random, text: str, defect: str) -> str:
    if defect == "truncated":
        return text[: rng.randrange(2, len(text) - 1)]
    if defect == "garbage":
        return rng.choice(GARBAGE)
    if defect == "hot":
        before, _, after = text.partition('"device_temp": ')
        return f'{before}"device_temp": "hot"{after[after.index(",") :]}'
    if defect == "overflow":
        before, _, after = text.partition('"device_id": ')
        return f'{before}"device_id": {2**31 + rng.randrange(2**31)}{after[after.index(",") :]}'
    return '{"uuid": null' + text[text.index(', "device_ts"') :]


def _redeliver(rng: random.Random, chunks: list[list[Event]], wanted: int) -> int:
    """Insert good documents a second time, later in their object or in a later one; how many."""
    done = 0
    last = len(chunks) - 1
    for _ in range(wanted):
        source = rng.randrange(len(chunks))
        target = rng.randint(source, last)
        if not chunks[source] or not chunks[target]:
            continue
        position = rng.randrange(len(chunks[source]))
        event = chunks[source][position]
        if event.defect:
            continue
        lowest = position + 1 if target == source else 0
        chunks[target].insert(rng.randint(lowest, len(chunks[target])), event)
        done += 1
    return done


def _key(rng: random.Random, arrival: datetime) -> str:
    """Firehose's naming: UTC hour, then stream, version, time of the oldest record, uuid."""
    h = rng.randbytes(16).hex()
    name = f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
    return f"raw/activity/{arrival:%Y/%m/%d/%H}/activity-1-{arrival:%Y-%m-%d-%H-%M-%S}-{name}.gz"


def _gzip(text: str) -> bytes:
    """Gzip without file name and time, so that the same text is the same bytes on every Python."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as stream:
        stream.write(text.encode())
    return buffer.getvalue()


def _count(events: list[Event], duplicates: int) -> Counts:
    by_defect: dict[str, int] = {}
    for event in events:
        by_defect[event.defect] = by_defect.get(event.defect, 0) + 1
    return Counts(
        documents=len(events) + duplicates,
        distinct=by_defect.get("", 0),
        duplicates=duplicates,
        malformed=by_defect.get("truncated", 0) + by_defect.get("garbage", 0),
        wrong_type=by_defect.get("hot", 0) + by_defect.get("overflow", 0),
        missing_key=by_defect.get("no uuid", 0),
        unmatched=sum(not event.defect and not event.is_matched for event in events),
    )


def write_hour(root: Path, options: Options, hour: datetime) -> Counts:
    """Write an hour's objects below `root`; leave alone what is there with the same bytes."""
    objects, counts = generate_hour(options, hour)
    for key, data in objects.items():
        path = root / key
        if path.exists() and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return counts


def write_activity(root: Path, options: Options, *, processes: int = 1) -> dict[datetime, Counts]:
    """Write all hours below `root`; return the true counts of each hour."""
    hours = list(options.partitions())
    write = partial(write_hour, root, options)
    if processes == 1:
        return dict(zip(hours, map(write, hours), strict=True))
    with ProcessPoolExecutor(processes) as pool:
        return dict(zip(hours, pool.map(write, hours), strict=True))


def _parser() -> argparse.ArgumentParser:
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -m examples.activity",
        description="Write Firehose-like hourly objects of activity events; print the true counts.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "root", type=Path, help="the lake's folder; objects go to <root>/raw/activity/"
    )
    parser.add_argument(
        "--start", type=_utc, default=f"{defaults.start:%Y-%m-%dT%H}", help="first hour, UTC"
    )
    parser.add_argument("--hours", type=int, default=defaults.hours, help="how many hours")
    parser.add_argument(
        "--events-per-hour", type=int, default=defaults.events_per_hour, help="before redeliveries"
    )
    parser.add_argument(
        "--objects-per-hour", type=int, default=defaults.objects_per_hour, help="gzip objects"
    )
    parser.add_argument("--seed", type=int, default=defaults.seed, help="same seed, same bytes")
    parser.add_argument(
        "--malformed", type=float, default=defaults.malformed, help="share of truncated or garbage"
    )
    parser.add_argument(
        "--wrong-type", type=float, default=defaults.wrong_type, help="share of wrong values"
    )
    parser.add_argument(
        "--redelivered", type=float, default=defaults.redelivered, help="share sent twice"
    )
    parser.add_argument("--processes", type=int, default=1, help="how many processes generate")
    return parser


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the objects and print the true counts of every hour and of all."""
    given = vars(_parser().parse_args(arguments))
    root: Path = given.pop("root")
    processes: int = given.pop("processes")
    counts = write_activity(root, Options(**given), processes=processes)
    names = list(vars(Counts()))
    print(" ".join(["hour".ljust(13), *(name.rjust(len(name) + 2) for name in names)]))
    for hour, figures in [
        *((f"{h:%Y-%m-%dT%H}", c) for h, c in counts.items()),
        ("all", sum(counts.values(), Counts())),
    ]:
        print(" ".join([hour.ljust(13), *(str(vars(figures)[n]).rjust(len(n) + 2) for n in names)]))


if __name__ == "__main__":
    main()
