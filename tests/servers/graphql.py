"""Questions to a running Dagster web server, in GraphQL as its own pages ask them."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def ask(url: str, query: str, **variables: object) -> dict[str, Any]:
    """What the web server at `url` answers.

    Raises `OSError` while it does not answer, and `RuntimeError` with its words where it refuses.
    """
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{url}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        said: dict[str, Any] = json.load(answer)
    if "errors" in said:
        raise RuntimeError(f"the web server refuses the question: {said['errors']}")
    found: dict[str, Any] = said["data"]
    return found
