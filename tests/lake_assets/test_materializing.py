"""Materializing a declared table through Dagster: figures, checks, failures and the way back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

import dagster as dg
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.resources import lake_errors, lake_resources
from lake_assets.rollback import rollback_job
from resources.attempts import newest
from resources.compute.history import past_runs
from resources.errors import AuditFailed, CatalogBusy, DatabaseBusy
from resources.source_database import embedded
from spark.errors import LakeError
from tests.workshop import PLAYS, Workshop

FOUR, FIVE, SIX = (f"2024-05-01-{hour}" for hour in ("04", "05", "06"))
TABLE = ("raw/plays", "refined/plays", "catalog/plays")
LIMITED = PLAYS + "audit: {max_quarantined_share: 0.5}\n"
ALPHA = {"play_id": "alpha", "song_id": 1, "seconds": 10}
BETA = {"play_id": "beta", "song_id": 9, "seconds": None}

pytestmark = pytest.mark.usefixtures("spark")


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    workshop.have_songs()
    return workshop


def folder(key: str) -> str:
    return key.replace("-", "/")


TableRow = dict[str, str | int | float | bool | None]


def sampled(found: dict[str, object]) -> list[dg.TableRecord]:
    """The rows of a sample in metadata."""
    table = found["sample"]
    assert isinstance(table, dg.TableMetadataValue)
    return list(table.records)


def metadata(
    result: dg.ExecuteInProcessResult, asset: str, partition: str | None = None
) -> dict[str, object]:
    """What the materializations of one asset say, of one partition or of all, as plain values."""
    found: dict[str, object] = {}
    for event in result.get_asset_materialization_events():
        done = event.step_materialization_data.materialization
        if done.asset_key.to_user_string() == asset and partition in (None, done.partition):
            found |= {name: value.value for name, value in done.metadata.items()}
    return found


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    keys = (event.asset_key for event in result.get_asset_materialization_events())
    return {key.to_user_string() for key in keys if key is not None}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {each.check_name: each.passed for each in result.get_asset_check_evaluations()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What a person reads of the steps that failed."""
    assert not result.success
    events = [event for event in result.all_events if event.is_step_failure]
    return "\n".join(str(event.event_specific_data) for event in events)


def published(workshop: Workshop) -> list[tuple[object, ...]]:
    rows = workshop.query("SELECT play_id, title, hour FROM plays ORDER BY ALL")
    return [tuple(row.values()) for row in rows]


# --- One partition ---


def test_every_document_of_an_hour_is_accounted_for_in_its_metadata(workshop: Workshop) -> None:
    late = {**ALPHA, "play_id": "gamma", "mood": "sad"}
    workshop.deliver(folder(FIVE), "a.json", ALPHA, BETA, ALPHA, late, '{"play_id": "torn"')
    workshop.deliver(folder(FIVE), "b.json", {"song_id": 1}, {**ALPHA, "seconds": "ten"})

    result = workshop.materialize(TABLE, partition=FIVE)

    assert result.success
    assert published(workshop) == [
        ("alpha", "One", "05"),
        ("beta", None, "05"),
        ("gamma", "One", "05"),
    ]
    refined = metadata(result, "refined/plays")
    assert refined["published"] == refined["dagster/partition_row_count"] == 3
    assert refined["duplicates"] == refined["unmatched"] == 1
    assert refined["filtered"] == refined["dropped"] == 0
    quarantine = workshop.quarantined()
    assert refined["quarantined"] == len(quarantine)
    assert refined["documents"] == 4 + len(quarantine)
    assert "`mood`" in str(refined["unknown_keys"])
    assert "| published | 3 |" in str(refined["ledger"])
    assert next(iter(refined)) == "ledger"
    assert str(refined["size"]).endswith(" kB in 1 file")
    first = TableRow(play_id="alpha", song_id=1, seconds=10, title="One")
    assert dg.TableRecord(first) in sampled(refined)
    assert {str(row["source_object"]).rpartition("/")[2] for row in quarantine} == {
        "a.json",
        "b.json",
    }
    assert {row["reason"] for row in quarantine} >= {
        "play_id: required, but missing or null",
        "seconds: expected int, found ten",
    }
    shown = metadata(result, "catalog/plays")
    assert shown["dagster/row_count"] == 3
    assert shown["location"] == f"file://{workshop.root}/refined/plays"
    assert (shown["table_partitions"], shown["table_bytes"]) == (1, shown["bytes"])
    assert shown["last_published"] == shown["published_at"]
    assert str(shown["table"]).startswith("3 rows in 1 partition, ")
    assert dg.TableRecord(first | {"dt": "2024-05-01", "hour": "05"}) in sampled(shown)
    assert "| title | string | 33.3% | 1 | One | One | One (2) |" in str(shown["profile"])
    assert refined["duplicate_share"] == round(1 / (4 + len(quarantine)), 6)
    assert metadata(result, "raw/plays")["objects"] == 2
    assert set(checks(result).values()) == {True}


