"""A lake with one declared table, and the ways that tests fill it, run it and read it.

What several folders of tests share lives here; it knows no test. `spark/`'s own tests must do
without, since they also run where only Spark is installed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from lake_assets.component import checked_references, table_definitions
from lake_assets.declaration import TableModel
from lake_assets.resources import lake_resources
from resources.catalog.query import run_sql
from resources.lake import Lake
from resources.settings import Settings, load_settings
from resources.storage import Storage
from resources.table import Table
from spark.ledger import Ledger
from spark.refining import PartitionReport, RefineReport
from spark.snapshot import SnapshotReport, SnapshotSpec
from spark.spec import RefineSpec

Row = dict[str, object]

#: A day of plays, joined to the list of songs.
PLAYS = """
table: plays
description: A song that somebody listened to.
owners: ["team:radio"]
raw:
  source: plays
  columns:
    - {name: play_id, type: string, nullable: false, comment: Identifies a play.}
    - {name: song_id, type: int}
    - {name: seconds, type: int}
references:
  - name: songs
    table: SONGS
    key: [song_id]
    columns:
      - {name: song_id, type: int, nullable: false}
      - {name: title, type: string}
joins:
  - reference: songs
    match: {song_id: song_id}
    unmatched: keep
deduplicate: [play_id]
partitions: {by: hour, start: 2024-05-01, end: 2024-05-02}
"""
SONGS: list[Row] = [{"song_id": 1, "title": "One"}, {"song_id": 2, "title": "Two"}]


def environment() -> dict[str, str]:
    """The settings that a test handed to the process that it started."""
    return {name: value for name, value in os.environ.items() if name.startswith("LAKE_")}


_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Workshop:
    """A lake below `root` and a table declared by `text`, YAML as under `attributes`.

    `environment` holds further settings, as for a lake on S3 with its catalog below `root`.
    """

    root: Path
    text: str = PLAYS
    raw_root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        home = self.root / ".dagster"
        home.mkdir(parents=True, exist_ok=True)
        self.instance = dg.DagsterInstance.ephemeral(tempdir=str(home))
        self.settings: Settings = load_settings(
            {
                "LAKE_ROOT": str(self.root),
                "LAKE_RAW_ROOT": str(self.raw_root or self.root / "raw"),
                "LAKE_SPARK_MASTER": "local[2]",
                "LAKE_SPARK_MEMORY": "1g",
                "LAKE_LOCAL_FOLDER": str(self.root),
                **self.environment,
            }
        )
        self.lake = Lake(self.settings)
        self.declare(self.text)

    def declare(self, text: str) -> None:
        """Take another declaration of the table, as after an edit of its file."""
        self.model = TableModel.model_validate(yaml.safe_load(text))
        self.table: Table = self.model.to_table(checked_references(self.model, {}, None))
        self.definitions = dg.Definitions.merge(
            table_definitions(self.model, self.table),
            dg.Definitions(resources=lake_resources(self.settings)),
        )

    def deliver(self, folder: str, name: str, *documents: object) -> Path:
        """Put one raw object of documents without separators; texts go in as they are."""
        path = Path(self.settings.raw_root, self.table.raw.prefix, folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = [each if isinstance(each, str) else json.dumps(each) for each in documents]
        path.write_text("".join(texts), encoding="utf-8")
        return path

    def materialize(
        self,
        select: Sequence[str] | None = None,
        *,
        partition: str | None = None,
        span: tuple[str, str] | None = None,
        engine: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run assets (all of them unless named, as `catalog/plays`) for one partition or a span.

        `engine` is what is said of it in the launchpad.
        """
        tags = dict(tags or {})
        if span is not None:
            tags["dagster/asset_partition_range_start"] = span[0]
            tags["dagster/asset_partition_range_end"] = span[1]
        return dg.materialize(
            [
                each
                for each in self.definitions.assets or []
                if isinstance(each, dg.AssetsDefinition)
            ],
            resources=lake_resources(self.settings),
            instance=self.instance,
            selection=None
            if select is None
            else dg.AssetSelection.assets(*[name.split("/") for name in select]),
            partition_key=partition,
            tags=tags,
            run_config={**_QUIET, **_on(self.table.name, engine)},
            raise_on_error=False,
        )

    def query(self, sql: str) -> list[Row]:
        """Rows of a query on the published tables."""
        rows: list[Row] = run_sql(self.lake.catalog, self.lake.storage, sql).to_pylist()
        return rows

    def quarantined(self) -> list[Row]:
        """Everything that lies in quarantine, of whatever attempt."""
        files = sorted((self.root / "quarantine").glob("**/*.parquet"))
        rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
        return sorted(rows, key=lambda row: (row["source_object"], row["position"]))

    def have_songs(self, rows: Sequence[Row] = SONGS) -> None:
        """Make the first reference current without a database or Spark."""
        reference = next(iter(self.table.joins)).reference
        self.lake.snapshot(StoredCompute(songs=rows, storage=self.lake.storage), reference, {})


