"""Compares two folders of files byte for byte and says where they differ, in words and diffs."""

from __future__ import annotations

import difflib
from pathlib import Path

#: Longer diffs are cut: the first lines tell what went wrong.
DIFF_LINES = 40


def files(folder: Path) -> dict[str, bytes]:
    """Content by path below the folder, in the paths' order."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def differences(baseline: Path, other: Path) -> list[str]:
    """What differs between two folders of results, a paragraph for each file that does."""
    expected, found = files(baseline), files(other)
    problems = [f"{name}: only the baseline wrote it" for name in expected.keys() - found.keys()]
    problems += [
        f"{name}: the baseline did not write it" for name in found.keys() - expected.keys()
    ]
    problems += [
        f"{name} differs:\n{difference(expected[name], found[name])}"
        for name in expected.keys() & found.keys()
        if expected[name] != found[name]
    ]
    return sorted(problems)


def difference(expected: bytes, found: bytes) -> str:
    """A diff of at most DIFF_LINES lines, or the first differing byte where there is no text."""
    try:
        old, new = expected.decode("utf-8"), found.decode("utf-8")
    except UnicodeDecodeError:
        pairs = zip(expected, found, strict=False)
        shorter = min(len(expected), len(found))
        first = next((at for at, (a, b) in enumerate(pairs) if a != b), shorter)
        return f"    {len(expected)} and {len(found)} bytes, the first difference at byte {first}"
    lines = list(
        difflib.unified_diff(
            old.splitlines(), new.splitlines(), "baseline", "this Spark", lineterm="", n=1
        )
    )
    if not lines:
        return "    the same lines, but not the same line ends"
    shown = [f"    {line}" for line in lines[:DIFF_LINES]]
    if len(lines) > DIFF_LINES:
        shown.append(f"    ... and {len(lines) - DIFF_LINES} more lines")
    return "\n".join(shown)
