"""Jobs without Spark for an engine's tests: what is asked, and programs that answer it."""

from __future__ import annotations

import threading

from spark.contract import Column, Contract
from spark.job_spec import JobSpec
from spark.ledger import Ledger
from spark.refining import PartitionReport, RefineReport
from spark.reports import refine_payloads
from spark.spec import CleanSpec, PartitionInput, RawObject, RawSpec, RefineSpec
from tests.servers.emr_steps import Telling

HOURS = ("2024-05-01-04", "2024-05-01-05")
_CONTRACT = Contract((Column("play_id", "string"),))


def refine_of(
    hours: tuple[str, ...] = HOURS, attempt: str = "a-1", version: str = "v1"
) -> RefineSpec:
    """A refine of some hours whose raw objects are those of a version."""
    return RefineSpec(
        table="plays",
        attempt=attempt,
        partitions=tuple(
            PartitionInput(
                hour,
                {"dt": hour[:10], "hour": hour[11:]},
                (RawObject(f"{hour}/a.json", f"s3://raw/{hour}/a.json", 12),),
                version,
            )
            for hour in hours
        ),
        raw=RawSpec("json", _CONTRACT),
        row_filter=None,
        deduplicate=(),
        joins=(),
        clean=CleanSpec(None, (), {}, {}),
        published=_CONTRACT,
        output=f"s3://lake/refined/plays/attempt={attempt}",
        quarantine=f"s3://lake/quarantine/plays/attempt={attempt}",
    )


def report_of(spec: RefineSpec) -> RefineReport:
    """What a job that did as it was asked reports."""
    return RefineReport(
        tuple(
            PartitionReport(each.key, f"dt={each.key}", Ledger(documents=3, published=3))
            for each in spec.partitions
        ),
        len(spec.partitions),
        0,
        spec.attempt,
    )


def well(job: JobSpec, tell: Telling, _: threading.Event) -> int:
    """Do as asked."""
    assert job.refine is not None
    tell.log("refining")
    for payload in refine_payloads(report_of(job.refine)):
        tell.payload(payload)
    tell.close()
    return 0