def test_a_partition_without_objects_is_published_empty_and_says_so(workshop: Workshop) -> None:
    result = workshop.materialize(TABLE, partition=FIVE)

    assert result.success
    assert published(workshop) == []
    assert workshop.lake.catalog.pointers("plays")[FIVE].rows == 0
    for asset in ("raw/plays", "refined/plays"):
        assert metadata(result, asset)["note"] == "No raw objects: the partition is empty."
    assert metadata(result, "catalog/plays")["dagster/partition_row_count"] == 0


def test_where_a_run_went_and_what_it_took_are_numbers_in_its_metadata(workshop: Workshop) -> None:
    workshop.deliver(folder(FIVE), "a.json", ALPHA, BETA)

    refined = metadata(workshop.materialize(TABLE, partition=FIVE), "refined/plays")

    assert refined["engine"] == "local"
    assert refined["engine_reason"] == "local: declared"
    assert "| local |" in str(refined["engines"])
    assert refined["cost_usd"] == refined["estimated_usd"] == 0.0
    for name in ("estimated_seconds", "seconds_running"):
        number = refined[name]
        assert isinstance(number, float)
        assert number > 0
    assert refined["partitions_of_run"] == 1
    [kept] = past_runs(workshop.lake.storage, "plays", "refined")
    assert (kept.run, kept.documents) == (refined["attempt"], 2)
    assert kept.input_bytes == refined["input_bytes_of_run"]


def test_an_engine_that_is_not_there_is_refused_before_anything_is_written(
    workshop: Workshop,
) -> None:
    result = workshop.materialize(TABLE, partition=FIVE, engine="glue")

    assert "found 'glue'; there are: local" in failure(result)
    assert newest(workshop.lake.storage, "plays", FIVE) is None


def test_a_rerun_gives_the_same_rows_in_another_attempt(workshop: Workshop) -> None:
    workshop.deliver(folder(FIVE), "a.json", ALPHA, BETA)

    first, second = (workshop.materialize(TABLE, partition=FIVE) for _ in range(2))

    assert published(workshop) == [("alpha", "One", "05"), ("beta", None, "05")]
    attempts = {str(metadata(each, "refined/plays")["attempt"]) for each in (first, second)}
    assert len(attempts) == 2


def test_raw_has_the_fingerprint_of_its_objects_as_data_version(workshop: Workshop) -> None:
    def version() -> str:
        result = workshop.materialize(["raw/plays"], partition=FIVE)
        (event,) = result.get_asset_materialization_events()
        tags = event.step_materialization_data.materialization.tags or {}
        return tags["dagster/data_version"]

    workshop.deliver(folder(FIVE), "a.json", ALPHA)
    workshop.deliver(folder(FIVE), "_SUCCESS", "")
    first, again = version(), version()
    fingerprint = workshop.lake.raw(workshop.table, [FIVE])[0].fingerprint
    workshop.deliver(folder(FIVE), "b.json", BETA)
    changed = version()

    assert first == again == fingerprint
    assert changed != first


