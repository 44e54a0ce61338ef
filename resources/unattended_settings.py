"""Settings of what runs unattended: whom to tell of failures, where the UI is, the queue of arrivals.

Addresses to notify can hold passwords. They are read where they are used, and are no part of
`Settings`, which the UI shows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from resources.errors import SettingsError

_TABLE = "{table}"


@dataclass(frozen=True)
class UnattendedSettings:
    """`notify` are addresses as `resources/notifying.py` takes them; none of them: tell nobody.

    `ui_url` is where links to runs lead. `arrivals_queue` is the URL of an SQS queue with `{table}`
    in it, or empty.
    """

    notify: tuple[str, ...] = field(default=(), repr=False)
    ui_url: str = "http://127.0.0.1:3000"
    arrivals_queue: str = ""

    def queue_of(self, table: str) -> str:
        """The URL of a table's queue, or nothing."""
        return self.arrivals_queue.replace(_TABLE, table)


def unattended_settings(environment: Mapping[str, str] | None = None) -> UnattendedSettings:
    """Read them; raises `SettingsError` naming the variable."""
    env = os.environ if environment is None else environment
    queue = env.get("LAKE_ARRIVALS_QUEUE", "").strip()
    if queue and (_TABLE not in queue or not _is_url(queue)):
        raise SettingsError(
            "LAKE_ARRIVALS_QUEUE: expected a URL such as "
            "https://sqs.eu-west-1.amazonaws.com/123456789012/lake-{table}, with {table} where the "
            f"table's name stands, found {queue!r}. Every table has a queue of its own, since "
            "whoever takes a message hides it from the others."
        )
    ui_url = env.get("LAKE_UI_URL", "").strip() or UnattendedSettings.ui_url
    if not _is_url(ui_url):
        raise SettingsError(
            f"LAKE_UI_URL: expected a URL such as https://dagster.example.org, found {ui_url!r}"
        )
    return UnattendedSettings(tuple(env.get("LAKE_NOTIFY", "").split()), ui_url.rstrip("/"), queue)


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc)
