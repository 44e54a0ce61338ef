"""The audit as asset checks: blocking, so that nothing downstream runs on a failed one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from resources.audit import CHECKS
from resources.lake import Lake, Refined
from resources.table import Table
from resources.volume import Figure, figures, of_their_kind

#: How many findings a check shows, and how many at once; the verdict in storage has them all.
_SHOWN, _SHOWN_AT_ONCE = 20, 3
#: Partitions of a run, the newest, that are compared with their kind: each of them reads verdicts.
_COMPARED = 24
USUAL = "figures_are_usual"
_USUAL = "Documents, and the shares quarantined and unmatched, are near those of their kind."


def audit_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """One blocking check for each thing that the audit looks at."""
    return [
        dg.AssetCheckSpec(name, asset=key, description=description, blocking=True)
        for name, description in CHECKS.items()
    ]


def usual_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check that warns of a partition unlike its kind, and holds nothing back."""
    return dg.AssetCheckSpec(USUAL, asset=key, description=_USUAL)


def usual_result(lake: Lake, table: Table, done: Sequence[Refined]) -> dg.AssetCheckResult:
    """The newest partitions of a run beside earlier ones of the same hour or weekday."""
    verdicts = {each.raw.key: each.verdict for each in done}
    compared = list(verdicts)[-_COMPARED:]
    kinds = of_their_kind(lake.storage, table.name, table.partitions, compared, verdicts)
    found = {key: figures(verdicts[key], kind) for key, kind in zip(compared, kinds, strict=True)}
    odd = [(key, each) for key, all_of_it in found.items() for each in all_of_it if each.is_odd]
    metadata: dict[str, dg.MetadataValue] = {
        "compared": dg.MetadataValue.int(sum(bool(each) for each in found.values())),
    }
    if len(compared) == 1:
        for each in found[compared[0]]:
            metadata[each.name.replace(" ", "_")] = dg.MetadataValue.float(each.value)
            metadata[f"usual_{each.name.replace(' ', '_')}"] = dg.MetadataValue.float(each.usual)
    if odd:
        metadata["findings"] = dg.MetadataValue.md("\n".join(_odd(*each) for each in odd[:_SHOWN]))
    return dg.AssetCheckResult(
        check_name=USUAL,
        passed=not odd,
        severity=dg.AssetCheckSeverity.WARN,
        description=_said(is_odd=bool(odd), is_compared=any(found.values())),
        metadata=metadata,
    )


def _said(*, is_odd: bool, is_compared: bool) -> str:
    if is_odd:
        return "Unlike other partitions of its kind; published all the same."
    if not is_compared:
        return "Nothing to compare with: too few earlier partitions of the same kind."
    return _USUAL


def _odd(key: str, figure: Figure) -> str:
    if figure.name == "documents":
        return f"- `{key}`: {figure.value:,.0f} documents, usual are {figure.usual:,.0f}"
    return f"- `{key}`: {figure.name} {figure.value:.2%}, usual is {figure.usual:.2%}"


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
    metadata: dict[str, dg.MetadataValue] = {}
    if findings:
        metadata["findings"] = dg.MetadataValue.md("\n".join(lines))
    return dg.AssetCheckResult(
        check_name=name,
        passed=not findings,
        description=(
            f"{_at_once(findings)}. "
            f"{len(failed):,} of {partitions:,} partitions fail; nothing of this run is published. "
            "Partitions that passed can be published by materializing the catalog asset for them."
            if findings
            else CHECKS[name]
        ),
        metadata=metadata,
    )


def _at_once(findings: list[tuple[str, str]]) -> str:
    """The first findings; all of them are behind a click."""
    more = [f"and {len(findings) - _SHOWN_AT_ONCE:,} more"] * (len(findings) > _SHOWN_AT_ONCE)
    return "; ".join([": ".join(each) for each in findings[:_SHOWN_AT_ONCE]] + more)
