"""Keeps every saved version of a notebook in LAKE_NOTEBOOK_VERSIONS, by JupyterLab's own hook."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from resources.settings import load_settings
from resources.storage import Storage, open_storage


class Contents(Protocol):
    """What of Jupyter's contents manager is used: the folder that notebooks lie in."""

    root_dir: str


def keep(os_path: str, model: Mapping[str, object], contents_manager: Contents) -> None:
    """JupyterLab's `post_save_hook`; what it raises is shown to whoever saves."""
    if model.get("type") != "notebook":
        return
    settings = load_settings()
    path = Path(os_path)
    name = path.resolve().relative_to(Path(contents_manager.root_dir).resolve())
    store = open_storage(settings.emr_notebook.versions, settings.aws)
    keep_version(store, name.with_suffix("").as_posix(), path.read_bytes(), datetime.now(UTC))


def keep_version(store: Storage, name: str, content: bytes, now: datetime) -> str:
    """Write `<name>/<time>-<hash>.ipynb` unless the newest is the same; gives its key."""
    digest = hashlib.sha256(content).hexdigest()[:12]
    versions = sorted(each.key for each in store.list(f"{name}/") if each.key.endswith(".ipynb"))
    if versions and versions[-1].endswith(f"-{digest}.ipynb"):
        return versions[-1]
    key = f"{name}/{now:%Y-%m-%dT%H-%M-%S.%fZ}-{digest}.ipynb"
    store.write(key, content)
    return key
