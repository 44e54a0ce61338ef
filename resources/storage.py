"""The store that a setting names. The rest of the project takes stores from here, as `Storage`."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from resources.aws import AwsSettings
from resources.errors import SettingsError
from resources.folder import FolderStorage, unfinished_name
from resources.objects import ObjectInfo, Storage, fingerprint
from resources.s3 import S3Storage

__all__ = [
    "FolderStorage",
    "ObjectInfo",
    "S3Storage",
    "Storage",
    "fingerprint",
    "is_on_s3",
    "open_storage",
    "unfinished_name",
]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def open_storage(root: str, aws: AwsSettings | None = None) -> Storage:
    """The store that a setting names: a folder, a `file:` URL (percent-decoded) or an `s3:` URL.

    Nothing is opened. Raises `SettingsError` for anything else.
    """
    if not root.strip():
        raise SettingsError("Expected a folder or a URL as the lake's root; found nothing.")
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", root):
        return _open_folder(Path(root).expanduser())
    if is_on_s3(root):
        return _open_bucket(root, aws or AwsSettings())
    parts = urlsplit(root)
    absolute = parts.path.startswith("/") and parts.netloc in ("", "localhost")
    if parts.scheme != "file" or not absolute or parts.query or parts.fragment:
        raise SettingsError(
            f"Expected a folder or a URL like file:///data/lake or s3://bucket/lake as the lake's "
            f"root; found {root!r}. In a file: URL, write '?' as %3F and '#' as %23."
        )
    return _open_folder(Path(unquote(parts.path)))


def is_on_s3(root: str) -> bool:
    """Whether a root is an address in S3, by any of the names that Hadoop has had for it."""
    return root.startswith(("s3://", "s3a://", "s3n://"))


def _open_bucket(root: str, aws: AwsSettings) -> S3Storage:
    """The bucket and prefix are taken literally: S3 does not percent-encode its addresses."""
    bucket, _, prefix = root.partition("://")[2].partition("/")
    parts = prefix.rstrip("/").split("/") if prefix.rstrip("/") else []
    if not _BUCKET.fullmatch(bucket) or any(part in ("", ".", "..") for part in parts):
        raise SettingsError(
            f"Expected an address like s3://bucket/lake as the lake's root; found {root!r}. "
            "Buckets have 3 to 63 lower-case letters, digits, dots and hyphens; prefixes have no "
            "empty part, no '.' and no '..'."
        )
    return S3Storage(bucket, "/".join(parts), aws)


def _open_folder(path: Path) -> FolderStorage:
    if path.exists() and not path.is_dir():
        raise SettingsError(f"Expected a folder as the lake's root; {str(path)!r} is a file.")
    return FolderStorage(path)
