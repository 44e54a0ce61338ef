"""The environments of `make spark-versions`: one for each Spark that the transforms are shipped to.

Each is installed from a lock of its own with nothing but Spark, Dagster's pipes and pytest, and
made again when its lock changes. What runs in them is not known here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class MatrixError(Exception):
    """Something other than a test or a difference: what is missing, and what to do."""


@dataclass(frozen=True)
class Environment:
    """One Spark: the folder of its virtual environment, and the Pythons to try, best first.

    The project's own environment needs no making and names neither.
    """

    spark: str
    folder: str = ""
    pythons: tuple[str, ...] = ()

    @property
    def lock(self) -> Path:
        return ROOT / "scripts" / "locks" / f"spark{self.spark.replace('.', '')}.lock"


# EMR 7.13 runs Spark 3.5 on Python 3.9, so that one is tried where there is one. The last is the
# baseline that the others are compared with.
ENVIRONMENTS = (
    Environment("3.5", ".venv-spark35", ("3.9", "3.11", "3.10", "3.12", "3.13")),
    Environment("4.0", ".venv-spark40", ("3.11", "3.12", "3.13", "3.10")),
    Environment("4.1"),
)


def interpreters(version: str) -> Iterator[Path]:
    """Where a Python of this version may be: on PATH, then among pyenv's."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted((pyenv / "versions").glob(f"{version}.*/bin/python"), reverse=True)
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        yield Path(sys.executable)


def find_python(versions: Sequence[str]) -> Path:
    """The first interpreter that really is of one of the versions and can make environments."""
    for version in versions:
        probe = f"import ensurepip, sys, venv; assert '%d.%d' % sys.version_info[:2] == '{version}'"
        for python in interpreters(version):
            found = subprocess.run([python, "-c", probe], capture_output=True, check=False)
            if found.returncode == 0:
                return python
    raise MatrixError(
        f"found no Python {', '.join(versions)} on PATH or among pyenv's; install one"
    )


def ensure(environment: Environment) -> Path:
    """The interpreter of the environment, made from its lock unless it already was."""
    if not environment.folder:
        return Path(sys.executable)
    folder = ROOT / environment.folder
    python, stamp = folder / "bin" / "python", folder / ".lake-setup"
    base = find_python(environment.pythons)
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
