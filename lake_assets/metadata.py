"""What a person sees of a materialization: figures, schemas, lineage and samples as metadata.

The UI shows metadata in this order and numbers without separators. So what is to be read comes
first, as text or as a table; the numbers after it are there for the plots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import dagster as dg

from resources.catalog.base import Pointer
from resources.catalog.counting import Counted
from resources.lake import Refined
from resources.profile import Profile, profile_extent, profile_line
from resources.raw import RawPartition
from resources.table import Table
from spark.contract import Contract
from spark.ledger import Ledger, total

Metadata = dict[str, dg.MetadataValue]
#: Lines of a table, and characters of a cell, in metadata, which events keep for ever.
_ROWS_SHOWN, _CELL = 100, 80
_PARTITION_COLUMNS = {
    "dt": "Partition column: the day in UTC, as 2026-11-01.",
    "hour": "Partition column: the hour of that day, as 05.",
}


def column_schema(contract: Contract, partition_columns: Sequence[str] = ()) -> dg.MetadataValue:
    """The contract as the UI's column schema."""
    columns = [
        dg.TableColumn(
            each.name,
            each.type,
            description=each.comment or None,
            constraints=dg.TableColumnConstraints(nullable=each.nullable),
        )
        for each in contract.columns
    ]
    columns += [
        dg.TableColumn(name, "string", description=_PARTITION_COLUMNS[name])
        for name in partition_columns
    ]
    return dg.MetadataValue.table_schema(dg.TableSchema(columns=columns))


def column_lineage(table: Table) -> dg.MetadataValue:
    """Which raw or reference column each published column comes from."""
    sources = {name: (dg.AssetKey(["raw", table.name]), name) for name in table.raw.contract.names}
    for join in table.joins:
        key = dg.AssetKey(["reference", join.reference.name])
        sources.update({alias: (key, name) for name, alias in join.columns.items()})
    deps = {
        table.clean.rename.get(name, name): [dg.TableColumnDep(*sources[name])]
        for name in table.joined.names
        if name in sources and name not in table.clean.drop
    }
    return dg.MetadataValue.column_lineage(dg.TableColumnLineage(deps_by_column=deps))


def passed_on_lineage(table: Table) -> dg.MetadataValue:
    """The lineage of the catalog table: every column from the refined one of its name."""
    key = dg.AssetKey(["refined", table.name])
    deps = {name: [dg.TableColumnDep(key, name)] for name in table.published.names}
    return dg.MetadataValue.column_lineage(dg.TableColumnLineage(deps_by_column=deps))


def raw_metadata(partition: RawPartition) -> Metadata:
    """What lies in one raw partition."""
    count = len(partition.objects)
    found: Metadata = {"size": dg.MetadataValue.text(size(partition.bytes, count, "object"))}
    if partition.oldest and partition.newest:
        found["oldest_object"] = dg.MetadataValue.timestamp(partition.oldest)
        found["newest_object"] = dg.MetadataValue.timestamp(partition.newest)
    else:
        found["note"] = dg.MetadataValue.text("No raw objects: the partition is empty.")
    if partition.ignored:
        names = ", ".join(each.key.rpartition("/")[2] for each in partition.ignored[:5])
        found["ignored"] = dg.MetadataValue.text(
            f"{len(partition.ignored)} objects with names that readers of a lake skip: {names}"
        )
    found["fingerprint"] = dg.MetadataValue.text(partition.fingerprint)
    found["objects"] = dg.MetadataValue.int(count)
    found["bytes"] = dg.MetadataValue.int(partition.bytes)
    return found


def refined_metadata(each: Refined) -> Metadata:
    """What became of the documents of one partition, and where its rows are."""
    files = each.audit.files
    found: Metadata = {"ledger": dg.MetadataValue.md(ledger_markdown([each.report.ledger]))}
    if not each.raw.objects:
        found["note"] = dg.MetadataValue.text("No raw objects: the partition is empty.")
    if each.report.unknown_keys:
        found["unknown_keys"] = dg.MetadataValue.md(
            "Keys in the documents that the contract does not know: "
            + ", ".join(f"`{key}`" for key in each.report.unknown_keys)
        )
    written = size(sum(file.bytes for file in files), len(files), "file")
    found["size"] = dg.MetadataValue.text(written)
    found["attempt"] = dg.MetadataValue.text(each.verdict.attempt)
    found["dagster/uri"] = dg.MetadataValue.text(each.verdict.directory)
    return found


def refined_figures(each: Refined) -> Metadata:
    """The same as numbers, which the UI plots over partitions and time."""
    ledger = each.report.ledger
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(ledger.published),
        "documents": dg.MetadataValue.int(ledger.documents),
        "published": dg.MetadataValue.int(ledger.published),
        "quarantined": dg.MetadataValue.int(sum(ledger.quarantined.values())),
        "duplicates": dg.MetadataValue.int(ledger.duplicates),
        "filtered": dg.MetadataValue.int(ledger.filtered),
        "dropped": dg.MetadataValue.int(ledger.dropped),
        "unmatched": dg.MetadataValue.int(sum(ledger.unmatched.values())),
        "files": dg.MetadataValue.int(len(each.audit.files)),
        "bytes": dg.MetadataValue.int(sum(file.bytes for file in each.audit.files)),
        **shares_metadata(ledger),
    }


