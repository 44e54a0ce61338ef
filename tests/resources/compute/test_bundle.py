"""What is shipped to an engine: the same bytes everywhere, at an address that is their hash."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from resources.compute.bundle import make_bundle, require_shipped, ship
from resources.compute.runtimes import EMR_RELEASES, GLUE_RELEASES, require_runtime
from resources.errors import EngineError, SettingsError
from resources.folder import FolderStorage
from spark.spec import CleanSpec, TransformSpec
from tests.resources.compute.jobs import refine_of

PROJECT = Path(__file__).parents[3]


def test_the_same_source_gives_the_same_bytes_whenever_it_was_written() -> None:
    before = make_bundle()
    path = PROJECT / "spark" / "spec.py"
    modified = path.stat().st_mtime
    os.utime(path, (modified - 1e6, modified - 1e6))
    try:
        assert make_bundle() == before
    finally:
        os.utime(path, (modified, modified))


def test_a_bundle_holds_what_the_job_imports_and_nothing_of_dagster(tmp_path: Path) -> None:
    bundle = make_bundle()
    (tmp_path / "lake.zip").write_bytes(bundle.archive)
    (tmp_path / "job.py").write_bytes(bundle.entry_point)
    # Nothing installed is on the path but PySpark, beside what was shipped.
    code = (
        "import sys, runpy; sys.path[:] = [p for p in sys.path if 'site-packages' not in p];"
        f"sys.path[:0] = ['lake.zip', {str(_pyspark_alone(tmp_path))!r}];"
        "runpy.run_path('job.py', run_name='job'); print('dagster' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "False\n", done.stderr


def test_a_bundle_holds_no_compiled_file_and_no_time() -> None:
    with zipfile.ZipFile(io.BytesIO(make_bundle().archive)) as archive:
        members = archive.infolist()

    assert {each.date_time for each in members} == {(1980, 1, 1, 0, 0, 0)}
    assert [each.filename for each in members] == sorted(each.filename for each in members)
    assert all(each.filename.endswith(".py") for each in members)
    assert "spark/refining.py" in {each.filename for each in members}


def test_a_bundle_is_uploaded_once(tmp_path: Path) -> None:
    storage, bundle = FolderStorage(tmp_path), make_bundle()
    first = ship(storage, bundle)
    written = {info.key: info.modified for info in storage.list("code/")}

    assert ship(storage, bundle) == first
    assert {info.key: info.modified for info in storage.list("code/")} == written
    assert set(written) == {f"code/{bundle.digest}/{name}" for name in ("lake.zip", "job.py")}


def test_a_transform_that_is_not_shipped_is_refused_before_anything_starts() -> None:
    spec = replace(refine_of(), clean=CleanSpec(TransformSpec("ours.songs:clean"), (), {}, {}))

    with pytest.raises(EngineError, match=r"'ours.songs:clean'\. Move the function there"):
        require_shipped(spec)


@pytest.mark.parametrize(
    ("release", "known", "spark"),
    [
        ("emr-7.13.0", EMR_RELEASES, "3.5"),
        ("emr-spark-8.0.0", EMR_RELEASES, "4.0"),
        ("5.1", GLUE_RELEASES, "3.5"),
        ("6.0", GLUE_RELEASES, "4.1"),
    ],
)
def test_a_release_is_known_by_its_spark(
    release: str, known: dict[str, object], spark: str
) -> None:
    assert require_runtime("LAKE_X", release, known).spark == spark  # type: ignore[arg-type]


def test_a_release_whose_spark_is_too_old_is_refused_with_those_that_do() -> None:
    with pytest.raises(SettingsError, match=r"LAKE_EMR_RELEASE.*'emr-6.15.0'.*emr-7\."):
        require_runtime("LAKE_EMR_RELEASE", "emr-6.15.0", EMR_RELEASES)


def _pyspark_alone(folder: Path) -> Path:
    import py4j  # noqa: PLC0415 - beside PySpark wherever that is
    import pyspark  # noqa: PLC0415

    packages = folder / "packages"
    packages.mkdir()
    for module in (py4j, pyspark):
        origin = Path(str(module.__file__)).parent
        (packages / origin.name).symlink_to(origin)
    return packages