def _on(table: str, engine: str) -> dict[str, object]:
    """The configuration of a run that names an engine."""
    if not engine:
        return {}
    return {"ops": {f"refined__{table}": {"config": {"engine": engine}}}}


@dataclass(frozen=True)
class PyArrowCompute:
    """An engine without Spark: it writes the rows it is given, as Spark would lay them out.

    `rows` and `ledgers` are by partition key; a partition without a ledger gets one that balances.
    """

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    songs: Sequence[Row] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    rows_per_file: int = 1000

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Write each partition's rows into as few files as may be."""
        schema = arrow_schema(
            [(each.name, self.types.get(each.name, each.type)) for each in spec.published.columns]
        )
        reports = []
        for each in spec.partitions:
            rows = list(self.rows.get(each.key, []))
            below = "/".join(f"{name}={value}" for name, value in each.values.items())
            for first in range(0, len(rows), self.rows_per_file):
                table = pa.Table.from_pylist(rows[first : first + self.rows_per_file], schema)
                name = f"part-{first // self.rows_per_file}.parquet"
                self.write(table, f"{spec.output}/{below}/{name}")
            balanced = Ledger(documents=len(rows), published=len(rows))
            reports.append(PartitionReport(each.key, below, self.ledgers.get(each.key, balanced)))
        objects = sum(len(each.objects) for each in spec.partitions)
        return RefineReport(tuple(reports), objects, 0, spec.attempt)

    def snapshot(self, spec: SnapshotSpec, known: Collection[str]) -> SnapshotReport:
        """Write the reference's rows as a version named after them."""
        version = f"{len(self.songs)}-rows"
        is_new = version not in known
        directory = f"version={version}-{spec.attempt}"
        if is_new:
            schema = arrow_schema([(each.name, each.type) for each in spec.contract.columns])
            table = pa.Table.from_pylist(list(self.songs), schema)
            self.write(table, f"{spec.output}/{directory}/a.parquet")
        return SnapshotReport(
            spec.name, version, len(self.songs), is_new, directory if is_new else ""
        )

    def write(self, table: pa.Table, uri: str) -> None:
        """Write one file, to a folder of this machine."""
        path = Path(uri.removeprefix("file://"))
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)


@dataclass(frozen=True)
class StoredCompute(PyArrowCompute):
    """The same for a store elsewhere."""

    storage: Storage = field(kw_only=True)

    def write(self, table: pa.Table, uri: str) -> None:
        """Write one file through the store."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        key = uri.partition(f"{self.storage.root}/")[2]
        self.storage.write(key, sink.getvalue().to_pybytes())


_ARROW = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(columns: Sequence[tuple[str, str]]) -> pa.Schema:
    """The Arrow schema of columns of plain types."""
    return pa.schema([pa.field(name, _ARROW[kind]) for name, kind in columns])


def with_unmatched(text: str, choice: str) -> str:
    """A declaration whose joins do something else with unmatched rows."""
    return text.replace("unmatched: keep", f"unmatched: {choice}")
