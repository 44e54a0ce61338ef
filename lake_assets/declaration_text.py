"""A declaration as text: how its parts are written, and how a word is added to one that is there.

What people wrote stays as it is, comments and empty lines included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml

from resources.errors import DeclarationError
from spark.contract import Column

#: Words that stand after `transform` in the examples of the documentation.
_AFTER = frozenset("drop rename cast partitions audit retention adopt automation compute".split())


def with_transform(text: str, function: str, columns: Iterable[Column]) -> str:
    """The text of a defs.yaml with `transform` in its place.

    Raises `DeclarationError` where it has one already, or is written so that no line fits in.
    """
    before = yaml.safe_load(text)
    if "transform" in before["attributes"]:
        raise DeclarationError(
            f"expected a declaration without `transform`, found "
            f"{before['attributes']['transform']!r}; a table has one. Take that one out first, or "
            "call it from the new function"
        )
    lines = text.split("\n")
    at, indent = _place(text, lines)
    added = [
        "transform:",
        f"  function: {function}",
        *(["  columns:"] if (listed := list(column_lines(columns, 4))) else []),
        *listed,
    ]
    block = [" " * indent + line for line in added]
    gap = [""] if at == len(lines) or not lines[at - 1].strip() else []
    parts = (
        [*lines, *gap, *block, ""] if at == len(lines) else [*lines[:at], *block, *gap, *lines[at:]]
    )
    after = "\n".join(parts)
    read = yaml.safe_load(after)
    said = read["attributes"].pop("transform", None)
    if read != before or said is None or said["function"] != function:
        raise DeclarationError(
            "expected `attributes` with one word a line, found YAML that no line can be added to; "
            "add this by hand:\n" + "\n".join(block)
        )
    return after


def column_lines(columns: Iterable[Column], indent: int) -> Iterator[str]:
    """Columns as a declaration lists them, one a line."""
    for each in columns:
        words: dict[str, str | bool] = {"name": each.name, "type": each.type}
        if not each.nullable:
            words["nullable"] = False
        if each.comment:
            words["comment"] = each.comment
        yield f"{' ' * indent}- {flow(words)}"


def scalar(text: str) -> str:
    """A text, quoted where it must be."""
    return flow([text])[1:-1]


def flow(value: object) -> str:
    """On one line, as the declarations in the documentation are written."""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000
    )
    return str(text).strip()


def _place(text: str, lines: list[str]) -> tuple[int, int]:
    """The line that the word goes before, and its indentation."""
    node = yaml.compose(text)
    attributes = next(
        value
        for key, value in (node.value if isinstance(node, yaml.MappingNode) else [])
        if key.value == "attributes"
    )
    keys = [key for key, _ in attributes.value]
    indent = keys[0].start_mark.column
    after = [key for key in keys if key.value in _AFTER]
    if not after:
        end = len(lines)
        while end and not lines[end - 1].strip():
            end -= 1
        del lines[end:]
        return end, indent
    at = after[0].start_mark.line
    # A comment right above belongs to the word that it stands above.
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    return at, indent
