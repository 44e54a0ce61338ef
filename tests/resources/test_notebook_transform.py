"""A function of a notebook as a module of its own, and what of it is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resources.cluster_python import offences
from resources.errors import NotebookRefused
from resources.notebook_transform import notebook_transform

IMPORTS = "from pyspark.sql import functions as F\nimport re, math\n"
TIDY = "def tidy(df):\n    return df.withColumn('minutes', F.col('seconds') / 60)\n"


def notebook(folder: Path, *cells: str | list[str]) -> Path:
    path = folder / "plays.ipynb"
    found = [{"cell_type": "code", "source": each} for each in cells]
    words = {"cell_type": "markdown", "source": "def tidy(df): words"}
    path.write_text(json.dumps({"nbformat": 4, "cells": [words, *found]}))
    return path


def refusal(folder: Path, *cells: str) -> str:
    with pytest.raises(NotebookRefused) as refused:
        notebook_transform(notebook(folder, *cells), "tidy", "plays")
    return str(refused.value)


def test_what_a_function_needs_comes_along_and_nothing_else(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        [f"%matplotlib inline\n{IMPORTS}", "lake = open_lake()\n"],
        "%%sql\nSELECT 1",
        "MINUTE: int = 60\nUNUSED = 1\nWORD = re.compile(r'\\w+')",
        "def _in_minutes(column):\n    return F.col(column) / MINUTE\n!ls",
        "def tidy(df):\n"
        "    return df.withColumn('minutes', _in_minutes('seconds'))\n"
        "tidy(lake.spark_table('plays')).show()",
        "this cell is no Python",
    )
    found = notebook_transform(path, "tidy", "plays")
    assert found.taken == ("MINUTE", "_in_minutes")
    assert found.text == (
        '"""The transform of table plays; it was made in plays.ipynb."""\n\n'
        "from __future__ import annotations\n\n"
        "from pyspark.sql import DataFrame\n"
        "from pyspark.sql import functions as F\n\n\n"
        "MINUTE: int = 60\n\n\n"
        "def _in_minutes(column):\n    return F.col(column) / MINUTE\n\n\n"
        "def tidy(df: DataFrame) -> DataFrame:\n"
        '    """Rows of plays as plays.ipynb made them."""\n'
        "    return df.withColumn('minutes', _in_minutes('seconds'))\n"
    )
    assert offences("", found.text) == []


def test_types_and_docstring_that_are_there_stay(tmp_path: Path) -> None:
    cell = (
        "from pyspark.sql import DataFrame as Frame, functions as F\nimport functools\n"
        "@functools.cache\n"
        "def tidy(é: Frame, *, digits: int = 2) -> Frame:\n"
        "    '''Ours.'''\n"
        "    return é.withColumn('x', F.lit(digits))\n"
    )
    text = notebook_transform(notebook(tmp_path, cell), "tidy", "plays").text
    assert text.endswith("\n".join(cell.split("\n")[2:]))
    assert "from pyspark.sql import DataFrame as Frame\n" in text
    assert "import functools\n" in text


def test_a_header_of_several_lines_gets_its_types(tmp_path: Path) -> None:
    cell = "def tidy(\n    é  # rows: all\n    , of={'a': 1}\n): return é\n"
    text = notebook_transform(notebook(tmp_path, cell), "tidy", "plays").text
    assert text.endswith(
        "def tidy(\n    é: DataFrame  # rows: all\n    , of={'a': 1}\n) -> DataFrame: return é\n"
    )


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["x = 1"], "expected a function 'tidy' at the top level of a cell, found no functions"),
        ([TIDY], "`tidy` uses `F`, which no cell defines"),
        (["from pyspark.sql.functions import *", TIDY], "a cell imports `*`; import by name"),
        (
            ["import pandas as pd", "def tidy(df):\n    return pd.x(df)"],
            "`tidy` uses `pd`, which cell 1 imports from pandas",
        ),
        (
            ["from . import beside", "def tidy(df):\n    return beside(df)"],
            "`beside`, which cell 1 imports from .;",
        ),
        (["def tidy(df):\n    import numpy\n    return df"], "imports numpy; shipped code may"),
        (
            ["tracks = lake.spark_table('t')", "def tidy(df):\n    return df.join(tracks, 'id')"],
            "`tracks` of cell 1, which is made by `lake.spark_table`",
        ),
        (
            ["def tidy(df):\n    return lake.spark_table('t').join(df)"],
            "`tidy` uses `lake`. A transform sees its table's rows only",
        ),
        (
            ["for n in (1, 2): pass", "def tidy(df):\n    return df.limit(n)"],
            "`n` of cell 1, which is neither a function, an import nor a constant",
        ),
        (
            ["import datetime", "NOW = datetime.datetime.now()", "def tidy(df):\n    return NOW"],
            "`NOW` of cell 2, which is made by `datetime.datetime.now`",
        ),
        (
            ["import os", "HOME = os.environ['HOME']", "def tidy(df):\n    return df.x(HOME)"],
            "`HOME` of cell 2, which is made by `os`",
        ),
        (
            ["A = 1", "A = 2", "def tidy(df):\n    return df.limit(A)"],
            "`A`, which `tidy` uses, is set more than once (cells 1 and 2)",
        ),
        (
            [IMPORTS, TIDY, TIDY.replace("60", "61")],
            "it is set more than once (cells 2 and 3)",
        ),
        (["def tidy(df, other):\n    return df"], "it takes 2 arguments; expected one"),
        (["def tidy(df):\n    yield df"], "it yields"),
        (["n = 0\ndef tidy(df):\n    global n\n    n += 1\n    return df"], "changes `n`"),
        (
            ["def tidy(df):\n    match df:\n        case _: return df"],
            "syntax that Python 3.9 does not have",
        ),
        (["def tidy(df):\n    return list(zip(df, df, strict=True))"], "zip(strict=...)"),
        (["def tidy(df)\n    return df"], "cell 1 is no Python: line 1: expected ':'"),
    ],
)
def test_what_cannot_run_on_a_cluster_is_refused_by_name(
    tmp_path: Path, cells: list[str], words: str
) -> None:
    assert words in refusal(tmp_path, *cells)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, "def tidy(a, b):\n    return here(there)")
    assert all(each in said for each in ("2 arguments", "`here`", "`there`", "Nothing was changed"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "found no file"),
        ("{", "expected a Jupyter notebook of format 4, found Expecting"),
        ('{"nbformat": 3, "worksheets": []}', "found nbformat 3"),
        ("[]", "found nbformat None"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "plays.ipynb"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NotebookRefused, match=words):
        notebook_transform(path, "tidy", "plays")
