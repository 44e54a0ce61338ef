"""The command `lake` on a lake that an engine without Spark filled."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from lake_assets.cli import app
from lake_assets.declared import Declared, declared_tables
from lake_assets.materialize import Wanted, changed
from lake_assets.partitions import partitions_def
from resources.catalog.local import LocalCatalog
from resources.lake import Refined
from resources.settings import load_settings
from spark.ledger import Ledger
from tests.workshop import PyArrowCompute, Row, Workshop

FIVE, SIX, SEVEN = "2024-05-01-05", "2024-05-01-06", "2024-05-01-07"
PLAYS: list[Row] = [
    {"play_id": "a", "song_id": 1, "seconds": 30, "title": "One"},
    {"play_id": "b", "song_id": None, "seconds": None, "title": None},
]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """The lake that the command finds, with the reference in it and nothing else."""
    workshop = Workshop(tmp_path / "lake")
    workshop.have_songs()
    monkeypatch.setenv("LAKE_ROOT", str(workshop.root))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("COLUMNS", "400")
    return workshop


def lake(*arguments: str, said: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=said)


def refine(workshop: Workshop, key: str, rows: Sequence[Row], ledger: Ledger | None) -> Refined:
    compute = PyArrowCompute(rows={key: rows}, ledgers={key: ledger} if ledger else {})
    return workshop.lake.refine(compute, workshop.table, [key])[0]


def publish(workshop: Workshop, key: str, rows: Sequence[Row], ledger: Ledger | None = None) -> str:
    """Publish rows for a partition; returns the attempt."""
    attempt = refine(workshop, key, rows, ledger).verdict.attempt
    workshop.lake.publish(workshop.table, [key])
    return attempt


def put_in_quarantine(workshop: Workshop, attempt: str, hour: str, reasons: Sequence[str]) -> None:
    rows = [
        {"document": f'{{"n": {n}}}', "reason": reason, "source_object": "a.gz", "position": n}
        for n, reason in enumerate(reasons)
    ]
    folder = workshop.root / f"quarantine/plays/attempt={attempt}/dt=2024-05-01/hour={hour}"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "part-0.parquet")


def test_tables_lists_what_is_published(workshop: Workshop) -> None:
    publish(workshop, FIVE, PLAYS)
    publish(workshop, SIX, PLAYS[:1])

    found = lake("tables")

    assert found.exit_code == 0
    [line] = [line for line in found.stdout.splitlines() if line.strip().startswith("plays")]
    assert line.split()[:3] == ["plays", "2", "3"]
    assert line.split()[-1] == (workshop.root / "refined" / "plays").as_uri()


def test_tables_of_an_empty_lake_says_what_to_do(workshop: Workshop) -> None:
    found = lake("tables")

    assert found.exit_code == 0
    assert "lake materialize TABLE" in found.stdout


def test_sql_shows_a_table_and_how_many_rows_it_has(workshop: Workshop) -> None:
    publish(workshop, FIVE, PLAYS)

    found = lake("sql", "select play_id, title, hour from plays order by play_id")

    assert [line.split() for line in found.stdout.splitlines() if "05" in line] == [
        ["a", "One", "05"],
        ["b", "null", "05"],
    ]
    assert "2 rows" in found.stdout


def test_sql_says_when_there_are_more_rows_than_it_shows(workshop: Workshop) -> None:
    some = lake("sql", "from range(60)")
    fewer = lake("sql", "from range(60)", "--limit", "3")
    everything = lake("sql", "from range(60)", "--limit", "0")

    assert "the first 50 rows; there are more" in some.stdout
    assert "the first 3 rows; there are more" in fewer.stdout
    assert "\n60 rows" in everything.stdout


def test_sql_writes_csv_and_json_whole_and_readable_by_machines(workshop: Workshop) -> None:
    query = (
        "select range n, null nothing, 1.50::decimal(4,2) d, [1, 2] list, {'a': date '2024-05-01'} s,"
        " 'a,\"b' text, 'ab'::blob bytes, 'nan'::double nan from range(60)"
    )

    as_json = json.loads(lake("sql", query, "--format", "json").stdout)
    as_csv = list(csv.DictReader(io.StringIO(lake("sql", query, "--format", "csv").stdout)))

    assert len(as_json) == len(as_csv) == 60
    assert as_json[1] == {
        "n": 1,
        "nothing": None,
        "d": "1.50",
        "list": [1, 2],
        "s": {"a": "2024-05-01"},
        "text": 'a,"b',
        "bytes": "YWI=",
        "nan": None,
    }
    assert as_csv[1]["text"] == 'a,"b'
    assert as_csv[1]["list"] == "[1, 2]"
    assert as_csv[1]["nothing"] == ""


def test_show_has_columns_ledger_partitions_and_place(workshop: Workshop) -> None:
    ledger = Ledger(documents=3, published=2, duplicates=1, unmatched={"songs": 1})
    publish(workshop, FIVE, PLAYS, ledger)

    shown = lake("show", "plays").stdout

    assert "A song that somebody listened to." in shown
    assert ["play_id", "string", "not", "null", "Identifies", "a", "play.", "a", "b"] in [
        line.split() for line in shown.splitlines()
    ]
    assert "duplicates" in shown
    assert "of these without a row in songs" in shown
    assert f"1, {FIVE} to {FIVE}" in shown
    assert "team:radio" in shown


def test_show_compares_the_latest_partitions(workshop: Workshop) -> None:
    ledger = Ledger(documents=4, published=2, duplicates=1, quarantined={"torn": 1})
    publish(workshop, FIVE, PLAYS, ledger)
    publish(workshop, SIX, PLAYS[:1])

    lines = lake("show", "plays").stdout.splitlines()

    five, six = (
        next(line.split() for line in lines if line.strip().startswith(key)) for key in (FIVE, SIX)
    )
    assert five[:3] == [FIVE, "2", "█" * 20]
    assert six[:3] == [SIX, "1", "█" * 10]
    assert {"25.00%"} == {each for each in five if each.endswith("%")}
    assert not any(each.endswith("%") for each in six)
    only = lake("show", "plays", "--last", "1").stdout
    assert not any(line.strip().startswith(FIVE) for line in only.splitlines())


def test_show_profiles_the_columns_when_asked(workshop: Workshop) -> None:
    publish(workshop, FIVE, [PLAYS[0], {**PLAYS[1], "play_id": "a"}])

    shown = lake("show", "plays", "--profile").stdout

    rows = [line.split() for line in shown.splitlines()]
    assert ["play_id", "string", "0.0%", "1", "a", "a", "a", "(2)"] in rows
    assert ["seconds", "int", "50.0%", "1", "30", "30"] in rows
    assert "Of all 2 rows." in shown
    assert "0.0%" not in lake("show", "plays").stdout


def test_history_marks_the_current_version(workshop: Workshop) -> None:
    old = publish(workshop, FIVE, PLAYS)
    new = publish(workshop, FIVE, PLAYS[:1])

    lines = [line for line in lake("history", "plays", FIVE).stdout.splitlines() if "UTC" in line]

    assert [("current" in line, new in line, old in line) for line in lines] == [
        (True, True, False),
        (False, False, True),
    ]


def test_history_says_that_the_newest_attempt_failed_its_audit(workshop: Workshop) -> None:
    publish(workshop, FIVE, PLAYS)
    refine(workshop, FIVE, PLAYS, Ledger(documents=9, published=9))

    shown = lake("history", "plays", FIVE).stdout

    assert "failed its audit and was not published" in shown


def test_rollback_shows_both_versions_and_asks(workshop: Workshop) -> None:
    old = publish(workshop, FIVE, PLAYS)
    new = publish(workshop, FIVE, PLAYS[:1])

    refused = lake("rollback", "plays", FIVE, said="n\n")
    before = workshop.query("select count(*) n from plays")
    agreed = lake("rollback", "plays", FIVE, said="y\n")

    assert refused.exit_code == 1
    assert before == [{"n": 1}]
    assert agreed.exit_code == 0
    assert [FIVE, "1", "2", new, old] in [line.split() for line in agreed.stdout.splitlines()]
    assert workshop.query("select count(*) n from plays") == [{"n": 2}]


def test_rollback_does_not_ask_when_told_so(workshop: Workshop) -> None:
    publish(workshop, FIVE, PLAYS)
    publish(workshop, FIVE, PLAYS[:1])

    done = lake("rollback", "plays", FIVE, FIVE, "--yes")

    assert done.exit_code == 0
    assert "Roll back?" not in done.stdout
    assert workshop.query("select count(*) n from plays") == [{"n": 2}]


def test_rollback_says_where_not_all_partitions_change_at_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows in (PLAYS, PLAYS[:1]):
        for key in (FIVE, SIX):
            publish(workshop, key, rows)
    monkeypatch.setattr(LocalCatalog, "moved_together", 1)

    asked = lake("rollback", "plays", FIVE, SIX, said="n\n")
    of_one = lake("rollback", "plays", FIVE, said="n\n")

    assert "Readers see 1 partitions change at a time" in asked.output
    assert "change at a time" not in of_one.output


def test_a_rollback_shows_in_the_ui(workshop: Workshop) -> None:
    old = publish(workshop, FIVE, PLAYS)
    publish(workshop, FIVE, PLAYS[:1])

    lake("rollback", "plays", FIVE, "--yes")

    with dg.DagsterInstance.get() as instance:
        seen = instance.fetch_observations(dg.AssetKey(["catalog", "plays"]), limit=5).records
    assert [each.partition_key for each in seen] == [FIVE]
    assert seen[0].asset_observation is not None
    assert seen[0].asset_observation.metadata["rolled_back_to"].value == old


def test_rollback_of_several_partitions_is_all_or_none(workshop: Workshop) -> None:
    publish(workshop, FIVE, PLAYS)
    publish(workshop, FIVE, PLAYS[:1])
    publish(workshop, SIX, PLAYS)

    done = lake("rollback", "plays", FIVE, SIX, "--yes")

    assert done.exit_code == 1
    assert SIX in done.stderr
    assert workshop.query("select count(*) n from plays") == [{"n": 3}]


def test_quarantine_counts_reasons_and_shows_samples(workshop: Workshop) -> None:
    two = Ledger(documents=4, published=2, quarantined={"seconds: expected int": 2})
    one = Ledger(documents=4, published=2, quarantined={"seconds: expected int": 1, "not JSON": 1})
    said = "seconds: expected int, found hot"
    put_in_quarantine(workshop, publish(workshop, FIVE, PLAYS, two), "05", [said, said])
    put_in_quarantine(workshop, publish(workshop, SIX, PLAYS, one), "06", [said, "not JSON"])

    shown = lake("quarantine", "plays", "--samples", "2")
    narrow = lake("quarantine", "plays", "--partition", SIX, "--samples", "0")

    counts = [line.rsplit(maxsplit=2) for line in shown.stdout.splitlines() if "not JSON " in line]
    assert counts == [[" not JSON", "1", "1"]]
    assert shown.stdout.count("seconds: expected int, found hot") == 2
    assert shown.stdout.count("a.gz, position") == 3
    assert "a.gz" not in narrow.stdout
    assert ["seconds:", "expected", "int", "1", "1"] in [
        line.split() for line in narrow.stdout.splitlines()
    ]


def test_quarantine_shows_attempts_that_failed_their_audit_too(workshop: Workshop) -> None:
    refine(workshop, FIVE, PLAYS, Ledger(documents=3, published=3))

    shown = lake("quarantine", "plays").stdout

    assert "Nothing is quarantined in the newest attempts of 1 partition(s)." in shown
    assert f"{FIVE}: failed its audit, not published: " in shown


def test_cleanup_lists_and_removes_only_when_told_to(workshop: Workshop) -> None:
    attempts = [publish(workshop, FIVE, PLAYS) for _ in range(3)]
    folder = workshop.root / "refined" / "plays" / f"attempt={attempts[0]}"

    young = lake("cleanup", "--keep-previous", "1")
    listed = lake("cleanup", "--keep-previous", "1", "--older-than", "0m")
    was_there = folder.is_dir()
    removed = lake("cleanup", "--keep-previous", "1", "--older-than", "0m", "--remove")

    assert "Would remove 0 objects" in young.stdout
    assert f"attempt={attempts[0]}" in listed.stdout
    assert f"attempt={attempts[1]}" not in listed.stdout
    assert "Nothing was removed: add --remove." in listed.stdout
    assert was_there
    assert "Removed 1 objects" in removed.stdout
    assert list(folder.rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "songs"], "found 'songs'. There are: 'plays'"),
        (["history", "songs", FIVE], "found 'songs'. There are: 'plays'"),
        (["history", "plays", SEVEN], f"There are {FIVE} to {FIVE}"),
        (["rollback", "songs", FIVE, "--yes"], "found 'songs'. There are: 'plays'"),
        (["rollback", "plays", FIVE, "--yes"], "there is none for partition"),
        (["quarantine", "songs"], "found 'songs'. There are: 'plays'"),
        (["quarantine", "plays", "--partition", SEVEN], f"found '{SEVEN}'"),
        (["sql", "select nothing from plays"], "nothing"),
        (["sql", ""], "query that gives rows"),
        (["cleanup", "--older-than", "yesterday"], "90m, 12h, 7d or 2w"),
        (["materialize", "plays"], "found 'plays'. There are: activity"),
        (
            ["materialize", "activity", "--partition", "noon"],
            "found 'noon'; there are 2026-11-01-00",
        ),
        (["materialize", "activity", "--partition", FIVE, "--partitions", FIVE], "found both"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_expected_error_is_one_message_and_exit_code_1(
    workshop: Workshop, arguments: list[str], said: str
) -> None:
    publish(workshop, FIVE, PLAYS)

    found = lake(*arguments)

    assert found.exit_code == 1
    assert found.stderr.startswith("lake: ")
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_a_setting_that_cannot_work_is_an_expected_error(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_KEEP_PREVIOUS", "many")

    found = lake("tables")

    assert found.exit_code == 1
    assert found.stderr.startswith("lake: LAKE_KEEP_PREVIOUS: ")


def test_looking_at_a_lake_does_not_wait_for_dagster_to_be_imported(workshop: Workshop) -> None:
    publish(workshop, FIVE, PLAYS)
    code = (
        "import sys; from lake_assets.cli import app; app(['sql', 'from plays'], standalone_mode=False);"
        "sys.exit([m for m in ('dagster', 'pandas') if m in sys.modules] != [])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_only_partitions_that_changed_are_materialized(workshop: Workshop) -> None:
    declared = Declared(
        workshop.table, partitions_def(workshop.model.partitions, workshop.model.automation)
    )
    for hour in ("05", "06"):
        workshop.deliver(f"2024/05/01/{hour}", "a.json", {"play_id": hour})
    publish(workshop, FIVE, PLAYS)
    everywhere, named = Wanted(), Wanted(FIVE, SEVEN)

    assert changed(workshop.lake, declared, everywhere) == [SIX]
    assert changed(workshop.lake, declared, named) == [SIX, SEVEN]
    assert changed(workshop.lake, declared, Wanted(everything=True)) == [FIVE, SIX]

    workshop.deliver("2024/05/01/05", "b.json", {"play_id": "late"})
    assert changed(workshop.lake, declared, everywhere) == [FIVE, SIX]


def test_partitions_whose_raw_objects_are_gone_are_seen_as_changed(workshop: Workshop) -> None:
    declared = Declared(
        workshop.table, partitions_def(workshop.model.partitions, workshop.model.automation)
    )
    path = workshop.deliver("2024/05/01/05", "a.json", {"play_id": "a"})
    publish(workshop, FIVE, PLAYS)

    path.unlink()

    assert changed(workshop.lake, declared, Wanted()) == [FIVE]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((None, None), Wanted()),
        ((FIVE, None), Wanted(FIVE, FIVE)),
        ((None, f"{FIVE}...{SEVEN}"), Wanted(FIVE, SEVEN)),
        ((None, FIVE), Wanted(FIVE, FIVE)),
    ],
    ids=["everywhere", "one", "a range", "a range of one"],
)
def test_partitions_are_named_one_by_one_or_as_a_range(
    given: tuple[str | None, str | None], wanted: Wanted
) -> None:
    assert Wanted.of(*given, everything=False) == wanted


def test_the_declared_tables_are_those_of_the_code_location() -> None:
    tables = declared_tables()

    assert tables["activity"].keys()[0] == "2026-11-01-00"
    assert len(tables["activity"].keys()) == 72
    assert [join.reference.name for join in tables["activity"].table.joins] == ["tracks"]


def test_the_settings_of_the_tests_are_those_of_the_command(workshop: Workshop) -> None:
    assert load_settings().root == workshop.settings.root
