"""What Glue's errors mean to a person, and which of them pass by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from resources.aws_errors import refusal
from resources.errors import CatalogError, CatalogUnavailable

#: Codes of errors that the same request may not meet again.
PASSING = frozenset(
    {
        "ConcurrentModificationException",
        "InternalFailure",
        "InternalServiceException",
        "OperationTimeoutException",
        "ProvisionedThroughputExceededException",
        "ResourceNotReadyException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_REMEDIES = {
    "GlueEncryptionException": "The catalog is encrypted: allow kms:Decrypt and "
    "kms:GenerateDataKey on its key in the role's policy and in the key's.",
    "ResourceNumberLimitExceededException": "A quota of Glue is reached: raise it in Service "
    "Quotas, or drop what nobody reads.",
}
#: Codes of what IAM or Lake Formation does not allow.
DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})


class NotThere(CatalogError):
    """A database, table or partition that Glue does not have."""


class AlreadyExists(CatalogError):
    """What was to be created is there."""


@dataclass(frozen=True)
class Refusal:
    """A call that Glue did not carry out; `table` is empty for a call on the database."""

    action: str
    database: str
    table: str
    region: str

    def unavailable(self, error: Exception) -> CatalogUnavailable:
        """For a service that cannot be reached or goes on throttling."""
        return CatalogUnavailable(
            f"Expected Glue to carry out {self.action} on {self._place}; it says: {error}. "
            "Try again later; if it goes on, check the endpoint, the region and the service quotas."
        )

    def refused(self, error: ClientError) -> CatalogError:
        """For an answer that another try at once would get as well."""
        code = error.response["Error"]["Code"]
        said = error.response["Error"].get("Message", code)
        if code == "EntityNotFoundException":
            return NotThere(f"Expected {self._place} in Glue; it says: {said}.")
        if code == "AlreadyExistsException":
            return AlreadyExists(f"Expected no {self._place} in Glue; it says: {said}.")
        if code in DENIED:
            return CatalogError(
                f"Expected to be allowed {self.action} on {self._place}; Glue says: {said}. "
                f"{self._remedy(said)}"
            )
        why = refusal(error, f"glue:{self.action}", self._place)
        if why.retryable:
            return CatalogUnavailable(
                f"Expected Glue to carry out {self.action} on {self._place}; {why.words}."
            )
        return CatalogError(
            f"Expected Glue to carry out {self.action} on {self._place}; {code}: {said}. "
            + _REMEDIES.get(code, "Nothing was changed by this call.")
        )

    @property
    def _place(self) -> str:
        if not self.table:
            return f"database {self.database}"
        return f"table {self.database}.{self.table}"

    def _remedy(self, said: str) -> str:
        if "lake formation" in said.lower():
            return (
                "IAM is not what refuses: grant the role DESCRIBE, ALTER, INSERT and DELETE on the "
                "table in Lake Formation, and CREATE_TABLE on the database."
            )
        arn = f"arn:aws:glue:{self.region}:<account>"
        return (
            f"Allow glue:{self.action} on {arn}:catalog, {arn}:database/{self.database} and "
            f"{arn}:table/{self.database}/{self.table or '*'} in the role's policy."
        )
