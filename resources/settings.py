"""Every setting of the project, read from the environment in one place and checked at once.

Without any setting the lake is a folder named `.lake` beside the project, with an embedded database
in it and Spark in process. Nothing here opens or connects to anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.errors import SettingsError

_PROJECT = Path(__file__).resolve().parents[1]
_MEMORY = re.compile(r"[1-9][0-9]*[mg]")


@dataclass(frozen=True)
class Settings:
    """What can be set; every field has a default. See `docs/operate.md` for the variables.

    `root` is where the lake lies and `raw_root` where raw objects do, `database` the folder of the
    embedded database. `spark_master` and `spark_memory` are Spark's own spellings.
    """

    root: str
    raw_root: str
    database: str
    database_wait_seconds: float = 1800.0
    spark_master: str = "local[*]"
    spark_memory: str = "2g"
    target_file_bytes: int = 128 * 1024 * 1024
    keep_previous: int = 2


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raises `SettingsError` naming the variable, its value and what it takes."""
    env = os.environ if environment is None else environment
    root = env.get("LAKE_ROOT") or str(_home() / ".lake" / "lake")
    return Settings(
        root=root,
        raw_root=env.get("LAKE_RAW_ROOT") or f"{root.rstrip('/')}/raw",
        database=env.get("LAKE_DATABASE") or f"{_folder(root).rstrip('/')}/database",
        database_wait_seconds=_number(env, "LAKE_DATABASE_WAIT_SECONDS", 1800, at_least=1),
        spark_master=_matching(env, "LAKE_SPARK_MASTER", "local[*]", r"local(\[(\*|\d+)\])?"),
        spark_memory=_matching(env, "LAKE_SPARK_MEMORY", "2g", _MEMORY.pattern),
        target_file_bytes=_number(env, "LAKE_TARGET_FILE_MB", 128, at_least=1) * 1024 * 1024,
        keep_previous=_number(env, "LAKE_KEEP_PREVIOUS", 2, at_least=1),
    )


def _home() -> Path:
    """The checkout that this package lies in, or the working directory of an installed one."""
    return _PROJECT if (_PROJECT / "pyproject.toml").is_file() else Path.cwd()


def _folder(root: str) -> str:
    return root.removeprefix("file://")


def _number(env: Mapping[str, str], name: str, default: int, *, at_least: int) -> int:
    text = env.get(name, "").strip() or str(default)
    if not re.fullmatch(r"\d{1,12}", text) or int(text) < at_least:
        raise SettingsError(f"{name}: expected a whole number from {at_least}, found {text!r}")
    return int(text)


def _matching(env: Mapping[str, str], name: str, default: str, pattern: str) -> str:
    text = env.get(name, "").strip() or default
    if not re.fullmatch(pattern, text):
        raise SettingsError(f"{name}: expected something like {default!r}, found {text!r}")
    return text
