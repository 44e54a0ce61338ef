"""The same three hours of plays in two versions, and what of them readers see.

No test and nothing of how runs are started lives here.
"""

from __future__ import annotations

from collections.abc import Mapping

from resources.catalog.query import run_sql
from resources.lake import Lake
from tests.workshop import Row, StoredCompute, Workshop

HOURS = ("2024-05-01-04", "2024-05-01-05", "2024-05-01-06")
VERSIONS = ("before", "after")
#: Rows and a checksum of them, by partition key.
Seen = dict[str, tuple[int, str]]

_SEEN = """
SELECT dt || '-' || hour AS key, count(*) AS rows,
       CAST(bit_xor(hash(play_id, song_id, seconds, title)) AS VARCHAR) AS checksum
FROM plays GROUP BY ALL ORDER BY ALL
"""


def plays(version: str, hour: str, count: int = 400) -> list[Row]:
    """Plays of one hour; both versions have some of them in common."""
    extra = 37 if version == "after" else 0
    return [
        {
            "play_id": f"{hour}-{number}",
            "song_id": number % 3 + 1,
            "seconds": number + extra * (number % 2),
        }
        for number in range(count + extra)
    ]


def with_titles(rows: list[Row]) -> list[Row]:
    """What a join to the songs makes of plays."""
    titles = {1: "One", 2: "Two"}
    return [{**row, "title": titles.get(int(str(row["song_id"])))} for row in rows]


def deliver(workshop: Workshop, version: str, count: int = 400) -> None:
    """Put the raw objects of a version, two an hour, in the place of those of the other.

    The second object of an hour ends with a document that is cut short.
    """
    for hour in HOURS:
        rows = plays(version, hour, count)
        folder, half = hour.replace("-", "/"), len(rows) // 2
        workshop.deliver(folder, "a.json", *rows[:half])
        workshop.deliver(folder, "b.json", *rows[half:], '{"play_id": "torn')


def seen(lake: Lake) -> Seen:
    """What a reader sees now; nothing before the first publication."""
    if not any(entry.name == "plays" for entry in lake.catalog.tables()):
        return {}
    rows = run_sql(lake.catalog, lake.storage, _SEEN).to_pylist()
    return {row["key"]: (row["rows"], row["checksum"]) for row in rows}


def is_whole(found: Seen, wholes: Mapping[str, Seen]) -> bool:
    """Whether every partition that is seen is one of the versions, complete."""
    return all(
        any(value == whole.get(key) for whole in wholes.values()) for key, value in found.items()
    )


def expected(version: str, scratch: Workshop) -> Seen:
    """What readers see of an undisturbed run, made in a lake of its own."""
    rows = {hour: with_titles(plays(version, hour)) for hour in HOURS}
    scratch.have_songs()
    engine = StoredCompute(rows, storage=scratch.lake.storage)
    scratch.lake.refine(engine, scratch.table, HOURS)
    scratch.lake.publish(scratch.table, HOURS)
    return seen(scratch.lake)
