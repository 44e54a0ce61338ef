"""A process that materializes one hour in several lakes, whose names tell a proxy what to refuse.

`python refused_on_s3.py FOLDER NAME...` prints a line of JSON for each lake: what failed, and what
is there afterwards.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.end_to_end.plays import HOURS, deliver, plays
from tests.workshop import PLAYS, Workshop, arrow_schema, environment

SELECT = ["raw/plays", "refined/plays", "catalog/plays"]
PARQUET = PLAYS.replace("source: plays", "source: plays\n  format: parquet")


def main(folder: Path, names: list[str]) -> None:
    """Materialize the hour in each lake; one that is about reading has its raw objects on S3 too."""
    variables = environment()
    root = variables["LAKE_ROOT"]
    for name in names:
        settings = {**variables, "LAKE_ROOT": f"{root}/{name}"}
        if "reading" in name:
            settings["LAKE_RAW_ROOT"] = f"{root}/{name}/raw"
            workshop = Workshop(folder / name, PARQUET, environment=settings)
            deliver_parquet(workshop)
        else:
            workshop = Workshop(folder / name, environment=settings)
            deliver(workshop, "before", count=20)
        workshop.have_songs()
        result = workshop.materialize(SELECT, partition=HOURS[0])
        published = workshop.lake.pointers(workshop.table)
        storage = workshop.lake.storage
        told = {
            "name": name,
            "succeeded": result.success,
            "errors": [
                str(each.event_specific_data)
                for each in result.all_events
                if each.is_step_failure or each.is_step_up_for_retry
            ],
            "rows": sum(each.rows for each in published.values()),
            "verdicts": len(list(storage.list("refined/plays/_manifest/"))),
            "quarantined": len([i for i in storage.list("quarantine/") if "part-" in i.key]),
        }
        print(json.dumps(told), flush=True)


def deliver_parquet(workshop: Workshop) -> None:
    """Put the rows of the hour as one Parquet object."""
    schema = arrow_schema([("play_id", "string"), ("song_id", "int"), ("seconds", "int")])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(plays("before", HOURS[0], 20), schema), sink)
    key = f"plays/{HOURS[0].replace('-', '/')}/a.parquet"
    workshop.lake.raw_storage.write(key, sink.getvalue().to_pybytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
