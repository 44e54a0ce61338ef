"""What a job starts from travels as JSON and comes back whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spark.contract import Column, Contract
from spark.errors import ReportIncomplete, SpecError
from spark.job_spec import JobSpec, SnapshotJob
from spark.ledger import Ledger
from spark.refining import PartitionReport, RefineReport
from spark.reports import refine_payloads, refine_report, snapshot_payload, snapshot_report
from spark.snapshot_spec import LoginSpec, SnapshotReport, SnapshotSpec
from spark.spec import CleanSpec, JoinSpec, PartitionInput, RawObject, RawSpec, RefineSpec

CONTRACT = Contract((Column("id", "int", nullable=False), Column("title", "string")))
REFINE = RefineSpec(
    table="plays",
    attempt="a-1",
    partitions=(
        PartitionInput("h1", {"hour": "1"}, (RawObject("k", "s3://b/k", 3),), "f00"),
        PartitionInput("h2", {"hour": "2"}, ()),
    ),
    raw=RawSpec("json", CONTRACT),
    row_filter="id > 0",
    deduplicate=("id",),
    joins=(JoinSpec("songs", "s3://b/r", CONTRACT, {"id": "id"}, {"title": "title"}, "keep"),),
    clean=CleanSpec(None, ("x",), {"a": "b"}, {"b": "int"}),
    published=CONTRACT,
    output="s3://b/out",
    quarantine="s3://b/quarantine",
)
SNAPSHOT = SnapshotSpec(
    name="songs",
    table="SONGS",
    key=("id",),
    contract=CONTRACT,
    output="s3://b/reference/songs",
    attempt="a-1",
    jdbc={"url": "jdbc:mysql://h/s", "driver": "d"},
    login=LoginSpec("secret", "reader", "h", 3306, "PEM"),
)
REPORT = RefineReport(
    (
        PartitionReport("h1", "hour=1", Ledger(3, 2, {"bad": 1}, unmatched={"songs": 1}), ("k",)),
        PartitionReport("h2", "hour=2", Ledger()),
    ),
    1,
    0,
    "a-1",
)


@pytest.mark.parametrize(
    "job",
    [
        JobSpec("s3://b/ended", REFINE),
        JobSpec("s3://b/ended", None, SnapshotJob(SNAPSHOT, ("v1", "v2"))),
        JobSpec("s3://b/ended", None, SnapshotJob(replace(SNAPSHOT, login=None), ())),
    ],
    ids=["refine", "snapshot", "snapshot without a login"],
)
def test_a_job_comes_back_from_json_as_it_was(job: JobSpec) -> None:
    assert JobSpec.from_json(job.to_json()) == job


def test_a_file_of_another_version_is_refused() -> None:
    said = json.loads(JobSpec("s3://b/ended", REFINE).to_json())

    with pytest.raises(SpecError, match="version 1, but was given version 7"):
        JobSpec.from_json(json.dumps({**said, "version": 7}))


def test_a_report_comes_back_from_its_payloads_in_the_order_of_the_specification() -> None:
    payloads = json.loads(json.dumps(list(refine_payloads(REPORT))))

    assert refine_report(reversed(payloads), REFINE) == REPORT


def test_a_partition_that_nobody_asked_for_is_refused() -> None:
    fewer = replace(REFINE, partitions=REFINE.partitions[:1])

    with pytest.raises(ReportIncomplete, match="not asked for: h2"):
        refine_report(refine_payloads(REPORT), fewer)


def test_a_refine_without_its_end_is_refused() -> None:
    with pytest.raises(ReportIncomplete, match="reported their end: none"):
        refine_report(list(refine_payloads(REPORT))[:-1], REFINE)


def test_a_snapshot_report_comes_back_and_one_of_another_reference_is_refused() -> None:
    report = SnapshotReport("songs", "v", 3, written=True, directory="d", notes=("n",))
    payload = json.loads(json.dumps(snapshot_payload(report)))

    assert snapshot_report([payload], "songs") == report
    with pytest.raises(ReportIncomplete, match="reference tracks, found those of songs"):
        snapshot_report([payload], "tracks")
