"""Checks of Athena: the work group takes queries, keeps their results somewhere, and runs one."""

from __future__ import annotations

from resources.catalog.athena import Athena
from resources.catalog.opening import open_athena
from resources.doctor.base import Check, NotTried
from resources.errors import CatalogError
from resources.settings import Settings


def athena_checks(settings: Settings) -> list[Check]:
    """The work group and a query that reads nothing; none where Athena does not count the rows."""
    if settings.read_back != "athena":
        return []
    name = settings.glue.athena_work_group
    probe = _Probe(settings)
    return [
        Check("athena", f"find work group {name} and where it keeps results", probe.find),
        Check("athena", "run `SELECT 1` and fetch its result", probe.query),
    ]


class _Probe:
    """One work group; a query is run only where it can be."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.glue.athena_work_group
        self._is_usable = True

    def find(self) -> str:
        self._is_usable = False
        group = self._athena().work_group()
        configuration = group.get("Configuration", {})
        if group.get("State", "ENABLED") != "ENABLED":
            raise CatalogError(
                f"Expected work group {self._name} to take queries, found it disabled. Enable it, "
                "or name another in LAKE_ATHENA_WORK_GROUP."
            )
        self._is_usable = True
        if configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled"):
            return "Athena keeps results itself"
        place = configuration.get("ResultConfiguration", {}).get("OutputLocation", "")
        if place:
            return f"results go to {place}"
        self._is_usable = False
        raise CatalogError(
            f"Expected work group {self._name} to have a place for query results, found none. Set "
            "its query result location or turn managed query results on, or name another work "
            "group in LAKE_ATHENA_WORK_GROUP; LAKE_READ_BACK=duckdb does without Athena."
        )

    def query(self) -> str:
        if not self._is_usable:
            raise NotTried("the work group takes no queries")
        self._athena().run("SELECT 1")
        return ""

    def _athena(self) -> Athena:
        return open_athena(self._settings)
