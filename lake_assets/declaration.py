"""The words of a declaration: what `defs/<table>/defs.yaml` may say, and what each word means.

Pydantic checks single values here and Dagster reports them with file and line; whether the values
fit together is judged in `lake_assets/problems.py`. `docs/declaration.md` is made from this module.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

import dagster as dg
from pydantic import BeforeValidator, Field

from lake_assets.automation import AutomationModel
from lake_assets.placing import COMPUTE_AS_YAML, ComputeModel, compute_model, to_placing
from resources.partitions import Partitioning
from resources.table import Join, Limits, RawTable, Reference, Table
from spark.contract import Column, Contract
from spark.csv_records import CsvOptions
from spark.spec import CleanSpec, TransformSpec


class ColumnModel(dg.Model, dg.Resolvable):
    """One column of a contract."""

    name: str = Field(description="Name, as in the JSON key, CSV header or database.")
    type: str = Field(
        description="`boolean`, `tinyint`, `smallint`, `int`, `bigint`, `float`, `double`, "
        "`decimal(p,s)`, `string`, `binary`, `date`, `timestamp`, `array<…>`, `map<…,…>` or "
        "`struct<name:type,…>`."
    )
    nullable: bool = Field(
        default=True, description="Without a value, a document is quarantined if this is false."
    )
    comment: str = Field(default="", description="What it holds; shown in the UI and the catalog.")

    def to_column(self) -> Column:
        return Column(self.name, self.type, self.nullable, self.comment)


class CsvModel(dg.Model, dg.Resolvable):
    """How CSV objects are written."""

    delimiter: str = Field(default=",", description="What stands between fields.")
    quote: str = Field(default='"', description="One character around fields.")
    escape: str = Field(default="", description="One character before a quote; empty: doubled.")
    encoding: str = Field(
        default="utf-8", description="A codec's name: `utf-8`, `cp949`, `euc-kr`."
    )
    null_value: str = Field(default="", description="What an absent value is written as.")


class RawModel(dg.Model, dg.Resolvable):
    """The raw objects that feed the table."""

    source: str = Field(description="Folder below the raw root, such as `activity`.")
    format: Literal["json", "csv", "parquet", "orc"] = Field(
        default="json", description="What the objects hold; gzip is recognised by itself."
    )
    layout: str = Field(
        default="yyyy/MM/dd/HH",
        description="Where a partition's objects lie below the source, in yyyy, MM, dd and HH "
        "(UTC): `yyyy/MM/dd/HH`, or `dt=yyyy-MM-dd/hour=HH`.",
    )
    documents: Literal["auto", "concatenated", "lines"] = Field(
        default="auto",
        description="How most JSON objects are laid out: documents without any separator, or one "
        "a line. Only speed depends on it: whatever else turns up is read all the same.",
    )
    columns: list[ColumnModel] = Field(description="The contract that every document must satisfy.")
    csv: CsvModel = Field(default_factory=CsvModel)


class ReferenceModel(dg.Model, dg.Resolvable):
    """A table of the source database; other tables may name it in their joins."""

    name: str = Field(description="Name of the asset: `reference/<name>`.")
    table: str = Field(description="Name of the table in the database.")
    key: list[str] = Field(description="Columns that identify a row; null or twice is refused.")
    columns: list[ColumnModel] = Field(description="The columns that are read.")
    description: str = Field(default="", description="What a row of it is.")
    compute: Literal["local", "emr", "emr-serverless", "glue"] = Field(
        default="local",
        description="The engine that takes its snapshots. Any but `local` logs in by a secret of AWS "
        "or by IAM.",
    )


class JoinModel(dg.Model, dg.Resolvable):
    """A left join of the raw documents to one reference."""

    reference: str = Field(description="A reference of this declaration or of another's.")
    match: dict[str, str] = Field(
        description="Column of the documents to column of the reference; the latter are its key."
    )
    columns: list[str] | None = Field(
        default=None, description="What is taken of the reference; all but its key if left out."
    )
    prefix: str = Field(default="", description="Put before the names of the columns taken.")
    unmatched: Literal["keep", "quarantine", "drop"] = Field(
        default="keep",
        description="What becomes of documents without a row there: published with nulls, "
        "quarantined, or dropped. They are counted in any case.",
    )


class TransformModel(dg.Model, dg.Resolvable):
    """A function of our own, for what the other words cannot say."""

    function: str = Field(
        description="`module:function` of type DataFrame -> DataFrame. It works after the joins, "
        "on one row at a time: rows it adds or removes fail the ledger."
    )
    columns: list[ColumnModel] = Field(
        default_factory=list, description="Columns that it adds, or gives another type."
    )


def moment(value: object) -> datetime:
    """A day or time of a declaration; what names no zone is UTC. Raises `ValueError`."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(f"expected a day such as 2026-11-01, or a time of it, found {value!r}")


def optional_moment(value: object) -> datetime | None:
    """The same, or None."""
    return None if value is None else moment(value)


_AS_YAML_GIVES_IT = dg.Resolver(
    lambda _, value: value, model_field_type=date | datetime | str | None
)


