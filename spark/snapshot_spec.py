"""What a snapshot of a reference table is asked to do, and what it reports; plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

from spark.contract import Contract


@dataclass(frozen=True)
class LoginSpec:
    """How a job logs in to a MySQL server by itself, so that no password travels.

    The password is that of AWS Secrets Manager's `secret`, in RDS's layout; where that is empty it
    is a token of IAM database authentication for `user`. `authorities` are certificates as PEM that
    the server's is signed by, empty for those that Java trusts.
    """

    secret: str
    user: str
    host: str
    port: int
    authorities: str = ""


@dataclass(frozen=True)
class SnapshotSpec:
    """One snapshot of one table.

    `table` is what stands after FROM: a name, or a query in brackets with an alias. `output` is the
    URI of the reference's directory, as Spark writes it. `attempt` has never been used before.
    `jdbc` are Spark's options, url and driver among them. A table of at most `one_range_rows` rows
    is read in one range, a larger one in up to `ranges` at a time. With a `login` there is neither
    user nor password among the options.
    """

    name: str
    table: str
    key: tuple[str, ...]
    contract: Contract
    output: str
    attempt: str
    jdbc: Mapping[str, str] = field(repr=False)
    ranges: int = 4
    one_range_rows: int = 20_000
    login: Optional[LoginSpec] = None

    def to_json(self) -> dict[str, Any]:
        """The specification as plain values, a password in `jdbc` among them if there is one."""
        return {**asdict(self), "contract": self.contract.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SnapshotSpec:
        """The specification that `to_json` gave."""
        contract = Contract.from_json(data["contract"])
        login = LoginSpec(**data["login"]) if data["login"] else None
        return cls(**{**data, "contract": contract, "key": tuple(data["key"]), "login": login})


@dataclass(frozen=True)
class SnapshotReport:
    """What a snapshot found; `directory`, below the output, is empty when nothing was written.

    `notes` are sentences on what was done to keep the content true: zero dates that became null,
    a table that changed while it was read.
    """

    name: str
    version: str
    rows: int
    written: bool
    directory: str
    notes: tuple[str, ...] = ()
