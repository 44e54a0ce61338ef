"""The comparison of `make spark-versions` sees what differs and says where."""

from __future__ import annotations

from pathlib import Path

from scripts.differences import DIFF_LINES, differences


def folder_with(folder: Path, **contents: bytes) -> Path:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def test_the_same_bytes_are_the_same(tmp_path: Path) -> None:
    old = folder_with(tmp_path / "old", rows=b"1\n2\n", types=b"\xff")
    new = folder_with(tmp_path / "new", rows=b"1\n2\n", types=b"\xff")

    assert differences(old, new) == []


def test_a_file_on_one_side_only_is_named(tmp_path: Path) -> None:
    old = folder_with(tmp_path / "old", a=b"", b=b"")
    new = folder_with(tmp_path / "new", b=b"", c=b"")

    assert differences(old, new) == [
        "a: only the baseline wrote it",
        "c: the baseline did not write it",
    ]


def test_text_that_differs_is_shown_as_a_diff(tmp_path: Path) -> None:
    old = folder_with(tmp_path / "old", rows=b"1\n2\n3\n")
    new = folder_with(tmp_path / "new", rows=b"1\nnull\n3\n")

    (problem,) = differences(old, new)

    assert problem.startswith("rows differs:\n")
    assert "    -2\n    +null" in problem


def test_a_long_diff_is_cut_and_says_so(tmp_path: Path) -> None:
    old = folder_with(tmp_path / "old", rows=b"")
    new = folder_with(tmp_path / "new", rows=b"row\n" * 1000)

    (problem,) = differences(old, new)

    assert len(problem.splitlines()) == DIFF_LINES + 2
    assert problem.endswith("more lines")


def test_bytes_that_differ_are_located(tmp_path: Path) -> None:
    old = folder_with(tmp_path / "old", part=b"\xff\x00\x01")
    new = folder_with(tmp_path / "new", part=b"\xff\x00\x02\x03")

    (problem,) = differences(old, new)

    assert "3 and 4 bytes, the first difference at byte 2" in problem


def test_line_ends_alone_are_a_difference(tmp_path: Path) -> None:
    old = folder_with(tmp_path / "old", rows=b"1\n")
    new = folder_with(tmp_path / "new", rows=b"1\r\n")

    (problem,) = differences(old, new)

    assert "not the same line ends" in problem
