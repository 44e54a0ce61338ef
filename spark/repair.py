"""Repair of single fragments: what stands where the fast reader found no document.

A few broken documents do not cost their whole objects a second reading. The fast pass hands over
the text of its DIRTY fragments, up to a bound, and the exact scanner judges each run of adjacent
ones between two sound documents. Where that is not certain the object is left to the exact reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, Optional

from spark.frames import DIRTY, FIRST, LAST
from spark.scanner import scan_documents

#: DIRTY fragments that a task hands over, and the bytes of each, so that a driver can hold them.
KEPT_PER_TASK, KEPT_BYTES = 256, 8192
#: Spark numbers rows within a task in the lower bits.
TASK_BITS = 33


class Mark(NamedTuple):
    """A fragment that matters for repair: the first, the last, or a DIRTY one with its text."""

    object_index: int
    position: int
    kind: int
    fragment: Optional[str]


class Found(NamedTuple):
    """A document or what is none; `position` counts documents in the object, from 1."""

    object_index: int
    position: Optional[int]
    is_plain: bool
    document: str
    reason: Optional[str]


class Repair(NamedTuple):
    """What stands in the DIRTY fragments of some objects, and the objects that stay doubtful."""

    found: list[Found]
    doubtful: set[int]


def repair(
    marks: Iterable[Mark], dirty_counts: Mapping[int, int], *, is_cut_at_braces: bool
) -> Repair:
    """Judge the DIRTY fragments of the objects in `dirty_counts` (fragments by object index)."""
    by_object: dict[int, list[Mark]] = {index: [] for index in dirty_counts}
    for mark in marks:
        if mark.object_index in by_object:
            by_object[mark.object_index].append(mark)
    result = Repair([], set())
    for index, own in by_object.items():
        judge = _cuts if is_cut_at_braces else _lines
        found = judge(sorted(own, key=lambda mark: mark.position), dirty_counts[index])
        if found is None:
            result.doubtful.add(index)
        else:
            result.found.extend(found)
    return result


def _cuts(marks: Sequence[Mark], dirty_count: int) -> list[Found] | None:
    """Runs of fragments between two sound ones, each with the braces that the cuts took.

    Certain only where every DIRTY fragment lies between the object's one first and one last.
    """
    firsts = [mark for mark in marks if mark.kind == FIRST]
    lasts = [mark for mark in marks if mark.kind == LAST]
    dirty = [mark for mark in marks if mark.kind == DIRTY]
    if len(firsts) != 1 or len(lasts) != 1 or len(dirty) != dirty_count:
        return None
    start, end = firsts[0].position, lasts[0].position
    is_within = all(start < mark.position < end for mark in dirty)
    if not is_within or start >> TASK_BITS != end >> TASK_BITS:
        return None
    found: list[Found] = []
    joined = 0  # cuts so far that were none, since they lay within a string
    for position, run in _runs(dirty):
        text = "{" + "}{".join(run) + "}"
        here = list(_scanned(marks[0].object_index, position - start + 1 - joined, text, "}{"))
        joined += len(run) - len(here)
        found += here
    return found


def _lines(marks: Sequence[Mark], dirty_count: int) -> list[Found] | None:
    """Lines that stand for themselves: each begins and ends as an object does."""
    dirty = [mark for mark in marks if mark.kind == DIRTY]
    texts = [(mark.fragment or "").strip() for mark in dirty]
    if len(dirty) != dirty_count:
        return None
    if not all(text.startswith("{") and text.endswith("}") for text in texts):
        return None
    return [found for text in texts for found in _scanned(marks[0].object_index, None, text, "\n")]


def _runs(dirty: Sequence[Mark]) -> Iterator[tuple[int, list[str]]]:
    """Adjacent fragments together, with the position of the first."""
    numbered = enumerate(dirty)
    for _, group in groupby(numbered, key=lambda each: each[1].position - each[0]):
        run = [mark for _, mark in group]
        yield run[0].position, [mark.fragment or "" for mark in run]


def _scanned(
    object_index: int, position: Optional[int], text: str, separator: str
) -> Iterator[Found]:
    """The documents of a text, whose first one has this position in its object."""
    for later, each in enumerate(scan_documents(text.encode(), separator)):
        at = None if position is None else position + later
        yield Found(object_index, at, is_plain=False, document=each.text, reason=each.reason)
