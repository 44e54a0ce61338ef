"""Every check of a lake, in the order in which its parts are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from resources.doctor.accounts import catalog_checks, identity_checks
from resources.doctor.base import Check, Finding, Secrets, examine
from resources.doctor.engine import Session, java_checks
from resources.doctor.places import raw_checks, root_checks
from resources.doctor.source import Source
from resources.settings import Settings, load_settings
from resources.storage import open_storage
from resources.table import Table


def examine_lake(
    environment: Mapping[str, str], tables: Sequence[Table], *, with_spark: bool
) -> Iterator[Finding]:
    """Try everything that the settings in `environment` name; nothing is raised.

    `tables` say which raw objects and references to look at. With `with_spark` a session is
    started, which is how a server's login and the references are tried.
    """
    secrets = Secrets.of(environment)
    loaded: list[Settings] = []

    def load() -> str:
        loaded.append(load_settings(environment))
        return f"LAKE_ROOT {loaded[0].root}"

    yield from examine([Check("settings", "read the variables", load)], secrets)
    yield from examine(java_checks(environment), secrets)
    for settings in loaded:
        yield from examine(_checks(settings, environment, tables, secrets, with_spark), secrets)


def _checks(
    settings: Settings,
    environment: Mapping[str, str],
    tables: Sequence[Table],
    secrets: Secrets,
    with_spark: bool,  # noqa: FBT001 - private, and passed on
) -> list[Check]:
    session = Session(settings, may_start=with_spark)
    root = open_storage(settings.root, settings.aws)
    raw = open_storage(settings.raw_root, settings.aws)
    references = {join.reference.name: join.reference for table in tables for join in table.joins}
    source = Source(settings, environment, list(references.values()), session, secrets)
    return [
        *session.checks(),
        *identity_checks(settings),
        *root_checks(root),
        *raw_checks(raw, sorted({table.raw.prefix for table in tables})),
        *catalog_checks(settings, root),
        *source.checks(),
    ]
