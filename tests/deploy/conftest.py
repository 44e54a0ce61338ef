"""A PostgreSQL server for the tests of the deployment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.needed import missing
from tests.servers.postgres import Postgres, PostgresMissingError, postgres_server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server with an empty database."""
    pytest.importorskip("dagster_postgres", reason="pip install 'lake-assets[deploy]'")
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissingError as error:
        missing(str(error))
