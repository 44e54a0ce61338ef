"""The audit as asset checks: blocking, so that nothing downstream runs on a failed one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from resources.audit import CHECKS
from resources.lake import Refined

#: How many findings a check shows; the verdict in storage has them all.
_SHOWN = 20


def audit_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """One blocking check for each thing that the audit looks at."""
    return [
        dg.AssetCheckSpec(name, asset=key, description=description, blocking=True)
        for name, description in CHECKS.items()
    ]


def audit_results(done: Sequence[Refined]) -> list[dg.AssetCheckResult]:
    """What the audit found in all partitions of a run, check by check."""
    return [_result(name, list(_findings(name, done)), len(done)) for name in CHECKS]


def _findings(name: str, done: Sequence[Refined]) -> Iterator[tuple[str, str]]:
    for each in done:
        for sentence in each.audit.findings[name]:
            yield each.raw.key, sentence


def _result(name: str, findings: list[tuple[str, str]], partitions: int) -> dg.AssetCheckResult:
    failed = {partition for partition, _ in findings}
    lines = [f"- `{partition}`: {sentence}" for partition, sentence in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        lines.append(f"- and {len(findings) - _SHOWN:,} more")
    metadata: dict[str, dg.MetadataValue] = {"partitions": dg.MetadataValue.int(partitions)}
    if findings:
        metadata["findings"] = dg.MetadataValue.md("\n".join(lines))
    return dg.AssetCheckResult(
        check_name=name,
        passed=not findings,
        description=(
            f"{len(failed):,} of {partitions:,} partitions fail; nothing of this run is published. "
            "Partitions that passed can be published by materializing the catalog asset for them."
            if findings
            else CHECKS[name]
        ),
        metadata=metadata,
    )
