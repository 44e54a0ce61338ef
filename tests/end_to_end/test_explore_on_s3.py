"""A notebook's files on S3, through Spark's S3A connector, in a process that starts with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resources.aws import AwsSettings, aws_client
from resources.s3 import S3Storage
from resources.scratch import saved_results

EXPLORING = """
import json, sys
from lake_assets.notebook import open_lake
from resources.errors import StorageError

lake = open_lake()
place = f"{lake.settings.raw_root}/danji"
told = {}
try:
    lake.files(place)
except StorageError as error:
    told["refused"] = str(error)
frame = lake.files(place, encoding="CP949", columns={"code": "string", "name": "string"})
address = lake.save(frame, "danji", "orc")
told["saved"] = address
told["read"] = sorted(tuple(row) for row in lake.files(address).collect())
lake.save(lake.connection.sql("SELECT 1 AS id"), "ones")
told["listed"] = lake.scratch().project("name, files").order("name").fetchall()
print(json.dumps(told))
"""


@pytest.mark.big
def test_files_are_read_from_s3_and_results_saved_there(
    aws_settings: AwsSettings, tmp_path: Path
) -> None:
    lake, raw = S3Storage("notes", "a lake", aws_settings), S3Storage("notes", "in", aws_settings)
    aws_client(aws_settings, "s3").create_bucket(Bucket="notes")
    raw.write("danji/a.csv", "code,name\nA1,더샾\n".encode("cp949"))
    done = subprocess.run(
        [sys.executable, "-c", EXPLORING],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "LAKE_ROOT": lake.root,
            "LAKE_RAW_ROOT": raw.root,
            "LAKE_LOCAL_FOLDER": str(tmp_path),
            "LAKE_S3_ENDPOINT": aws_settings.endpoints["s3"],
            "LAKE_AWS_REGION": "us-east-1",
            "LAKE_SPARK_MASTER": "local[2]",
            "LAKE_SPARK_MEMORY": "1g",
        },
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert "line 2 of s3://notes/in/danji/a.csv" in told["refused"]
    assert told["saved"].startswith("s3://notes/a lake/_scratch/danji/save=")
    assert told["read"] == [["A1", "더샾"]]
    there = [info.key for info in lake.list("_scratch/")]
    assert told["listed"] == [["danji", 1], ["ones", 1]], there
    assert [each.name for each in saved_results(lake)] == ["danji", "ones"]
