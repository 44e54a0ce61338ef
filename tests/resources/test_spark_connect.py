"""The same calls of a notebook over a real Spark Connect server, and what happens when it goes away.

Spark's client marks the process that it runs in, so that the notebook is a process of its own here:
IPython's shell runs its cells, as a kernel does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.errors import SettingsError
from resources.spark_connect import connected
from tests.servers.needed import missing
from tests.servers.ports import free_port
from tests.servers.spark_connect import SparkConnect, spark_connect
from tests.workshop import PyArrowCompute, Row, Workshop

pytestmark = [pytest.mark.slow, pytest.mark.notebook]

ROOT = Path(__file__).parents[2]
FIVE, SIX = "2024-05-01-05", "2024-05-01-06"
ALPHA: Row = {"play_id": "alpha", "song_id": 1, "seconds": 10, "title": "One"}
BETA: Row = {"play_id": "beta", "song_id": None, "seconds": None, "title": None}
#: Cells are read a line at a time, as JSON, and what they print is answered likewise.
KERNEL = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        shell.run_cell(json.loads(line))
    print(json.dumps(said.getvalue()), flush=True)
"""


class Notebook:
    """A process that runs cells one after another."""

    def __init__(self, workshop: Workshop) -> None:
        environment = {
            **os.environ,
            "LAKE_ROOT": str(workshop.root),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "IPYTHONDIR": str(workshop.root / "ipython"),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", KERNEL], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, cell: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(textwrap.dedent(cell)) + "\n")
        self._process.stdin.flush()
        return str(json.loads(self._process.stdout.readline()))

    def end(self) -> None:
        for each in (self._process.stdin, self._process.stdout):
            if each is not None:
                each.close()
        self._process.wait(60)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "lake")
    made.have_songs()
    for key, rows in ((FIVE, [ALPHA]), (SIX, [BETA])):
        made.lake.refine(PyArrowCompute({key: rows}), made.table, [key])
        made.lake.publish(made.table, [key])
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SparkConnect]:
    try:
        import grpc_status  # noqa: F401, PLC0415 of the extra `notebook`
        import pandas  # noqa: F401, ICN001, PLC0415
    except ImportError as error:
        missing(f"{error}: make test-notebooks installs it")
    with spark_connect(tmp_path / "server") as started:
        yield started


@pytest.fixture
def notebook(workshop: Workshop) -> Iterator[Notebook]:
    made = Notebook(workshop)
    yield made
    made.end()


def test_a_notebook_over_a_server_outlives_it(
    workshop: Workshop, server: SparkConnect, notebook: Notebook, tmp_path: Path
) -> None:
    opened = notebook.run(
        f"""
        from lake_assets.notebook import open_lake
        lake = open_lake(spark="{server.address}")
        kept = 42
        plays = lake.spark_table("plays")
        print(type(plays).__module__, plays.columns)
        print([tuple(row) for row in plays.orderBy("play_id").collect()])
        print(lake.spark_table("plays", ["{SIX}"]).count(), lake.spark_table("plays", ["no"]).count())
        print(lake.spark_reference("songs").count())
        query = "SELECT s.title FROM plays p JOIN reference_songs s USING (song_id)"
        lake.spark_table("plays")
        print([row.title for row in lake.spark.sql(query).collect()])
        print(plays.toPandas().shape)
        """
    )
    assert opened.splitlines() == [
        "pyspark.sql.connect.dataframe ['play_id', 'song_id', 'seconds', 'title', 'dt', 'hour']",
        "[('alpha', 1, 10, 'One', '2024-05-01', '05'), "
        "('beta', None, None, None, '2024-05-01', '06')]",
        "1 0",
        "2",
        "['One']",
        "(2, 6)",
    ]

    server.kill()
    lost = notebook.run("plays.count()")
    assert f"EngineUnavailable: Expected the Spark Connect server at {server.address}" in lost
    assert "run the cells again" in lost
    assert len(lost) < 1500
    assert "EngineUnavailable: Expected the Spark Connect" in notebook.run(
        "lake.spark_table('plays')"
    )
    assert notebook.run("print(kept, lake.table('plays').count('*').fetchall())") == "42 [(2,)]\n"

    with spark_connect(tmp_path / "again", server.port):
        assert notebook.run("print(lake.spark_table('plays').count(), kept)") == "2 42\n"
        gone = notebook.run("plays.count()")
        assert "EngineUnavailable" in gone or "closed" in gone
        wrong = notebook.run("lake.spark.sql('SELECT nothing FROM plays').show()")
        assert "UNRESOLVED_COLUMN" in wrong
        assert "EngineUnavailable" not in wrong


@pytest.mark.parametrize("address", ["127.0.0.1:15002", "sc://", "http://a:1", "sc://a:no", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"as sc://127\.0\.0\.1:15002, found"):
        connected(address)


def test_a_server_that_is_not_there_is_said_in_a_sentence(notebook: Notebook) -> None:
    said = notebook.run(
        f"""
        from lake_assets.notebook import open_lake
        open_lake(spark="sc://127.0.0.1:{free_port()}").spark
        """
    )
    assert "EngineUnavailable: Expected the Spark Connect server at sc://127.0.0.1" in said