# --- Several partitions ---


def test_a_range_is_one_attempt_with_figures_for_each_partition(workshop: Workshop) -> None:
    workshop.deliver(folder(FOUR), "a.json", ALPHA)
    workshop.deliver(folder(SIX), "a.json", ALPHA, BETA)

    result = workshop.materialize(TABLE, span=(FOUR, SIX))

    assert result.success
    figures = {key: metadata(result, "refined/plays", key) for key in (FOUR, FIVE, SIX)}
    assert [each["published"] for each in figures.values()] == [1, 0, 2]
    assert len({each["attempt"] for each in figures.values()}) == 1
    assert figures[FIVE]["note"] == "No raw objects: the partition is empty."
    read = [name for name in figures[SIX] if name in ("ledger", "ledger_of_run", "documents")]
    assert read == ["ledger", "ledger_of_run", "documents"]
    rows = [metadata(result, "catalog/plays", k)["dagster/partition_row_count"] for k in figures]
    assert rows == [1, 0, 2]
    assert [metadata(result, "raw/plays", key)["objects"] for key in figures] == [1, 0, 1]
    assert published(workshop) == [
        ("alpha", "One", "04"),
        ("alpha", "One", "06"),
        ("beta", None, "06"),
    ]


def test_one_bad_partition_of_a_range_stops_publishing_and_is_named(workshop: Workshop) -> None:
    workshop.declare(LIMITED)
    workshop.deliver(folder(FOUR), "a.json", ALPHA)
    bad = workshop.deliver(folder(FIVE), "a.json", ALPHA)
    workshop.materialize(TABLE, partition=FIVE)
    bad.write_text("{}{}{}")

    result = workshop.materialize(TABLE, span=(FOUR, FIVE))

    assert materialized(result) == {"raw/plays", "refined/plays"}
    found = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert [name for name, each in found.items() if not each.passed] == ["within_limits"]
    findings = str(found["within_limits"].metadata["findings"].value)
    assert f"`{FIVE}`: quarantined: 3 of 3 documents (100.00%), the limit is 50.00%" in findings
    assert FOUR not in findings
    assert "1 of 2 partitions" in str(found["within_limits"].description)
    assert published(workshop) == [("alpha", "One", "05")]

    alone = workshop.materialize(["catalog/plays"], partition=FIVE)
    assert "quarantined: 3 of 3 documents" in failure(alone)
    both = workshop.materialize(["catalog/plays"], span=(FOUR, FIVE))
    assert "quarantined: 3 of 3 documents" in failure(both)
    assert published(workshop) == [("alpha", "One", "05")]

    good = workshop.materialize(["catalog/plays"], partition=FOUR)
    assert good.success
    assert published(workshop) == [("alpha", "One", "04"), ("alpha", "One", "05")]


def test_a_day_is_refined_from_all_its_hours(workshop: Workshop) -> None:
    workshop.declare(PLAYS.replace("by: hour", "by: day"))
    workshop.deliver(folder(FOUR), "a.json", ALPHA)
    workshop.deliver(folder(FIVE), "a.json", ALPHA, BETA)

    result = workshop.materialize(TABLE, partition="2024-05-01")

    assert result.success
    assert workshop.query("SELECT play_id, dt FROM plays ORDER BY ALL") == [
        {"play_id": "alpha", "dt": "2024-05-01"},
        {"play_id": "beta", "dt": "2024-05-01"},
    ]
    assert metadata(result, "refined/plays")["duplicates"] == 1


