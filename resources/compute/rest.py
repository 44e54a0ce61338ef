"""JSON over HTTP from a server inside of a cluster: Livy's and YARN's REST APIs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

from resources.errors import EngineError, EngineUnavailable

_SECONDS = 20.0
#: No proxy: these addresses are of a private network, or of a tunnel's end on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(name: str, url: str, method: str = "GET") -> Mapping[str, object]:
    """The answer as an object.

    Raises `EngineUnavailable` where nobody answers, `EngineError` for any other answer.
    """
    request = urllib.request.Request(  # noqa: S310 - http, as the caller says
        url, method=method, headers={"Accept": "application/json", "X-Requested-By": "lake-assets"}
    )
    try:
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            found = json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")[:300]
        raise EngineError(
            f"Expected {name} to answer {method} {url}, found {error}: {said}"
        ) from error
    except OSError as error:
        raise EngineUnavailable(
            f"Expected {name} at {url}, found: {error}. Its port is open inside of the cluster's "
            "network only: forward it (docs/notebooks-on-clusters.md), or come from there."
        ) from error
    except ValueError as error:
        raise EngineError(f"Expected JSON of {name} at {url}, found: {error}") from error
    if not isinstance(found, dict):
        raise EngineError(f"Expected an object of {name} at {url}, found {type(found).__name__}.")
    return found


def part(found: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An object within an answer; empty where it is missing or null, as YARN's empty lists are."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def parts(found: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """A list of objects within an answer; empty where it is missing or null."""
    value = found.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def number(found: Mapping[str, object], name: str) -> int:
    """A whole number within an answer; 0 where it is missing."""
    value = found.get(name)
    return int(value) if isinstance(value, (int, float)) else 0


def text(found: Mapping[str, object], name: str) -> str:
    """A text within an answer; empty where it is missing or null."""
    value = found.get(name)
    return value if isinstance(value, str) else ""