class PartitionsModel(dg.Model, dg.Resolvable):
    """How the table is partitioned in time, in UTC."""

    by: Literal["hour", "day", "none"] = Field(
        default="hour", description="Keys are 2026-11-01-05 or 2026-11-01; `none`: one partition."
    )
    start: Annotated[datetime, BeforeValidator(moment), _AS_YAML_GIVES_IT] = Field(
        default=datetime(2020, 1, 1, tzinfo=UTC), description="The first partition with data."
    )
    end: Annotated[datetime | None, BeforeValidator(optional_moment), _AS_YAML_GIVES_IT] = Field(
        default=None, description="Where partitions end, not included; goes on if left out."
    )


class AuditModel(dg.Model, dg.Resolvable):
    """Limits beyond which an attempt is not published; shares are of the documents read."""

    max_quarantined_share: float | None = Field(
        default=None, ge=0, le=1, description="Quarantined documents, whatever the reason."
    )
    max_unmatched_share: float | None = Field(
        default=None, ge=0, le=1, description="Documents without a row in a reference."
    )
    max_duplicate_share: float | None = Field(
        default=None, ge=0, le=1, description="Documents that came before."
    )
    min_documents: int = Field(default=0, ge=0, description="Fewer fail the audit.")


class RetentionModel(dg.Model, dg.Resolvable):
    """How long partitions are published; `lake expire` takes older ones away."""

    days: int = Field(
        ge=1, description="Age in days of a partition's end, beyond which it expires."
    )


def contract_of(columns: list[ColumnModel]) -> Contract:
    """The contract that a list of columns declares; raises `ContractError`."""
    return Contract(tuple(each.to_column() for each in columns))


def to_reference(model: ReferenceModel) -> Reference:
    """The reference as plain values; raises `ContractError`."""
    return Reference(
        model.name,
        model.table,
        tuple(model.key),
        contract_of(model.columns),
        model.description,
        model.compute,
    )


def to_join(model: JoinModel, reference: Reference) -> Join:
    """The join as plain values; what it takes is all but the key unless said otherwise."""
    names = model.columns
    if names is None:
        names = [name for name in reference.contract.names if name not in reference.key]
    return Join(
        reference, model.match, {name: model.prefix + name for name in names}, model.unmatched
    )


def to_raw(model: RawModel) -> RawTable:
    """The raw objects as plain values; raises `ContractError` or `SpecError`."""
    csv = CsvOptions(**model.csv.model_dump())
    return RawTable(model.source, model.format, contract_of(model.columns), model.documents, csv)


def to_partitioning(model: PartitionsModel, layout: str) -> Partitioning:
    """The partitions as plain values."""
    return Partitioning(model.by, model.start, layout)


class TableModel(dg.Model, dg.Resolvable):
    """A declared table: raw objects joined to references, cleaned, audited and published."""

    table: str = Field(description="Name of the published table.")
    description: str = Field(default="", description="What a row of it is.")
    owners: list[str] = Field(
        default_factory=list, description="E-mail addresses, or `team:` and a name."
    )
    raw: RawModel
    references: list[ReferenceModel] = Field(default_factory=list)
    joins: list[JoinModel] = Field(default_factory=list)
    filter: str | None = Field(
        default=None, description="A SQL condition on raw columns; other documents are filtered."
    )
    deduplicate: list[str] = Field(
        default_factory=list,
        description="Raw columns that identify a document: the first to arrive in a partition is "
        "published, the others are counted as duplicates.",
    )
    transform: TransformModel | None = None
    drop: list[str] = Field(default_factory=list, description="Columns that are not published.")
    rename: dict[str, str] = Field(default_factory=dict, description="Old name to new name.")
    cast: dict[str, str] = Field(
        default_factory=dict,
        description="New name to type. A value that cannot be cast is quarantined.",
    )
    partitions: PartitionsModel = Field(default_factory=PartitionsModel)
    audit: AuditModel = Field(default_factory=AuditModel)
    retention: RetentionModel | None = None
    adopt: bool = Field(
        default=False,
        description="Publish over a table of the catalog, or columns of it, that others made. "
        "Without it they are refused and left as they are.",
    )
    automation: AutomationModel = Field(default_factory=AutomationModel)
    compute: Annotated[ComputeModel, BeforeValidator(compute_model), COMPUTE_AS_YAML] = Field(
        default_factory=lambda: ComputeModel(prefer=["local"]),
        description="Where it is refined: `local`, `emr`, `emr-serverless`, `glue`; `auto`, which "
        "is the cheapest of those that are configured; or a choice within limits, see `compute`.",
    )

    def to_table(self, references: dict[str, Reference]) -> Table:
        """The table as plain values; `references` are those its joins name."""
        transform = self.transform
        return Table(
            name=self.table,
            description=self.description,
            owners=tuple(self.owners),
            raw=to_raw(self.raw),
            joins=tuple(to_join(each, references[each.reference]) for each in self.joins),
            row_filter=self.filter,
            deduplicate=tuple(self.deduplicate),
            clean=CleanSpec(
                TransformSpec(transform.function) if transform else None,
                tuple(self.drop),
                self.rename,
                self.cast,
            ),
            added=contract_of(transform.columns if transform else []),
            partitions=to_partitioning(self.partitions, self.raw.layout),
            limits=Limits(**self.audit.model_dump()),
            compute=to_placing(self.compute),
            adopt=self.adopt,
            retention_days=self.retention.days if self.retention else None,
        )