def test_a_table_without_partitions_is_refined_from_all_there_is(workshop: Workshop) -> None:
    workshop.declare(PLAYS.replace("{by: hour, start: 2024-05-01, end: 2024-05-02}", "{by: none}"))
    workshop.deliver("anywhere", "a.json", ALPHA)
    workshop.deliver("elsewhere/at/all", "a.json", BETA)

    result = workshop.materialize(TABLE)

    assert result.success
    assert workshop.query("SELECT * FROM plays ORDER BY ALL") == [
        {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"},
        {"play_id": "beta", "song_id": 9, "seconds": None, "title": None},
    ]


# --- Rules ---


def test_every_rule_of_a_declaration_is_applied_and_counted(workshop: Workshop) -> None:
    rules = "filter: seconds IS NULL OR seconds > 0\ndrop: [song_id]\nrename: {title: name}\ncast: {seconds: string}\n"
    workshop.declare(PLAYS.replace("unmatched: keep", "unmatched: drop") + rules)
    silence = {**ALPHA, "play_id": "silence", "seconds": 0}
    workshop.deliver(folder(FIVE), "a.json", ALPHA, ALPHA, BETA, silence)

    result = workshop.materialize(TABLE, partition=FIVE)

    assert result.success
    assert workshop.query("SELECT * FROM plays") == [
        {"play_id": "alpha", "seconds": "10", "name": "One", "dt": "2024-05-01", "hour": "05"}
    ]
    refined = metadata(result, "refined/plays")
    assert {name: refined[name] for name in ("documents", "duplicates", "dropped", "filtered")} == {
        "documents": 4,
        "duplicates": 1,
        "dropped": 1,
        "filtered": 1,
    }


@pytest.fixture
def tidying() -> Iterator[ModuleType]:
    """A module for named transforms, whose sources `inspect` finds in this file."""
    module = ModuleType("tidying_of_assets")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def shout(df: DataFrame) -> DataFrame:
    return df.withColumn("title", F.upper("title")).withColumn("minutes", F.col("seconds") / 60)


def lose_a_row(df: DataFrame) -> DataFrame:
    return df.filter("play_id <> 'beta'")


def double_a_row(df: DataFrame) -> DataFrame:
    copies = F.when(F.col("play_id") == "beta", F.array(F.lit(1), F.lit(2)))
    return df.withColumn("copy", F.explode(F.coalesce(copies, F.array(F.lit(1)))))


def test_a_named_transform_adds_what_it_declares(workshop: Workshop, tidying: ModuleType) -> None:
    tidying.tidy = shout  # type: ignore[attr-defined]
    columns = "{function: 'tidying_of_assets:tidy', columns: [{name: minutes, type: double}]}"
    workshop.declare(f"{PLAYS}transform: {columns}\n")
    workshop.deliver(folder(FIVE), "a.json", {**ALPHA, "seconds": 90})

    result = workshop.materialize(TABLE, partition=FIVE)

    assert result.success
    assert workshop.query("SELECT title, minutes FROM plays") == [{"title": "ONE", "minutes": 1.5}]


@pytest.mark.parametrize("function", [lose_a_row, double_a_row])
def test_a_named_transform_that_changes_the_number_of_rows_is_caught(
    workshop: Workshop, tidying: ModuleType, function: object
) -> None:
    tidying.tidy = function  # type: ignore[attr-defined]
    workshop.declare(PLAYS + "transform: {function: 'tidying_of_assets:tidy'}\n")
    workshop.deliver(folder(FIVE), "a.json", ALPHA, BETA)

    result = workshop.materialize(TABLE, partition=FIVE)

    said = failure(result)
    assert "2 documents were read but" in said
    assert "named transform" in said
    assert workshop.lake.catalog.tables() == []
    alone = workshop.materialize(["catalog/plays"], partition=FIVE)
    assert "there is no attempt to publish" in failure(alone)


# --- The way back ---


def roll_back(workshop: Workshop, *partitions: str) -> dg.ExecuteInProcessResult:
    config = {"table": "plays", "partitions": list(partitions)}
    return rollback_job.execute_in_process(
        run_config={
            "ops": {"roll_back": {"config": config}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        resources=lake_resources(workshop.settings),
        instance=workshop.instance,
        raise_on_error=False,
    )


def test_the_rollback_job_shows_what_was_published_before(workshop: Workshop) -> None:
    raw = workshop.deliver(folder(FIVE), "a.json", ALPHA)
    before = workshop.materialize(TABLE, partition=FIVE)
    raw.write_text('{"play_id": "mistaken"}')
    workshop.materialize(TABLE, partition=FIVE)
    assert published(workshop) == [("mistaken", None, "05")]

    result = roll_back(workshop, FIVE)

    assert result.success
    assert published(workshop) == [("alpha", "One", "05")]
    (seen,) = [e for e in result.all_events if e.event_type_value == "ASSET_OBSERVATION"]
    observation = seen.asset_observation_data.asset_observation
    attempt = metadata(before, "refined/plays")["attempt"]
    assert observation.partition == FIVE
    assert observation.metadata["rolled_back_to"].value == attempt


def test_a_rollback_without_anything_to_go_back_to_fails_in_words(workshop: Workshop) -> None:
    workshop.deliver(folder(FIVE), "a.json", ALPHA)
    workshop.materialize(TABLE, partition=FIVE)

    result = roll_back(workshop, FIVE)

    assert "Nothing was rolled back" in failure(result)
    assert published(workshop) == [("alpha", "One", "05")]


def test_after_a_rollback_the_next_run_publishes_again(workshop: Workshop) -> None:
    raw = workshop.deliver(folder(FIVE), "a.json", ALPHA)
    workshop.materialize(TABLE, partition=FIVE)
    raw.write_text('{"play_id": "mistaken"}')
    workshop.materialize(TABLE, partition=FIVE)
    roll_back(workshop, FIVE)
    raw.write_text('{"play_id": "corrected"}')

    result = workshop.materialize(TABLE, partition=FIVE)

    assert result.success
    assert published(workshop) == [("corrected", None, "05")]


# --- References and errors ---


def test_a_reference_is_written_again_only_when_its_content_changes(
    workshop: Workshop, spark: SparkSession
) -> None:
    def load(rows: Sequence[tuple[int, str]]) -> None:
        songs = spark.createDataFrame(list(rows), "song_id int, title string")
        embedded(workshop.lake.database).load_table(spark, "SONGS", songs, ["song_id"])

    def snapshot() -> dict[str, object]:
        result = workshop.materialize(["reference/songs"])
        assert result.success
        return metadata(result, "reference/songs")

    load([(1, "One"), (2, "Two")])
    first, again = snapshot(), snapshot()
    load([(1, "One"), (2, "Zwei")])
    changed = snapshot()

    assert [each["changed"] for each in (first, again, changed)] == [True, False, True]
    assert first["version"] == again["version"] != changed["version"]
    assert [each["dagster/row_count"] for each in (first, again, changed)] == [2, 2, 2]


def test_a_table_whose_reference_was_never_taken_fails_with_what_to_do(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    workshop = Workshop(tmp_path_factory.mktemp("without"))

    result = workshop.materialize(TABLE, partition=FIVE)

    assert "reference/songs has never been materialized" in failure(result)
    assert not [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]


def test_a_database_that_is_not_there_fails_with_what_to_do(workshop: Workshop) -> None:
    result = workshop.materialize(["reference/songs"])

    assert "Load a table into it first" in failure(result)


@pytest.mark.parametrize("error", [DatabaseBusy("busy"), CatalogBusy("busy")])
def test_an_error_that_a_retry_can_cure_is_retried(error: LakeError) -> None:
    with pytest.raises(dg.RetryRequested), lake_errors():
        raise error


def test_an_error_that_no_retry_can_cure_fails_at_once_in_its_own_words() -> None:
    with pytest.raises(dg.Failure) as caught, lake_errors():
        raise AuditFailed("the audit found this")

    assert caught.value.description == "the audit found this"
    assert not caught.value.allow_retries


def test_an_error_of_the_code_itself_keeps_its_trace() -> None:
    with pytest.raises(ZeroDivisionError), lake_errors():
        raise ZeroDivisionError
