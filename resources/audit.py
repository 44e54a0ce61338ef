"""The audit: what lies in storage, held against the ledger, the contract and the declared limits.

It trusts no figure of the job that wrote the files: footers are read, and where a footer does not
say how many nulls a required column has, that column is. Publishing is not decided here beyond
the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import pyarrow.parquet as pq

from resources.at_once import at_once
from resources.attempts import FileEntry
from resources.objects import ObjectInfo
from resources.parquet import Footer, read_footer
from resources.storage import Storage
from resources.table import Limits
from spark.contract import Contract
from spark.ledger import Ledger

#: Names of the checks, as the UI shows them, with what each of them says when it passes.
CHECKS = {
    "ledger_balances": "Every document read is published, quarantined, a duplicate, filtered or dropped.",
    "schema_matches_contract": "The footer of every Parquet file has the contract's columns and types.",
    "rows_match_ledger": "The rows in storage are as many as the ledger says were published.",
    "required_columns_have_no_nulls": "No column that the contract requires holds a null.",
    "within_limits": "Shares of quarantined, unmatched and duplicate documents are within limits.",
}


@dataclass(frozen=True)
class Audit:
    """What the audit of one partition found: the files, and sentences by the check they fail."""

    files: tuple[FileEntry, ...]
    findings: dict[str, tuple[str, ...]]

    @property
    def passed(self) -> bool:
        return not any(self.findings.values())

    @property
    def sentences(self) -> list[str]:
        """Every finding, in the order of the checks."""
        return [sentence for name in CHECKS for sentence in self.findings[name]]


def audit(
    storage: Storage,
    directory: str,
    listed: Iterable[ObjectInfo],
    contract: Contract,
    ledger: Ledger,
    limits: Limits,
) -> Audit:
    """Judge the Parquet files among those `listed` below `directory`, which has no final slash."""
    keys = [info.key for info in listed if _is_data(directory, info.key)]
    footers = dict(zip(keys, at_once(partial(read_footer, storage), keys), strict=True))
    files = tuple(
        FileEntry(key, footer.stats.rows, footer.stats.bytes) for key, footer in footers.items()
    )
    return Audit(
        files,
        {
            "ledger_balances": tuple(_imbalance(ledger)),
            "schema_matches_contract": tuple(
                f"{key}: {problem}"
                for key, footer in footers.items()
                for problem in contract.parquet_problems(footer.fields)
            ),
            "rows_match_ledger": tuple(_miscount(directory, files, ledger)),
            "required_columns_have_no_nulls": tuple(
                sentence
                for key, footer in footers.items()
                for sentence in null_problems(storage, key, footer, contract)
            ),
            "within_limits": tuple(beyond_limits(ledger, limits)),
        },
    )


def beyond_limits(ledger: Ledger, limits: Limits) -> list[str]:
    """Which declared limits the figures of one partition exceed, a sentence each."""
    counts = {
        "quarantined": (sum(ledger.quarantined.values()), limits.max_quarantined_share),
        "unmatched": (max(ledger.unmatched.values(), default=0), limits.max_unmatched_share),
        "duplicates": (ledger.duplicates, limits.max_duplicate_share),
    }
    found = [
        f"{name}: {count:,} of {ledger.documents:,} documents "
        f"({count / ledger.documents:.2%}), the limit is {limit:.2%}"
        for name, (count, limit) in counts.items()
        if limit is not None and ledger.documents and count / ledger.documents > limit
    ]
    if ledger.documents < limits.min_documents:
        found.append(
            f"documents: {ledger.documents:,} were read, at least {limits.min_documents:,} are "
            "expected"
        )
    return found


def read_rows(storage: Storage, key: str, count: int) -> list[dict[str, object]]:
    """The first rows of a Parquet file."""
    with storage.open_input(key) as stream, pq.ParquetFile(stream) as file:
        batch = next(file.iter_batches(batch_size=max(count, 1)), None)
    rows: list[dict[str, object]] = batch.to_pylist() if batch is not None else []
    return rows[:count]


def null_problems(storage: Storage, key: str, footer: Footer, contract: Contract) -> list[str]:
    """Which required columns of a file hold nulls; a column is read where the footer is silent."""
    present = {each.name for each in footer.fields}
    found = []
    for name in contract.required:
        if name not in present:
            continue  # the schema check says so
        count = footer.stats.nulls.get(name)
        if count is None:
            with storage.open_input(key) as stream:
                count = pq.read_table(stream, columns=[name])[name].null_count
        if count:
            found.append(f"{key}: column `{name}` is required and null in {count:,} rows")
    return found


def _is_data(directory: str, key: str) -> bool:
    """Readers skip names that begin with `_` or `.`, and so does the audit."""
    names = key[len(directory) + 1 :].split("/")
    return not any(name.startswith(("_", ".")) for name in names) and key.endswith(".parquet")


def _imbalance(ledger: Ledger) -> list[str]:
    if ledger.documents == ledger.accounted:
        return []
    return [f"{ledger.documents:,} documents were read, {ledger.accounted:,} are accounted for"]


def _miscount(directory: str, files: tuple[FileEntry, ...], ledger: Ledger) -> list[str]:
    rows = sum(file.rows for file in files)
    if rows == ledger.published:
        return []
    return [
        f"{directory}: {rows:,} rows in {len(files)} files, the ledger says "
        f"{ledger.published:,} were published"
    ]
