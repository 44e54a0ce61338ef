"""Errors that the world outside can cause: settings, storage, database, catalog.

What the data itself causes lives in `spark/errors.py`, where the base class is too.
"""

from __future__ import annotations

from spark.errors import LakeError


class SettingsError(LakeError):
    """A setting that is missing or cannot work."""


class DeclarationError(LakeError):
    """A table's declaration that cannot work."""


class StorageError(LakeError):
    """Storage that did not do what it was asked."""


class StorageUnavailable(StorageError):
    """Storage that could not answer now: throttled, out of reach, or credentials that expired."""

    retryable = True


class RawChanged(StorageError):
    """Raw objects that were replaced or deleted while they were read; running again can help."""

    retryable = True


class AlreadyThere(StorageError):
    """A key that was to be written only if absent, and is present."""


class CatalogError(LakeError):
    """A catalog request that cannot be served as asked."""


class CatalogUnavailable(CatalogError):
    """The catalog's service refuses for the moment; the same request can succeed later."""

    retryable = True


class DatabaseError(LakeError):
    """The source database refused, or lacks what was asked for."""


class DatabaseBusy(DatabaseError):
    """Another process holds the embedded database; waiting longer can help."""

    retryable = True


class DatabaseUnreachable(DatabaseError):
    """The source database did not answer, or went away; it may be back."""

    retryable = True


class LoginRefused(DatabaseError):
    """The source database, or whoever keeps its password, did not let us in."""


class LoginExpired(LoginRefused):
    """A login that worked a moment ago; a fresh password or token can help."""

    retryable = True


class AuditFailed(LakeError):
    """An attempt that must not be published."""


class ObjectMissing(StorageError):
    """A key that was to be read, and is not in storage."""


class CatalogBusy(CatalogError):
    """Another process held the catalog for longer than we wait; waiting again can help."""

    retryable = True


class RunFailed(LakeError):
    """A run that failed otherwise than by an error of the project's own."""


class EngineError(LakeError):
    """A job that failed where it ran, or a service that refused to run it."""


class EngineUnavailable(EngineError):
    """A service that could not answer now, or a failure that another try can cure."""

    retryable = True


class NotificationFailed(LakeError):
    """People who were to be told of a failure, and could not be."""


class QueueError(LakeError):
    """A queue of arrivals that cannot be read, or lets nobody delete from it."""


class PriceUnknown(SettingsError):
    """Something that costs money, and that the table of prices does not have."""


class PlacementError(LakeError):
    """No engine that may run a job: not configured, too small, too slow or too dear."""


class ResultTooLarge(LakeError):
    """A result that would not fit into the memory of who asks for it."""


class SessionLost(LakeError):
    """Spark ended while it was in use; a new session can do the same again."""

    retryable = True


class NotebookRefused(LakeError):
    """A notebook, or a function of one, that cannot become a table's transform."""
