"""What is shipped to an engine: the package `spark` as a zip, and the entry point.

The same source gives the same bytes on every machine, and lies at an address that is its hash, so
that it is uploaded once and never changes under a job that runs.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import spark
from resources.errors import AlreadyThere, EngineError
from resources.storage import Storage
from spark.spec import RefineSpec

#: The earliest that a zip can say: what is shipped has no other time.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_ARCHIVE, _ENTRY_POINT = "lake.zip", "job.py"
_PACKAGE = Path(spark.__file__).parent


@dataclass(frozen=True)
class Bundle:
    """What is shipped: `archive` for Spark's `--py-files`, and the file that it starts."""

    archive: bytes
    entry_point: bytes

    @property
    def digest(self) -> str:
        """64 hexadecimal digits, the SHA-256 of both."""
        return hashlib.sha256(self.archive + self.entry_point).hexdigest()


@dataclass(frozen=True)
class Shipped:
    """Where a bundle lies, as addresses that an engine takes."""

    archive: str
    entry_point: str


def make_bundle() -> Bundle:
    """The bundle of the source that this process runs."""
    target = io.BytesIO()
    # Stored and not deflated: other releases of zlib give other bytes.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(_members()):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr = 3, _MODE
            archive.writestr(info, path.read_bytes())
    return Bundle(target.getvalue(), (_PACKAGE / _ENTRY_POINT).read_bytes())


def ship(storage: Storage, bundle: Bundle) -> Shipped:
    """Upload the bundle unless it is there, and say where it lies."""
    addresses = []
    for name, data in ((_ARCHIVE, bundle.archive), (_ENTRY_POINT, bundle.entry_point)):
        key = f"code/{bundle.digest}/{name}"
        if not storage.exists(key):
            _write_once(storage, key, data)
        addresses.append(storage.target_uri(key))
    return Shipped(*addresses)


def require_shipped(spec: RefineSpec) -> None:
    """Raise `EngineError` for a transform that no bundle holds."""
    transform = spec.clean.transform
    if transform is not None and not transform.function.startswith("spark."):
        raise EngineError(
            f"Table {spec.table}: expected its transform in the package `spark`, which is all that "
            f"is shipped to an engine, found {transform.function!r}. Move the function there, or "
            "refine the table with `compute: local`."
        )


def _members() -> Iterator[tuple[str, Path]]:
    """Names in the archive, and the files that they come from."""
    for path in _PACKAGE.rglob("*.py"):
        yield f"{_PACKAGE.name}/{path.relative_to(_PACKAGE).as_posix()}", path


def _write_once(storage: Storage, key: str, data: bytes) -> None:
    try:
        storage.write(key, data, if_absent=True)
    except AlreadyThere:
        return  # another run was faster; its bytes are the same, since the key is their hash