def catalog_metadata(pointer: Pointer) -> Metadata:
    """What readers of one partition see now; when since, if the catalog has said so."""
    files = size(pointer.bytes, len(pointer.files), "file")
    since = {"published_at": _moment(pointer.published_at)} if pointer.published_at else {}
    return {
        "partition": dg.MetadataValue.text(f"{pointer.rows:,} rows, {files}"),
        **since,
        "attempt": dg.MetadataValue.text(pointer.attempt),
        "dagster/uri": dg.MetadataValue.text(pointer.directory),
        "dagster/partition_row_count": dg.MetadataValue.int(pointer.rows),
        "files": dg.MetadataValue.int(len(pointer.files)),
        "bytes": dg.MetadataValue.int(pointer.bytes),
    }


def shares_metadata(ledger: Ledger) -> Metadata:
    """Shares of the documents read, which the UI plots over time; none of an empty partition."""
    if not ledger.documents:
        return {}
    counts = {
        "quarantined_share": sum(ledger.quarantined.values()),
        "unmatched_share": max(ledger.unmatched.values(), default=0),
        "duplicate_share": ledger.duplicates,
    }
    return {
        name: dg.MetadataValue.float(round(count / ledger.documents, 6))
        for name, count in counts.items()
    }


def table_metadata(pointers: Collection[Pointer], location: str) -> Metadata:
    """The whole published table, as `lake tables` lists it; `location` is where its files lie."""
    rows, count = sum(each.rows for each in pointers), len(pointers)
    total_bytes = sum(each.bytes for each in pointers)
    files = size(total_bytes, sum(len(each.files) for each in pointers), "file")
    return {
        "table": dg.MetadataValue.text(f"{rows:,} rows in {_counted(count, 'partition')}, {files}"),
        "last_published": _moment(max(each.published_at for each in pointers)),
        "location": dg.MetadataValue.text(location),
        "dagster/row_count": dg.MetadataValue.int(rows),
        "table_partitions": dg.MetadataValue.int(count),
        "table_bytes": dg.MetadataValue.int(total_bytes),
    }


def read_back_metadata(counted: Counted) -> Metadata:
    """Which engine counted what was published, and what that cost where it cost anything."""
    found: Metadata = {"read_back": dg.MetadataValue.text(counted.engine)}
    if counted.engine == "athena":
        found["athena_bytes_scanned"] = dg.MetadataValue.int(counted.bytes_scanned)
        found["athena_cost_usd"] = dg.MetadataValue.float(counted.cost_usd)
    return found


def ledger_markdown(ledgers: Iterable[Ledger]) -> str:
    """The ledger of one or of several partitions as a table."""
    ledger = total(ledgers)
    rows = [
        ("**documents read**", ledger.documents),
        ("published", ledger.published),
        *[(f"quarantined: {reason}", n) for reason, n in sorted(ledger.quarantined.items())],
        ("duplicates", ledger.duplicates),
        ("filtered", ledger.filtered),
        ("dropped as unmatched", ledger.dropped),
        *[(f"(of all) without a row in {name}", n) for name, n in sorted(ledger.unmatched.items())],
    ]
    lines = [f"| {_cell(name)} | {count:,} |" for name, count in rows]
    return "\n".join(["| what became of them | documents |", "| --- | ---: |", *lines])


def sample_table(names: Sequence[str], rows: Sequence[Mapping[str, object]]) -> dg.MetadataValue:
    """Some rows as a table, however many columns there are."""
    records = [dg.TableRecord({name: _value(row.get(name)) for name in names}) for row in rows]
    columns = [dg.TableColumn(name) for name in names]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def markdown_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dg.MetadataValue:
    """The first of some rows as a table."""
    if not rows:
        return dg.MetadataValue.md("Nothing.")
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows[:_ROWS_SHOWN]]
    head = [
        "| " + " | ".join(map(_cell, names)) + " |",
        "| " + " | ".join("---" for _ in names) + " |",
    ]
    more = [f"\nand {len(rows) - _ROWS_SHOWN:,} more"] * (len(rows) > _ROWS_SHOWN)
    return dg.MetadataValue.md("\n".join([*head, *lines, *more]))


def profile_markdown(found: Profile) -> str:
    """What the columns hold, a line each."""
    head = "| column | type | nulls | distinct, about | least | greatest | most frequent |"
    line = "| --- | --- | ---: | ---: | --- | --- | --- |"
    rows = [
        "| " + " | ".join(_cell(_cut(text)) for text in profile_line(each, found.rows_read)) + " |"
        for each in found.columns
    ]
    return "\n".join([head, line, *rows, "", profile_extent(found)])


def size(total_bytes: int, count: int, what: str) -> str:
    """As `3.6 MB in 2 files`, in powers of ten."""
    amount, unit = float(total_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    shown = f"{amount:.0f}" if unit == "B" else f"{amount:.1f}"
    return f"{shown} {unit} in {_counted(count, what)}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _moment(text: str) -> dg.MetadataValue:
    """A moment of a pointer, which the UI shows in the reader's time zone."""
    return dg.MetadataValue.timestamp(datetime.fromisoformat(text))


def _value(value: object) -> str | int | float | bool | None:
    """What a record may hold: moments are in UTC without saying so, long texts are cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return _cut(str(value).removesuffix("+00:00"))


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
