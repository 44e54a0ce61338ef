"""Declarations become definitions the way Dagster loads any component, needing nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest

from resources.errors import DeclarationError
from tests.lake_assets.conftest import MakeProject
from tests.workshop import PLAYS

ROOT = Path(__file__).parents[2]
_REFERENCES = PLAYS[PLAYS.index("references:") : PLAYS.index("joins:")]
#: A table that joins the reference which `PLAYS` declares.
LIKES = PLAYS.replace(_REFERENCES, "").replace("table: plays", "table: likes")


def test_a_declaration_becomes_four_assets(project: MakeProject) -> None:
    definitions = project({"plays": PLAYS}).load()

    assert keys(definitions) == {
        "raw/plays",
        "reference/songs",
        "refined/plays",
        "catalog/plays",
    }


def test_a_reference_that_another_declaration_declares_is_joined_by_name(
    project: MakeProject,
) -> None:
    definitions = project({"plays": PLAYS, "likes": LIKES}).load()

    assert keys(definitions) == {
        "reference/songs",
        *(
            f"{kind}/{table}"
            for kind in ("raw", "refined", "catalog")
            for table in ("plays", "likes")
        ),
    }
    refined = definitions.resolve_asset_graph().get(dg.AssetKey(["refined", "likes"]))
    assert refined.parent_keys == {
        dg.AssetKey(["raw", "likes"]),
        dg.AssetKey(["reference", "songs"]),
    }


def test_a_shared_reference_gives_the_joining_table_its_types(project: MakeProject) -> None:
    made = project({"plays": PLAYS.replace("title, type: string", "title, type: date"), "l": LIKES})

    schema = column_schema(made.load(), "catalog/likes")

    assert {each.name: each.type for each in schema.columns}["title"] == "date"


def test_a_reference_that_two_declarations_declare_is_refused(project: MakeProject) -> None:
    twice = PLAYS.replace("table: plays", "table: likes")

    with pytest.raises(Exception, match="likes") as caught:
        keys(project({"plays": PLAYS, "likes": twice}).load())

    assert isinstance(caught.value.__cause__, DeclarationError)
    assert "songs" in str(caught.value.__cause__)
    assert "likes/defs.yaml:" in str(caught.value.__cause__)


def test_a_table_that_two_declarations_declare_is_refused(project: MakeProject) -> None:
    with pytest.raises(Exception, match="one") as caught:
        keys(project({"one": PLAYS, "other": PLAYS.replace("songs", "other_songs")}).load())

    assert isinstance(caught.value.__cause__, DeclarationError)
    assert "plays" in str(caught.value.__cause__)
    assert "one/defs.yaml:" in str(caught.value.__cause__)


def test_a_declaration_without_partitions_has_none(project: MakeProject) -> None:
    text = PLAYS.replace("{by: hour, start: 2024-05-01, end: 2024-05-02}", "{by: none}")

    graph = project({"plays": text}).load().resolve_asset_graph()

    assert not any(graph.get(key).is_partitioned for key in graph.get_all_asset_keys())


def test_partitions_by_day_start_and_end_where_declared(project: MakeProject) -> None:
    text = PLAYS.replace("by: hour", "by: day").replace("end: 2024-05-02", "end: 2024-05-04")

    graph = project({"plays": text}).load().resolve_asset_graph()

    partitions = graph.get(dg.AssetKey(["catalog", "plays"])).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys() == ["2024-05-01", "2024-05-02", "2024-05-03"]


def test_partitions_start_at_a_declared_hour(project: MakeProject) -> None:
    text = PLAYS.replace("start: 2024-05-01, end: 2024-05-02", "start: '2024-05-01T21:00:00+00:00', end: 2024-05-02")  # fmt: skip

    graph = project({"plays": text}).load().resolve_asset_graph()

    partitions = graph.get(dg.AssetKey(["raw", "plays"])).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys() == ["2024-05-01-21", "2024-05-01-22", "2024-05-01-23"]


def test_the_projects_own_definitions_load_without_java_or_network(tmp_path: Path) -> None:
    script = """
        import socket

        def refuse(*arguments):
            raise AssertionError(f"the network was used: {arguments}")

        socket.socket.connect = refuse
        socket.getaddrinfo = refuse

        import dagster as dg
        from lake_assets.definitions import defs

        loaded = defs()
        dg.Definitions.validate_loadable(loaded)
        print(sorted(key.to_user_string() for key in loaded.resolve_all_asset_keys()))

        from pyspark import SparkContext
        assert SparkContext._gateway is None, "a JVM was started"
    """
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PATH": str(home),
        "HOME": str(home),
        "JAVA_HOME": str(home / "no-java"),
        "PYTHONPATH": str(ROOT),
        "LAKE_ROOT": str(tmp_path / "lake"),
        "DAGSTER_HOME": "",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
    }

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for key in ("raw/activity", "reference/tracks", "refined/activity", "catalog/activity"):
        assert key in done.stdout
    assert not (tmp_path / "lake").exists()


def keys(definitions: dg.Definitions) -> set[str]:
    """The assets of some definitions, by name."""
    return {key.to_user_string() for key in definitions.resolve_all_asset_keys()}


def column_schema(definitions: dg.Definitions, asset: str) -> dg.TableSchema:
    """The columns of an asset, as the UI shows them."""
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    schema = specs[asset].metadata["dagster/column_schema"]
    return schema.value if isinstance(schema, dg.TableSchemaMetadataValue) else schema
