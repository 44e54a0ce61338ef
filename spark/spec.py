"""What a job is asked to do, as plain values that travel as JSON.

A specification says which objects to read, how to type them and where to write. It holds no secret
and no object of Spark's or Dagster's: the same file runs a refine in process and on a cluster.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Optional

from spark.contract import Contract
from spark.csv_records import CsvOptions
from spark.errors import SpecError

#: Raised when the meaning of a field changes; a job refuses any other version.
SPEC_VERSION = 1

#: What may become of a row whose key no reference row has.
UNMATCHED_CHOICES = ("keep", "quarantine", "drop")


@dataclass(frozen=True)
class RawObject:
    """One raw object: `key` as people know it, `uri` as Spark shows it, `size` in bytes."""

    key: str
    uri: str
    size: int


@dataclass(frozen=True)
class PartitionInput:
    """One partition: its key, its column values in order, and the objects that feed it.

    `fingerprint` changes when one of the objects is replaced, even by one of the same size.
    """

    key: str
    values: dict[str, str]
    objects: tuple[RawObject, ...]
    fingerprint: str = ""


@dataclass(frozen=True)
class RawSpec:
    """How raw objects are read: `format`, for JSON the `separator` that the fast reader cuts at."""

    format: str
    contract: Contract
    separator: str = "}{"
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True)
class JoinSpec:
    """A left join to one version of a reference; `on` maps raw columns to reference columns.

    `columns` maps the reference's columns that are taken to their names in the output.
    """

    reference: str
    location: str
    contract: Contract
    on: dict[str, str]
    columns: dict[str, str]
    unmatched: str


@dataclass(frozen=True)
class TransformSpec:
    """A named function `DataFrame -> DataFrame`, as `module:function`."""

    function: str


@dataclass(frozen=True)
class CleanSpec:
    """What is done after the joins, in this order: transform, drops, renames, casts."""

    transform: Optional[TransformSpec]
    drop: tuple[str, ...]
    rename: dict[str, str]
    cast: dict[str, str]


@dataclass(frozen=True)
class RefineSpec:
    """One refine of some partitions of one table into a fresh attempt.

    `output` and `quarantine` are URIs of directories that nothing has written to.
    `target_file_bytes` is the Parquet file size aimed at.
    """

    table: str
    attempt: str
    partitions: tuple[PartitionInput, ...]
    raw: RawSpec
    row_filter: Optional[str]
    deduplicate: tuple[str, ...]
    joins: tuple[JoinSpec, ...]
    clean: CleanSpec
    published: Contract
    output: str
    quarantine: str
    target_file_bytes: int = 128 * 1024 * 1024
    version: int = SPEC_VERSION

    def to_json(self) -> str:
        """The specification as a JSON text with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> RefineSpec:
        """Read a specification; raises `SpecError` for a version this job does not know."""
        data: dict[str, Any] = json.loads(text)
        if data.get("version") != SPEC_VERSION:
            raise SpecError(
                f"this job runs specifications of version {SPEC_VERSION}, but was given version "
                f"{data.get('version')!r}; ship the job and its specification from the same release"
            )
        return _refine_spec(data)


def _refine_spec(data: dict[str, Any]) -> RefineSpec:
    raw, clean = data["raw"], data["clean"]
    return RefineSpec(
        **{
            **data,
            "partitions": tuple(_partition_input(each) for each in data["partitions"]),
            "raw": RawSpec(
                format=raw["format"],
                contract=Contract.from_json(raw["contract"]),
                separator=raw["separator"],
                csv=CsvOptions(**raw["csv"]),
            ),
            "deduplicate": tuple(data["deduplicate"]),
            "joins": tuple(
                JoinSpec(**{**each, "contract": Contract.from_json(each["contract"])})
                for each in data["joins"]
            ),
            "clean": CleanSpec(
                transform=TransformSpec(**clean["transform"]) if clean["transform"] else None,
                rename=clean["rename"],
                cast=clean["cast"],
                drop=tuple(clean["drop"]),
            ),
            "published": Contract.from_json(data["published"]),
        }
    )


def _partition_input(data: dict[str, Any]) -> PartitionInput:
    objects = tuple(RawObject(**each) for each in data["objects"])
    return PartitionInput(**{**data, "objects": objects})
