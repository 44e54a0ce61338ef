"""The driver's log of a run of EMR Serverless, where the service puts it on S3."""

from __future__ import annotations

import gzip
import zlib
from collections import deque

from resources.aws import AwsSettings
from resources.errors import ObjectMissing
from resources.storage import Storage, open_storage


def driver_log(folder: str, aws: AwsSettings, lines: int) -> list[str]:
    """The ends of what the driver printed and of what Spark logged, below a run's folder."""
    storage = open_storage(folder, aws)
    return [
        *_tail(storage, "SPARK_DRIVER/stdout.gz", lines),
        *_tail(storage, "SPARK_DRIVER/stderr.gz", lines),
    ]


def _tail(storage: Storage, key: str, lines: int) -> list[str]:
    """The last lines of a compressed log; none where there is no such log (yet)."""
    try:
        text = gzip.decompress(storage.read(key)).decode(errors="replace")
    except ObjectMissing:
        return []
    except (EOFError, OSError, zlib.error):
        return []  # half of it, while the service renews it
    return list(deque(text.splitlines(), maxlen=lines))
