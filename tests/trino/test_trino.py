"""What Trino, and so Athena's engine, reads of tables published in Glue on S3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from resources.adoption import adopt, survey
from resources.aws import AwsSettings, aws_client
from resources.lake import Lake
from resources.settings import load_settings
from resources.storage import S3Storage
from tests.hive_table import COLUMNS, hours_of, write_hive_table
from tests.servers.needed import missing
from tests.servers.trino import Trino, trino_server
from tests.trino.publishing import FULL
from tests.workshop import PLAYS, Workshop

pytestmark = pytest.mark.trino
PROJECT = Path(__file__).parents[2]
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def environment(url: str) -> dict[str, str]:
    """A lake in the bucket `trino`, published in Glue's database `lake`."""
    return {
        "LAKE_ROOT": "s3://trino/a lake",
        "LAKE_CATALOG": "glue",
        "LAKE_READ_BACK": "duckdb",
        "LAKE_S3_ENDPOINT": url,
        "LAKE_GLUE_ENDPOINT": url,
        "LAKE_AWS_REGION": "us-east-1",
    }


@pytest.fixture(scope="module")
def trino(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """A server that reads the lake once the table of readings is published in it."""
    aws = AwsSettings(region="us-east-1", endpoints={"s3": moto_url, "glue": moto_url})
    with pytest.MonkeyPatch.context() as patch, trino_server(moto_url) as server:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        aws_client(aws, "s3").create_bucket(Bucket="trino")
        publish(tmp_path_factory.mktemp("readings"), moto_url)
        yield server


def publish(folder: Path, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.trino.publishing", str(folder)],
        cwd=PROJECT,
        env={**os.environ, **KEYS, **environment(url), "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if "unresolved dependency" in done.stdout + done.stderr:
        missing("Spark's packages for S3 could not be had from Maven Central")
    assert done.returncode == 0, done.stderr[-4000:]


def test_rows_of_each_partition_are_those_of_the_ledger(
    trino: Trino, moto_url: str, aws_settings: AwsSettings
) -> None:
    lake = Lake(load_settings(environment(moto_url)))
    pointers = lake.catalog.pointers("readings").values()
    ledgers = {tuple(each.values.values()): each.ledger["published"] for each in pointers}
    counted = trino.query("SELECT dt, hour, count(*) FROM lake.readings GROUP BY 1, 2")
    assert (
        {row[:2]: row[2] for row in counted}
        == ledgers
        == {
            ("2024-05-01", "05"): 2,
            ("2024-05-01", "06"): 1,
        }
    )


def test_every_type_comes_out_as_it_went_in(trino: Trino) -> None:
    [full] = trino.query("SELECT * FROM lake.readings WHERE id <> 'empty' AND hour = '05'")
    assert full == (
        FULL["id"],
        -7,
        9007199254740993,
        Decimal("-1234567890.05"),
        0.1,
        0.5,
        True,
        date(1969, 12, 31),
        datetime(2024, 5, 1, 5, 6, 7, 123456),  # noqa: DTZ001 - Glue's timestamp has no zone
        ["a", None, ""],
        ("Halle", -1),
        {"a": 1, "b": None},
        None,
        "2024-05-01",
        "05",
    )
    [empty] = trino.query("SELECT * FROM lake.readings WHERE id = 'empty'")
    assert empty == ("empty", *[None] * 12, "2024-05-01", "05")


def test_types_are_those_of_the_contract(trino: Trino) -> None:
    columns = {str(row[0]): row[1] for row in trino.query("DESCRIBE lake.readings")}
    assert columns == {
        "id": "varchar",
        "number": "bigint",
        "large": "bigint",
        "price": "decimal(12,2)",
        "ratio": "double",
        "share": "real",
        "is_new": "boolean",
        "day": "date",
        "at": "timestamp(6)",
        "tags": "array(varchar)",
        "place": "row(name varchar, floor integer)",
        "counts": "map(varchar, integer)",
        "note": "varchar",
        "dt": "varchar",
        "hour": "varchar",
    }


def test_a_column_added_or_widened_later_is_read_of_old_and_new_files(trino: Trino) -> None:
    found = trino.query(
        "SELECT id, number, note FROM lake.readings WHERE number IS NOT NULL ORDER BY hour"
    )
    assert found == [(FULL["id"], -7, None), ("late", 2**40, "n")]


def test_adopted_files_of_narrower_columns_are_read_where_they_lie(
    trino: Trino, moto_url: str, aws_settings: AwsSettings, tmp_path: Path
) -> None:
    old = S3Storage("trino", "old", aws_settings)
    rows = {"2024-05-01-05": [{"play_id": "a", "song_id": 1, "seconds": 2, "title": "One"}]}
    hive = write_hive_table(tmp_path / "old", rows, COLUMNS)
    for path in hive.rglob("*.parquet"):
        old.write(str(path.relative_to(hive)), path.read_bytes())
    text = PLAYS.replace("seconds, type: int", "seconds, type: bigint")
    workshop = Workshop(tmp_path / "work", text, environment=environment(moto_url))
    known = hours_of(datetime(2024, 5, 1, tzinfo=UTC))
    adopt(workshop.lake, workshop.table, survey(workshop.lake, workshop.table, old.root, known))
    assert trino.query("SELECT * FROM lake.plays") == [("a", 1, 2, "One", "2024-05-01", "05")]
