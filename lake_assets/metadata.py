"""What a person sees of a materialization: figures, schemas, lineage and samples as metadata."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

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
        dg.TableColumn(name, "string", description="Partition column.")
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
    found: Metadata = {
        "objects": dg.MetadataValue.int(len(partition.objects)),
        "bytes": dg.MetadataValue.int(partition.bytes),
        "fingerprint": dg.MetadataValue.text(partition.fingerprint),
    }
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
    return found


def refined_metadata(each: Refined) -> Metadata:
    """The figures of one refined partition."""
    ledger = each.report.ledger
    found: Metadata = {
        "dagster/partition_row_count": dg.MetadataValue.int(ledger.published),
        "dagster/uri": dg.MetadataValue.text(each.verdict.directory),
        "attempt": dg.MetadataValue.text(each.verdict.attempt),
        "ledger": dg.MetadataValue.md(ledger_markdown([ledger])),
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
    if not each.raw.objects:
        found["note"] = dg.MetadataValue.text("No raw objects: the partition is empty.")
    if each.report.unknown_keys:
        found["unknown_keys"] = dg.MetadataValue.md(
            "Keys in the documents that the contract does not know: "
            + ", ".join(f"`{key}`" for key in each.report.unknown_keys)
        )
    return found


def catalog_metadata(pointer: Pointer) -> Metadata:
    """What readers of one partition see now."""
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(pointer.rows),
        "dagster/uri": dg.MetadataValue.text(pointer.directory),
        "attempt": dg.MetadataValue.text(pointer.attempt),
        "files": dg.MetadataValue.int(len(pointer.files)),
        "bytes": dg.MetadataValue.int(pointer.bytes),
        "published_at": dg.MetadataValue.text(pointer.published_at),
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
    return {
        "dagster/row_count": dg.MetadataValue.int(sum(each.rows for each in pointers)),
        "location": dg.MetadataValue.text(location),
        "table_partitions": dg.MetadataValue.int(len(pointers)),
        "table_bytes": dg.MetadataValue.int(sum(each.bytes for each in pointers)),
        "last_published": dg.MetadataValue.text(max(each.published_at for each in pointers)),
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
    """Some rows as a table that the UI opens on demand, however many columns there are."""
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


def _value(value: object) -> str | int | float | bool | None:
    """What a record may hold: moments are in UTC without saying so, long texts are cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return _cut(str(value).removesuffix("+00:00"))


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
