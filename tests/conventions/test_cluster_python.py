"""What is shipped to clusters runs on the oldest of them; and the check that says so can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.cluster_python import PACKAGES, offences, offences_below

ROOT = Path(__file__).resolve().parents[2]

FUTURE = "from __future__ import annotations\n"


def test_the_shipped_code_runs_on_every_cluster() -> None:
    found = [str(offence) for offence in offences_below(ROOT / "spark", ROOT)]

    assert not found, "clusters cannot run this:\n" + "\n".join(found)


def test_the_portable_tests_run_on_every_cluster() -> None:
    allowed = PACKAGES | {"pytest"}
    shared = [ROOT / "tests" / name for name in ("conftest.py", "packages.py", "spark/conftest.py")]

    found = [str(o) for o in offences_below(ROOT / "tests" / "spark" / "portable", ROOT, allowed)]
    for path in filter(Path.is_file, shared):
        source = path.read_text(encoding="utf-8")
        found += [str(o) for o in offences(path.relative_to(ROOT).as_posix(), source, allowed)]
    found = [each for each in found if "imports tests.packages;" not in each]

    assert not found, "`make spark-versions` cannot run this:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("import dagster\n", 1, "imports dagster; shipped code may import"),
        ("import dagster_pipes\n", 1, "imports dagster_pipes; shipped code may import"),
        ("from dagster_aws.s3 import S3Resource\n", 1, "imports dagster_aws.s3"),
        ("def f():\n    import boto3\n", 2, "imports boto3"),
        ("import resources.storage\n", 1, "imports resources.storage"),
        ("import numpy.typing as npt\n", 1, "imports numpy.typing"),
        ("import tomllib\n", 1, "imports tomllib, which Python 3.9 or 3.13 does not have"),
        ("import distutils.util\n", 1, "imports distutils.util, which Python 3.9 or 3.13"),
        ("from datetime import UTC\n", 1, "datetime.UTC came after Python 3.9"),
        ("import itertools\nitertools.pairwise([])\n", 2, "itertools.pairwise came after"),
        ("from typing import Self\n", 1, "typing.Self came after"),
        ("raise ExceptionGroup('', [])\n", 1, "ExceptionGroup came after"),
        ("zip(a, b, strict=True)\n", 1, "zip(strict=...) came after"),
        ("@dataclass(frozen=True, slots=True)\nclass A: ...\n", 1, "dataclass(slots=...)"),
        ("@dataclasses.dataclass(kw_only=True)\nclass A: ...\n", 1, "dataclass(kw_only=...)"),
        ("isinstance(x, int | str)\n", 1, "`int | str` is evaluated; outside annotations"),
        ("Maybe = Path | None\n", 1, "`Path | None` is evaluated"),
        ("Rows = list[int] | Other\n", 1, "`list[int] | Other` is evaluated"),
        ("error.add_note('')\n", 1, ".add_note() came after"),
        ("def f(x: int) -> int: ...\n", 1, "begin the module with `from __future__"),
    ],
)
def test_what_a_cluster_cannot_run_is_named_with_its_line(
    source: str, line: int, words: str
) -> None:
    found = offences("spark/example.py", source)

    assert any(o.line == line and words in str(o) for o in found), [str(o) for o in found]


@pytest.mark.parametrize(
    "source",
    [
        "match x:\n    case 1: pass\n",
        "try:\n    pass\nexcept* OSError:\n    pass\n",
        "def first[T](rows: list[T]) -> T: ...\n",
    ],
)
def test_newer_syntax_is_an_offence(source: str) -> None:
    (offence,) = offences("spark/example.py", source)

    assert "syntax that Python 3.9 does not have" in str(offence)


@pytest.mark.parametrize(
    "source",
    [
        "",
        '"""Only a docstring."""\n',
        FUTURE + "def f(x: int | None, y: list[str]) -> dict[str, int] | None: ...\n",
        FUTURE + "from pyspark.sql import functions as F\nimport json, zoneinfo, graphlib\n",
        FUTURE + "from py4j.protocol import Py4JJavaError\nfrom spark.spec import Spec\n",
        FUTURE + "if TYPE_CHECKING:\n    from typing import Self\n    A = int | None\n",
        "ok = is_flat | ~closes\nmerged = {'a': 1} | other\nname.removeprefix('x')\n",
        "zip(a, b)\n",
    ],
)
def test_what_every_cluster_can_run_is_let_through(source: str) -> None:
    assert offences("spark/example.py", source) == []
