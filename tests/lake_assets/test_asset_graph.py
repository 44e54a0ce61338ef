"""What the UI shows of a declared table before anything has run."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from tests.workshop import PLAYS, Workshop

ASSETS = ("raw/plays", "reference/songs", "refined/plays", "catalog/plays")


@pytest.fixture
def specs(workshop: Workshop) -> dict[str, dg.AssetSpec]:
    found = workshop.definitions.resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec for spec in found}


def schema(spec: dg.AssetSpec) -> dg.TableSchema:
    value = spec.metadata["dagster/column_schema"]
    return value.value if isinstance(value, dg.TableSchemaMetadataValue) else value


def lineage(spec: dg.AssetSpec) -> dict[str, set[str]]:
    value = spec.metadata["dagster/column_lineage"]
    found = value.value if isinstance(value, dg.TableColumnLineageMetadataValue) else value
    return {
        column: {f"{each.asset_key.to_user_string()}:{each.column_name}" for each in deps}
        for column, deps in found.deps_by_column.items()
    }


def test_each_asset_needs_the_one_before_it(specs: dict[str, dg.AssetSpec]) -> None:
    needs = {
        name: {dep.asset_key.to_user_string() for dep in spec.deps} for name, spec in specs.items()
    }

    assert needs == {
        "raw/plays": set(),
        "reference/songs": set(),
        "refined/plays": {"raw/plays", "reference/songs"},
        "catalog/plays": {"refined/plays"},
    }


def test_assets_are_grouped_by_table_and_owned_as_declared(specs: dict[str, dg.AssetSpec]) -> None:
    assert {spec.group_name for spec in specs.values()} == {"plays"}
    assert {tuple(spec.owners) for spec in specs.values()} == {("team:radio",)}


def test_assets_say_what_they_are_made_with(specs: dict[str, dg.AssetSpec]) -> None:
    assert specs["raw/plays"].kinds >= {"json"}
    assert specs["reference/songs"].kinds >= {"parquet"}
    assert specs["refined/plays"].kinds >= {"spark", "parquet"}
    assert specs["catalog/plays"].kinds >= {"table"}


def test_all_but_the_reference_are_partitioned_alike(specs: dict[str, dg.AssetSpec]) -> None:
    assert specs["reference/songs"].partitions_def is None
    hours = [specs[name].partitions_def for name in ASSETS if name != "reference/songs"]
    assert all(each is not None and each == hours[0] for each in hours)
    assert hours[0] is not None
    assert hours[0].get_partition_keys() == [f"2024-05-01-{hour:02}" for hour in range(24)]


def test_a_range_of_up_to_a_month_is_one_run(workshop: Workshop) -> None:
    graph = workshop.definitions.resolve_asset_graph()

    partitioned = [graph.get(dg.AssetKey(name.split("/"))) for name in ASSETS]
    policies = {each.backfill_policy for each in partitioned if each.is_partitioned}

    assert policies == {dg.BackfillPolicy.multi_run(max_partitions_per_run=31 * 24)}


def test_publishing_has_a_pool_of_its_table(workshop: Workshop) -> None:
    graph = workshop.definitions.resolve_asset_graph()

    pools = {name: graph.get(dg.AssetKey(name.split("/"))).pools for name in ASSETS}

    assert {name: pool for name, pool in pools.items() if pool} == {
        "catalog/plays": {"publish_plays"}
    }


def test_the_audit_is_five_checks_that_block(workshop: Workshop) -> None:
    graph = workshop.definitions.resolve_asset_graph()

    checks = {key.name: graph.get(key) for key in graph.asset_check_keys}
    warns = checks.pop("figures_are_usual")

    assert not warns.blocking
    assert set(checks) == {
        "ledger_balances",
        "schema_matches_contract",
        "rows_match_ledger",
        "required_columns_have_no_nulls",
        "within_limits",
    }
    assert all(each.blocking and each.description for each in checks.values())
    assert {each.key.asset_key for each in checks.values()} == {dg.AssetKey(["refined", "plays"])}


def test_columns_are_shown_with_type_comment_and_nullability(
    specs: dict[str, dg.AssetSpec],
) -> None:
    raw = {each.name: each for each in schema(specs["raw/plays"]).columns}
    published = schema(specs["catalog/plays"]).columns

    assert list(raw) == ["play_id", "song_id", "seconds"]
    assert raw["play_id"].description == "Identifies a play."
    assert not raw["play_id"].constraints.nullable
    assert raw["seconds"].constraints.nullable
    assert [(each.name, each.type) for each in published] == [
        ("play_id", "string"),
        ("song_id", "int"),
        ("seconds", "int"),
        ("title", "string"),
        ("dt", "string"),
        ("hour", "string"),
    ]


def test_columns_of_the_refined_table_come_from_raw_and_reference(
    specs: dict[str, dg.AssetSpec],
) -> None:
    assert lineage(specs["refined/plays"]) == {
        "play_id": {"raw/plays:play_id"},
        "song_id": {"raw/plays:song_id"},
        "seconds": {"raw/plays:seconds"},
        "title": {"reference/songs:title"},
    }


def test_lineage_follows_prefixes_renames_and_drops(tmp_path: Path) -> None:
    text = PLAYS.replace("    unmatched: keep", "    prefix: song_\n    unmatched: keep").replace(
        "deduplicate:", "drop: [seconds]\nrename: {song_title: name}\ndeduplicate:"
    )
    workshop = Workshop(tmp_path, text)
    specs = {s.key.to_user_string(): s for s in workshop.definitions.resolve_all_asset_specs()}

    assert lineage(specs["refined/plays"]) == {
        "play_id": {"raw/plays:play_id"},
        "song_id": {"raw/plays:song_id"},
        "name": {"reference/songs:title"},
    }
    assert lineage(specs["catalog/plays"])["name"] == {"refined/plays:name"}


def test_refined_changes_its_code_version_with_the_rules_and_not_with_the_words(
    tmp_path: Path,
) -> None:
    def code_version(text: str) -> str:
        return Workshop(tmp_path, text).table.code_version

    original = code_version(PLAYS)

    assert code_version(PLAYS.replace("team:radio", "team:tv")) == original
    assert code_version(PLAYS.replace("partitions:", "audit: {min_documents: 1}\npartitions:")) == original  # fmt: skip
    for old, new in [
        ("deduplicate: [play_id]", "deduplicate: [song_id]"),
        ("unmatched: keep", "unmatched: drop"),
        ("deduplicate:", "filter: seconds > 0\ndeduplicate:"),
        ("deduplicate:", "rename: {seconds: length}\ndeduplicate:"),
        ("seconds, type: int", "seconds, type: bigint"),
    ]:
        assert code_version(PLAYS.replace(old, new)) != original
