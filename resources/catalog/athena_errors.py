"""What Athena's refusals and failed queries mean to a person, and which of them pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.aws_errors import refusal
from resources.errors import CatalogError, CatalogUnavailable

if TYPE_CHECKING:
    from types_boto3_athena.type_defs import QueryExecutionStatusTypeDef

#: Words of a failed query by which what it read, or its results' place, refused the role.
_DENIED = ("access denied", "accessdenied", "not authorized", "insufficient permission")
#: The same of services that were too busy for it; Athena marks others as retryable itself.
_BUSY = ("slowdown", "reduce your request rate", "rate exceeded", "throttl")
_ON_FAILURE = (
    "Allow the role glue:GetDatabase, glue:GetTable and glue:GetPartitions on the catalog, the "
    "database and its tables; s3:ListBucket and s3:GetObject on the lake; s3:GetBucketLocation, "
    "s3:ListBucket, s3:GetObject, s3:PutObject and s3:AbortMultipartUpload where the work group "
    "{work_group} keeps results; kms:Decrypt and kms:GenerateDataKey where a key encrypts them. "
    "Where Lake Formation governs the table, grant SELECT there."
)


@dataclass(frozen=True)
class Refused:
    """What can go wrong in one work group; `partition` is AWS's, such as `aws-cn`."""

    partition: str
    region: str
    work_group: str

    def call(self, action: str, error: Exception) -> CatalogError:
        """For a call that Athena did not carry out."""
        arn = f"arn:{self.partition}:athena:{self.region}:<account>:workgroup/{self.work_group}"
        found = refusal(error, f"athena:{action}", arn)
        remedy = ""
        if "output location" in found.words.lower():
            remedy = (
                f" Give work group {self.work_group} a location for query results, or name another "
                "in LAKE_ATHENA_WORK_GROUP."
            )
        kind = CatalogUnavailable if found.retryable else CatalogError
        return kind(
            f"Expected Athena to carry out {action} in work group {self.work_group}; "
            f"{found.words.rstrip('.')}.{remedy}"
        )

    def failed(self, query_id: str, status: QueryExecutionStatusTypeDef) -> CatalogError:
        """For a query that ended as FAILED or CANCELLED."""
        state = status["State"]
        error = status.get("AthenaError", {})
        said = status.get("StateChangeReason") or error.get("ErrorMessage") or "no reason is given"
        words = f"Expected Athena to run query {query_id}; it ended as {state}: {said.rstrip('.')}."
        low = said.lower()
        if any(word in low for word in _DENIED):
            return CatalogError(f"{words} {_ON_FAILURE.format(work_group=self.work_group)}")
        if error.get("Retryable") or any(word in low for word in _BUSY):
            return CatalogUnavailable(f"{words} Athena says that it can succeed later.")
        if state == "CANCELLED":
            return CatalogError(
                f"{words} Somebody stopped it, or work group {self.work_group} did at its "
                "BytesScannedCutoffPerQuery: ask for less, or raise it there."
            )
        return CatalogError(words)
