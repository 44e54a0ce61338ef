"""Materializing a declared table from a shell, through Dagster: what the UI does, in one process.

Here live the choice of partitions that need it, the runs in the instance that the UI shows, and
their progress on the terminal. What the assets do belongs to `lake_assets/assets`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from lake_assets.cli_print import say
from lake_assets.declared import Declared, declaration_errors, declared_table
from lake_assets.definitions import defs
from lake_assets.home import dagster_home
from lake_assets.lost_runs import this_host
from lake_assets.partitions import FIRST, LAST, ONE, PARTITIONS_PER_RUN
from lake_assets.progress import LOGGERS, RUN_CONFIG, Steps, noise_in, showing
from resources.errors import AuditFailed, RunFailed, SettingsError
from resources.lake import Lake
from resources.retention import expired_keys
from resources.settings import load_settings
from spark.errors import LakeError


@dataclass(frozen=True)
class Wanted:
    """Which partitions: from `first` to `last`, or wherever there is something where None."""

    first: str | None = None
    last: str | None = None
    everything: bool = False

    @staticmethod
    def of(partition: str | None, partitions: str | None, *, everything: bool) -> Wanted:
        """As the command line says it: one partition, or a range `FIRST...LAST`.

        Raises `SettingsError` where it says both.
        """
        if partition is not None and partitions is not None:
            raise SettingsError("expected --partition or --partitions, found both")
        if partitions is None:
            return Wanted(partition, partition, everything)
        first, _, last = partitions.partition("...")
        return Wanted(first.strip(), last.strip() or first.strip(), everything)


def materialize_table(name: str, wanted: Wanted) -> list[str]:
    """Take snapshots of the references, then materialize what changed; returns these partitions.

    Raises `AuditFailed` when nothing was published because of an audit, and the error of whichever
    step failed otherwise. The runs are in the instance of `dagster_home`, where the UI shows them.
    """
    settings = load_settings()
    home = dagster_home(settings)
    with noise_in(home / "lake.log"):
        declared = declared_table(name)
        with dg.DagsterInstance.get() as instance:
            runs = Runs(_with_progress(), instance)
            return _materialize(runs, Lake(settings), declared, wanted)


def asked_for(declared: Declared, wanted: Wanted) -> list[str]:
    """The partitions that are named, or all; raises `DeclarationError` for what is none."""
    if wanted.first is None or wanted.last is None:
        return declared.keys()
    return declared.between(wanted.first, wanted.last)


def changed(lake: Lake, declared: Declared, wanted: Wanted) -> list[str]:
    """The partitions to materialize, in order: those asked for, without those that are current.

    Expired ones are materialized only where they are named.
    """
    table = declared.table
    pointers = lake.pointers(table)
    is_named = wanted.first is not None
    keys = asked_for(declared, wanted)
    gone = set() if is_named else set(expired_keys(table, keys, datetime.now(UTC)))
    listed = lake.raw(table, [key for key in keys if key not in gone])
    found = [each for each in listed if is_named or each.objects or each.key in pointers]
    if wanted.everything:
        return [each.key for each in found]
    return [each.key for each in lake.changed(table, found)]


@dataclass(frozen=True)
class Runs:
    """Runs of the code location in this process, one after the other."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance

    def run(self, assets: Sequence[dg.AssetKey], keys: Sequence[str] = ()) -> None:
        """Materialize assets for one partition or a contiguous range; raises if that fails."""
        steps = Steps()
        with showing(steps):
            result = self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=self.instance,
                asset_selection=assets,
                tags={**_partition_tags(keys), **this_host()},
                run_config=RUN_CONFIG,
                raise_on_error=False,
            )
        if not result.success:
            raise _failure(result, steps)


def _with_progress() -> dg.Definitions:
    with declaration_errors():
        return dg.Definitions.merge(defs(), dg.Definitions(loggers=LOGGERS))


def _materialize(runs: Runs, lake: Lake, declared: Declared, wanted: Wanted) -> list[str]:
    table = declared.table
    asked_for(declared, wanted)
    references = [dg.AssetKey(["reference", join.reference.name]) for join in table.joins]
    if references:
        runs.run(references)
    keys = changed(lake, declared, wanted)
    if not keys:
        say(f"Nothing to do: every partition of {table.name} is made from what is there now.")
    assets = [dg.AssetKey([kind, table.name]) for kind in ("raw", "refined", "catalog")]
    partitioned = declared.partitions is not None
    for each in contiguous(declared.keys(), keys):
        if partitioned:
            say(f"{table.name}: " + (each[0] if len(each) == 1 else f"{each[0]} to {each[-1]}"))
        runs.run(assets, each if partitioned else [])
    return keys


def _partition_tags(keys: Sequence[str]) -> dict[str, str]:
    """The tags by which Dagster knows a run's partitions."""
    if len(keys) > 1:
        return {FIRST: keys[0], LAST: keys[-1]}
    return {ONE: keys[0]} if keys else {}


def contiguous(all_keys: Sequence[str], keys: Sequence[str]) -> Iterator[list[str]]:
    """Some of the keys, in stretches without gaps and of at most a month: one run each."""
    place = {key: number for number, key in enumerate(all_keys)}
    stretch: list[str] = []
    for key in keys:
        is_next = bool(stretch) and place[key] == place[stretch[-1]] + 1
        if stretch and (not is_next or len(stretch) == PARTITIONS_PER_RUN):
            yield stretch
            stretch = []
        stretch.append(key)
    if stretch:
        yield stretch


def _failure(result: dg.ExecuteInProcessResult, steps: Steps) -> LakeError:
    """What went wrong in a run, in the words of whatever raised it."""
    findings = [
        str(each.metadata["findings"].value)
        for each in result.get_asset_check_evaluations()
        if not each.passed and "findings" in each.metadata
    ]
    if findings:
        return AuditFailed(
            "\n".join(["the audit failed, and nothing of this run was published:", *findings])
        )
    log = f"Log: {os.environ['DAGSTER_HOME']}/lake.log; run {result.run_id} in the UI."
    if steps.failures:
        return RunFailed("\n".join([*steps.failures, log]))
    return RunFailed(f"the run failed before its first step. {log}")
