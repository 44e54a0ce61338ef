"""Athena as people meet it: `lake sql --engine athena`, and the cost on a materialization."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from lake_assets.cli import app
from lake_assets.metadata import read_back_metadata
from lake_assets.notebook import open_lake
from resources.catalog.counting import Counted
from resources.errors import CatalogError
from tests.servers.athena import queue_result
from tests.servers.glue import REGION
from tests.servers.moto import moto_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def on_glue(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake on S3 whose catalog is Glue, as the environment says it; gives the server's URL."""
    settings = {
        "LAKE_ROOT": "s3://lake",
        "LAKE_CATALOG": "glue",
        "LAKE_AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return url


def test_sql_runs_on_athena_and_says_what_it_costs(on_glue: str) -> None:
    queue_result(on_glue, [("title", "varchar"), ("plays", "bigint")], ["One", "2"])

    found = CliRunner().invoke(
        app, ["sql", "select title, plays from p", "--engine", "athena", "--format", "json"]
    )

    assert json.loads(found.stdout) == [{"title": "One", "plays": 2}]
    assert "0 B scanned by Athena, about 0.00005 USD" in found.stderr


def test_a_notebook_asks_athena_in_the_same_words(
    on_glue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    queue_result(on_glue, [("title", "varchar"), ("plays", "bigint")], ["One", "2"])
    lake = open_lake()

    found = lake.sql("select title, plays from p", engine="athena")

    assert found.filter("plays > 1").fetchall() == [("One", 2)]
    assert "scanned by Athena, about 0.00005 USD" in capsys.readouterr().out
    with pytest.raises(CatalogError, match="begins with SELECT"):
        lake.sql("drop table plays", engine="athena")
    with pytest.raises(CatalogError, match="'duckdb' or 'athena', found 'presto'"):
        lake.sql("select 1", engine="presto")


def test_sql_on_athena_changes_nothing(on_glue: str) -> None:
    found = CliRunner().invoke(app, ["sql", "drop table plays", "--engine", "athena"])

    assert found.exit_code == 1
    assert "begins with SELECT" in found.stderr
    assert on_glue not in found.stderr


def test_sql_on_athena_needs_a_catalog_that_athena_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKE_CATALOG", raising=False)

    found = CliRunner().invoke(app, ["sql", "select 1", "--engine", "athena"])

    assert found.exit_code == 1
    assert "LAKE_CATALOG: expected 'glue'" in found.stderr


def test_a_materialization_says_what_counting_cost_where_it_cost_anything() -> None:
    athena = read_back_metadata(Counted({}, "athena", 21_000_000, 0.000105))
    duckdb = read_back_metadata(Counted({}))

    assert {name: each.value for name, each in athena.items()} == {
        "read_back": "athena",
        "athena_bytes_scanned": 21_000_000,
        "athena_cost_usd": 0.000105,
    }
    assert {name: each.value for name, each in duckdb.items()} == {"read_back": "duckdb"}
