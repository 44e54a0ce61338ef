"""One thing that keeps a declaration from working, and its place in the YAML file."""

from __future__ import annotations

from dataclasses import dataclass

#: A place below `attributes`: keys and list positions.
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing wrong, and where."""

    place: Place
    sentence: str
