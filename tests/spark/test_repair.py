"""Repair of fragments: what stands in them, and at which place of its object."""

from __future__ import annotations

from spark.frames import DIRTY, FIRST, LAST
from spark.repair import Found, Mark, repair


def marks(*fragments: str | None) -> list[Mark]:
    """An object's fragments in order; None for a sound one, which is not handed over."""
    last = len(fragments) + 1
    dirty = [
        Mark(7, 100 + position, DIRTY, fragment)
        for position, fragment in enumerate(fragments, 1)
        if fragment is not None
    ]
    return [Mark(7, 100, FIRST, None), *dirty, Mark(7, 100 + last, LAST, None)]


def judged(*fragments: str | None, cut_at_braces: bool = True) -> list[Found]:
    """What is found in the fragments between an object's first document and its last."""
    dirty = sum(fragment is not None for fragment in fragments)
    repaired = repair(marks(*fragments), {7: dirty}, is_cut_at_braces=cut_at_braces)
    assert repaired.doubtful == set()
    return repaired.found


def test_each_document_has_its_own_place() -> None:
    found = judged('"a": "one"', '"a": two', None, '"a": four', '"a": "five"')

    assert [(each.position, each.document, each.reason is None) for each in found] == [
        (2, '{"a": "one"}', True),
        (3, '{"a": two}', False),
        (5, '{"a": four}', False),
        (6, '{"a": "five"}', True),
    ]


def test_a_cut_within_a_string_moves_what_follows() -> None:
    found = judged('"a": "x', 'y"', '"a": 2', None, '"a": five')

    assert [(each.position, each.document) for each in found] == [
        (2, '{"a": "x}{y"}'),
        (3, '{"a": 2}'),
        (5, '{"a": five}'),
    ]


def test_lines_have_no_certain_place() -> None:
    found = judged('{"a": one}', None, '{"a": 2}', cut_at_braces=False)

    assert [(each.position, each.document) for each in found] == [
        (None, '{"a": one}'),
        (None, '{"a": 2}'),
    ]


def test_an_object_whose_end_is_not_known_is_left_to_the_exact_reader() -> None:
    lacking = [mark for mark in marks('"a": one') if mark.kind != LAST]

    assert repair(lacking, {7: 1}, is_cut_at_braces=True).doubtful == {7}
    assert repair(marks('"a": one'), {7: 2}, is_cut_at_braces=True).doubtful == {7}
