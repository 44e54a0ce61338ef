"""The environments of `make spark-versions`: one for each Spark that the code is shipped to.

Each is installed from a lock of its own with nothing but Spark, boto3 and pytest, and made again
when its lock changes. What runs in them is not known here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class MatrixError(Exception):
    """Something other than a test or a difference: what is missing, and what to do."""


@dataclass(frozen=True)
class Environment:
    """One Spark: the folder of its virtual environment, and the Pythons to try, best first.

    Where `CI` is set, an environment that `needs_best` is made with the first or not at all. The
    project's own environment needs no making and names neither.
    """

    spark: str
    folder: str = ""
    pythons: tuple[str, ...] = ()
    needs_best: bool = False

    @property
    def lock(self) -> Path:
        return ROOT / "scripts" / "locks" / f"spark{self.spark.replace('.', '')}.lock"


# EMR 7.13 runs Spark 3.5 on Python 3.9, so that is the one to try it on. The last is the baseline
# that the others are compared with.
ENVIRONMENTS = (
    Environment("3.5", ".venv-spark35", ("3.9", "3.11", "3.10", "3.12", "3.13"), needs_best=True),
    Environment("4.0", ".venv-spark40", ("3.11", "3.12", "3.13", "3.10")),
    Environment("4.1"),
)


def interpreters(version: str) -> Iterator[Path]:
    """Where a Python of this version may be: on PATH, then among pyenv's, then among uv's."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted((pyenv / "versions").glob(f"{version}.*/bin/python"), reverse=True)
    data = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    of_uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", data / "uv" / "python"))
    yield from sorted(of_uv.glob(f"cpython-{version}.*/bin/python{version}"), reverse=True)
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        yield Path(sys.executable)


def find_python(environment: Environment) -> Path:
    """The first interpreter that really is of one of the versions and can make environments.

    uv, if it is there, is asked for a first version that is needed and missing. Without it, a
    laptop makes do with another, and CI does not.
    """
    best, *others = environment.pythons
    found = _usable(best)
    if found is None and environment.needs_best:
        found = _usable(best) if _installed_by_uv(best) else None
        if found is None:
            say(f"Spark {environment.spark} is NOT TRIED on Python {best}, which is not there")
    if found is None and not (environment.needs_best and os.environ.get("CI")):
        found = next(filter(None, map(_usable, others)), None)
    if found is None:
        raise MatrixError(
            f"found no Python {best} for Spark {environment.spark} on PATH, among pyenv's or uv's; "
            f"install it: uv python install {best}, or pyenv install {best}"
        )
    return found


def _usable(version: str) -> Path | None:
    probe = f"import ensurepip, sys, venv; assert '%d.%d' % sys.version_info[:2] == '{version}'"
    for python in interpreters(version):
        found = subprocess.run([python, "-c", probe], capture_output=True, check=False)
        if found.returncode == 0:
            return python
    return None


def _installed_by_uv(version: str) -> bool:
    """Whether uv, if it is there, could install a Python."""
    uv = shutil.which("uv")
    if uv is None:
        return False
    say(f"installing Python {version} by uv")
    return subprocess.run([uv, "python", "install", version], check=False).returncode == 0


def ensure(environment: Environment) -> Path:
    """The interpreter of the environment, made from its lock unless it already was."""
    if not environment.folder:
        return Path(sys.executable)
    folder = ROOT / environment.folder
    python, stamp = folder / "bin" / "python", folder / ".lake-setup"
    base = find_python(environment)
    wanted = hashlib.sha256(f"{base}\n".encode() + environment.lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python

    say(f"making {environment.folder} with {base}")
    shutil.rmtree(folder, ignore_errors=True)
    run(base, "-m", "venv", folder)
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install")
    builder = folder / "builder.txt"
    builder.write_text(requirement(environment.lock, "setuptools"), encoding="utf-8")
    run(*pip, "--require-hashes", "-r", builder)
    # Spark comes as source: build it with what is pinned, not with what is newest today.
    source_build = ("--no-deps", "--no-build-isolation", "--use-pep517")
    run(*pip, "--require-hashes", *source_build, "-r", environment.lock)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def requirement(lock: Path, name: str) -> str:
    """The lines of one package in a lock, with their hashes."""
    entries = re.split(r"^(?=\S)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.startswith(f"{name}=="))


def run(*command: object) -> None:
    words = [str(word) for word in command]
    if subprocess.run(words, cwd=ROOT, check=False).returncode != 0:
        raise MatrixError(f"this failed, see above: {' '.join(words)}")


def say(text: str) -> None:
    print(f"--- {text}", flush=True)
