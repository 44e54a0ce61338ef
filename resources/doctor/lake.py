"""Every check of a lake, in the order in which its parts are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from resources.doctor.accounts import catalog_checks, identity_checks
from resources.doctor.athena import athena_checks
from resources.doctor.base import Check, Finding, Secrets, examine
from resources.doctor.engine import Session, java_checks
from resources.doctor.places import raw_checks, root_checks
from resources.doctor.source import Source
from resources.settings import Settings, load_settings
from resources.storage import open_storage
from resources.table import Reference, Table


@dataclass(frozen=True)
class Declared:
    """What the declarations name: prefixes of raw objects, and tables of the database."""

    prefixes: Sequence[str] = ()
    references: Sequence[Reference] = ()

    @classmethod
    def by(cls, tables: Sequence[Table]) -> Declared:
        """What these tables name."""
        joined = {join.reference.name: join.reference for each in tables for join in each.joins}
        return cls(sorted({each.raw.prefix for each in tables}), list(joined.values()))


def examine_lake(
    environment: Mapping[str, str], declared: Declared, *, with_spark: bool
) -> Iterator[Finding]:
    """Try everything that the settings in `environment` name; nothing is raised.

    With `with_spark` a session is started, which is how a server's login and the references are
    tried.
    """
    secrets = Secrets.of(environment)
    loaded: list[Settings] = []

    def load() -> str:
        loaded.append(load_settings(environment))
        return f"LAKE_ROOT {loaded[0].root}"

    yield from examine([Check("settings", "read the variables", load)], secrets)
    yield from examine(java_checks(environment), secrets)
    for settings in loaded:
        session = Session(settings, may_start=with_spark)
        source = Source(settings, environment, declared.references, session, secrets)
        yield from examine(_checks(settings, declared, source), secrets)


def _checks(settings: Settings, declared: Declared, source: Source) -> list[Check]:
    root = open_storage(settings.root, settings.aws)
    return [
        *source.session.checks(),
        *identity_checks(settings, source.mysql),
        *root_checks(root),
        *raw_checks(open_storage(settings.raw_root, settings.aws), declared.prefixes),
        *catalog_checks(settings, root),
        *athena_checks(settings),
        *source.checks(),
    ]
