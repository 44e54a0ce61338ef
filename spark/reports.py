"""What a job says of its work, as plain values that travel as Pipes' custom messages.

Both sides are here: the job makes payloads of its report, whoever waits makes the report of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from spark.errors import LakeError, ReportIncomplete
from spark.ledger import Ledger
from spark.refining import PartitionReport, RefineReport
from spark.snapshot_spec import SnapshotReport
from spark.spec import RefineSpec

#: The single key of a payload, which says what the value is.
PARTITION, REFINE, SNAPSHOT, FAILURE = "partition", "refine", "snapshot", "failure"

#: A message's content: one of the keys above, and what is said.
Payload = Mapping[str, Mapping[str, Any]]


def refine_payloads(report: RefineReport) -> Iterator[Payload]:
    """One payload for each partition, then one for the refine."""
    for each in report.partitions:
        yield {PARTITION: asdict(each)}
    yield {
        REFINE: {
            "attempt": report.attempt,
            "objects": report.objects,
            "objects_read_exactly": report.objects_read_exactly,
        }
    }


def snapshot_payload(report: SnapshotReport) -> Payload:
    """The one payload of a snapshot."""
    return {SNAPSHOT: asdict(report)}


def failure_payload(error: Exception) -> Payload:
    """What a job failed of, in the error's own words."""
    is_retryable = isinstance(error, LakeError) and error.retryable
    said = str(error) or "no reason given"
    return {FAILURE: {"kind": type(error).__name__, "words": said, "retryable": is_retryable}}


def refine_report(payloads: Iterable[Payload], spec: RefineSpec) -> RefineReport:
    """The report of a refine, with the partitions in the order of the specification.

    The same figures twice are one report. Raises `ReportIncomplete` for a partition without
    figures, with two different ones, or that nobody asked for, and for another attempt.
    """
    said = list(payloads)
    wanted = [each.key for each in spec.partitions]
    found = _once_each(said, PARTITION, "key")
    missing = [key for key in wanted if key not in found]
    beyond = sorted(set(found) - set(wanted))
    refines = _once_each(said, REFINE, "attempt")
    if missing or beyond or list(refines) != [spec.attempt]:
        raise ReportIncomplete(
            f"Expected figures of {len(wanted)} partitions of {spec.table} from attempt "
            f"{spec.attempt}; missing: {_listed(missing)}; not asked for: {_listed(beyond)}; "
            f"attempts that reported their end: {_listed(list(refines))}. Nothing was recorded: "
            "run the partitions again."
        )
    end = refines[spec.attempt]
    return RefineReport(
        tuple(_partition_report(found[key]) for key in wanted),
        end["objects"],
        end["objects_read_exactly"],
        spec.attempt,
    )


def snapshot_report(payloads: Iterable[Payload], name: str) -> SnapshotReport:
    """The report of a snapshot; raises `ReportIncomplete` unless it was reported once."""
    found = _once_each(payloads, SNAPSHOT, "name")
    if list(found) != [name]:
        raise ReportIncomplete(
            f"Expected the figures of reference {name}, found those of {_listed(list(found))}. "
            "Nothing was recorded: take the snapshot again."
        )
    return SnapshotReport(**{**found[name], "notes": tuple(found[name]["notes"])})


def _once_each(payloads: Iterable[Payload], kind: str, by: str) -> dict[str, Mapping[str, Any]]:
    """What was said of each thing; saying the same again is no matter."""
    found: dict[str, Mapping[str, Any]] = {}
    for each in (payload[kind] for payload in payloads if kind in payload):
        if found.setdefault(each[by], each) != each:
            raise ReportIncomplete(
                f"Expected one report of {kind} {each[by]}, found two that differ: {found[each[by]]}"
                f" and {each}. Two jobs wrote as one, so that nothing was recorded: run it again."
            )
    return found


def _partition_report(data: Mapping[str, Any]) -> PartitionReport:
    return PartitionReport(
        **{**data, "ledger": Ledger(**data["ledger"]), "unknown_keys": tuple(data["unknown_keys"])}
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) or "none") + more
