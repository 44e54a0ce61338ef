"""The jobs `compact`, `expire` and `cleanup`: what the commands of these names do, in the UI.

Each takes all tables unless told which, has a dry run, and leaves its figures as metadata. What
they do is in `resources/`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from lake_assets.declared import declared_tables
from lake_assets.metadata import Metadata, catalog_metadata, markdown_table
from lake_assets.resources import LakeResource, lake_errors
from resources.catalog.base import Catalog, Pointer
from resources.cleanup import cleanup
from resources.compaction import Candidate, Compacted
from resources.errors import DeclarationError
from resources.retention import Expiry, expire
from resources.table import Table


class TablesConfig(dg.Config):
    """Which tables, and whether anything is done."""

    tables: list[str] = Field(default=[], description="Names of tables; all if empty.")
    dry_run: bool = Field(default=False, description="Only say what would be done.")


class CleanupConfig(dg.Config):
    """What a clean-up leaves."""

    keep_previous: int | None = Field(
        default=None,
        description="Versions of each partition that stay for a rollback; LAKE_KEEP_PREVIOUS if "
        "left out.",
    )
    older_than_days: int = Field(default=7, description="What is younger stays.")
    dry_run: bool = Field(default=False, description="Only say what would be removed.")


@dg.op
def compact_tables(
    context: dg.OpExecutionContext, config: TablesConfig, lake: LakeResource
) -> None:
    """Make few files of many, and leave an observation of each partition."""
    candidates: list[Candidate] = []
    done: list[Compacted] = []
    with lake_errors():
        compactor = lake.lake.compactor
        for table in config.tables or [each.name for each in lake.lake.catalog.tables()]:
            found = compactor.candidates(table)
            candidates += found
            for each in compactor.compact([] if config.dry_run else found):
                done.append(each)
                if each.is_published:
                    context.log_event(
                        _observation(table, each.after, "compacted_from", each.before)
                    )
    context.add_output_metadata(
        {
            "dry_run": dg.MetadataValue.bool(config.dry_run),
            "partitions": dg.MetadataValue.int(len(candidates)),
            "files_before": dg.MetadataValue.int(sum(len(c.pointer.files) for c in candidates)),
            "files_after": dg.MetadataValue.int(sum(each.files_after for each in candidates)),
            "published": dg.MetadataValue.int(sum(each.is_published for each in done)),
            "compacted": _candidates_shown(candidates),
        }
    )


@dg.op
def expire_partitions(
    context: dg.OpExecutionContext, config: TablesConfig, lake: LakeResource
) -> None:
    """Publish no more what is too old, and leave an observation of each partition."""
    catalog = lake.lake.catalog
    with lake_errors():
        expired = [
            expire(catalog, table, dry_run=config.dry_run, now=datetime.now(UTC))
            for table in tables_to_expire(catalog, config.tables)
        ]
    for table in [] if config.dry_run else expired:
        for pointer in table.pointers:
            context.log_event(_observation(table.table, pointer, "expired", pointer))
    context.add_output_metadata(
        {
            "dry_run": dg.MetadataValue.bool(config.dry_run),
            "partitions": dg.MetadataValue.int(sum(len(each.pointers) for each in expired)),
            "rows": dg.MetadataValue.int(sum(each.rows for each in expired)),
            "bytes": dg.MetadataValue.int(sum(each.bytes for each in expired)),
            "expired": _expired_shown(expired),
        }
    )


@dg.op
def clean_up(context: dg.OpExecutionContext, config: CleanupConfig, lake: LakeResource) -> None:
    """Remove what neither a pointer nor a rollback needs."""
    keep = config.keep_previous
    with lake_errors():
        report = cleanup(
            lake.lake.storage,
            lake.lake.catalog,
            keep_previous=lake.lake.settings.keep_previous if keep is None else keep,
            older_than=timedelta(days=config.older_than_days),
            scratch_older_than=timedelta(days=lake.lake.settings.scratch_days),
            dry_run=config.dry_run,
        )
    rows = [(each.directory, f"{each.objects:,}", f"{each.bytes:,}") for each in report.removals]
    context.add_output_metadata(
        {
            "dry_run": dg.MetadataValue.bool(config.dry_run),
            "objects": dg.MetadataValue.int(report.objects),
            "bytes": dg.MetadataValue.int(report.bytes),
            "removed": markdown_table(["directory", "objects", "bytes"], rows),
        }
    )


@dg.job(name="compact", description="Make few files of many, with the same rows for readers.")
def compact_job() -> None:
    """The one step, configured in the launchpad."""
    compact_tables()


@dg.job(name="expire", description="Publish partitions no more that are older than `retention`.")
def expire_job() -> None:
    """The one step, configured in the launchpad."""
    expire_partitions()


@dg.job(name="cleanup", description="Remove attempts and versions that nothing needs any more.")
def cleanup_job() -> None:
    """The one step, configured in the launchpad."""
    clean_up()


UPKEEP_JOBS = [compact_job, expire_job, cleanup_job]


def tables_to_expire(catalog: Catalog, names: Sequence[str]) -> list[Table]:
    """The declared tables of these names, or all that have a retention and were published.

    Raises `DeclarationError` for a name that is not declared.
    """
    declared = {name: each.table for name, each in declared_tables().items()}
    unknown = [name for name in names if name not in declared]
    if unknown:
        raise DeclarationError(
            f"expected declared tables, found {', '.join(map(repr, unknown))}. There are: "
            f"{', '.join(declared) or 'none'}."
        )
    if names:
        return [declared[name] for name in names]
    published = {each.name for each in catalog.tables()}
    return [table for name, table in declared.items() if table.retention_days and name in published]


def _observation(table: str, pointer: Pointer, done: str, before: Pointer) -> dg.AssetObservation:
    metadata: Metadata = {**catalog_metadata(pointer), done: dg.MetadataValue.text(before.attempt)}
    return dg.AssetObservation(["catalog", table], partition=pointer.partition, metadata=metadata)


def _candidates_shown(candidates: Iterable[Candidate]) -> dg.MetadataValue:
    return markdown_table(
        ["table", "partition", "files before", "files after", "bytes"],
        [
            (
                each.entry.name,
                each.pointer.partition,
                f"{len(each.pointer.files):,}",
                f"{each.files_after:,}",
                f"{each.pointer.bytes:,}",
            )
            for each in candidates
        ],
    )


def _expired_shown(expired: Iterable[Expiry]) -> dg.MetadataValue:
    return markdown_table(
        ["table", "partition", "rows", "bytes"],
        [
            (each.table, pointer.partition, f"{pointer.rows:,}", f"{pointer.bytes:,}")
            for each in expired
            for pointer in each.pointers
        ],
    )
