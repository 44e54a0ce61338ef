"""A declaration that cannot work fails when it is loaded, in words and with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from dagster import Definitions

from resources.errors import DeclarationError
from tests.lake_assets.conftest import MakeProject
from tests.workshop import PLAYS

#: What a declaration says instead of a part of `PLAYS`, a text of the line that is to be named
#: (empty: the declaration as a whole), and what is said of it.
BROKEN = [
    pytest.param(
        "type: int}\nref", "type: intt}\nref", "name: seconds", "there is no type `intt`. Did you",
        id="a type that does not exist",
    ),
    pytest.param(
        "type: int}\nref", "type: timestamp_ntz}\nref", "name: seconds", "timestamp_ntz",
        id="a type that the catalog does not have",
    ),
    pytest.param(
        "name: seconds", "name: Song_ID", "columns:", "`song_id`, `Song_ID` differ only in case",
        id="two columns that differ in case only",
    ),
    pytest.param(
        "name: seconds", "name: song_id", "columns:", "declared 2 times",
        id="a column declared twice",
    ),
    pytest.param(
        "name: seconds", "name: _lake_seconds", "_lake_seconds", "begin with _lake_",
        id="a column with a name of the project's own",
    ),
    pytest.param(
        "name: seconds", "name: 'a=b'", "columns:", "'=', which Parquet, Hive or Glue refuse",
        id="a column with a name that Hive refuses",
    ),
    pytest.param(
        "name: seconds", "name: Hour", "", "`Hour` has the name of a partition column",
        id="a column with the name of a partition column",
    ),
    pytest.param(
        "table: plays", "table: Plays!", "table:", "letters, digits and `_`",
        id="a table name that no catalog takes",
    ),
    pytest.param(
        "source: plays", "source: ../plays", "source:", "expected a folder",
        id="a source outside of the lake",
    ),
    pytest.param(
        "source: plays", "source: plays\n  csv: {encoding: klingon}", "csv:", "expected a text encoding",
        id="a CSV encoding that does not exist",
    ),
    pytest.param(
        "match: {song_id: song_id}", "match: {song: song_id}", "match:",
        "there is no `song` among the raw columns: play_id, song_id, seconds",
        id="a join on a raw column that does not exist",
    ),
    pytest.param(
        "match: {song_id: song_id}", "match: {song_id: title}", "match:",
        r"whole key of reference `songs` \(song_id\), found title",
        id="a join that is not on the key",
    ),
    pytest.param(
        "song_id, type: int}\n    - {name: seconds", "song_id, type: string}\n    - {name: seconds",
        "match:", "`song_id` is string and `song_id` is int",
        id="a join between types",
    ),
    pytest.param(
        "reference: songs", "reference: song", "reference: song", "no `song` among the references",
        id="a join to a reference that nobody declares",
    ),
    pytest.param(
        "    match:", "    columns: [titel]\n    match:", "[titel]",
        "no `titel` among the reference `songs`",
        id="a join that takes a column that does not exist",
    ),
    pytest.param(
        "    match:", "    columns: [song_id]\n    match:", "- reference",
        "`song_id` of reference `songs` is there already; give the join a `prefix`",
        id="a join that takes a column of a name that is taken",
    ),
    pytest.param(
        "key: [song_id]", "key: [id]", "key:", "there is no `id` among the reference `songs`",
        id="a key missing from the reference",
    ),
    pytest.param(
        "key: [song_id]", "key: []", "key:", "at least one key column",
        id="a reference without a key",
    ),
    pytest.param(
        "{name: title, type: string}", "{name: title, type: 'array<string>'}", "      columns:",
        "plain types for a table read over JDBC",
        id="a nested type in a reference",
    ),
    pytest.param(
        "deduplicate: [play_id]", "deduplicate: [playid]", "deduplicate:", "no `playid` among the raw",
        id="a deduplication key that does not exist",
    ),
    pytest.param(
        "deduplicate:", "drop: [lyrics]\ndeduplicate:", "drop:", "no `lyrics` among the columns",
        id="a dropped column that does not exist",
    ),
    pytest.param(
        "deduplicate:", "rename: {lyrics: words}\ndeduplicate:", "rename:", "no `lyrics` among",
        id="a renamed column that does not exist",
    ),
    pytest.param(
        "deduplicate:", "drop: [title]\nrename: {title: name}\ndeduplicate:", "rename:",
        "no `title` among the columns that are kept",
        id="a renamed column that is dropped",
    ),
    pytest.param(
        "deduplicate:", "rename: {seconds: song_id}\ndeduplicate:", "", "declared 2 times",
        id="a rename to a name that is taken",
    ),
    pytest.param(
        "deduplicate:", "rename: {seconds: hour}\ndeduplicate:", "", "name of a partition column",
        id="a rename to the name of a partition column",
    ),
    pytest.param(
        "deduplicate:", "cast: {length: int}\ndeduplicate:", "cast:", "no `length` among the columns",
        id="a cast of a column that does not exist",
    ),
    pytest.param(
        "deduplicate:", "cast: {seconds: integr}\ndeduplicate:", "cast:", "no type `integr`",
        id="a cast to a type that does not exist",
    ),
    pytest.param(
        "deduplicate:", "transform: {function: 'spark.refine:tidy'}\ndeduplicate:", "transform:",
        "'spark.refine:tidy' cannot be loaded",
        id="a named transform that does not exist",
    ),
    pytest.param(
        "start: 2024-05-01, end: 2024-05-02", "start: 2999-01-01", "partitions:", "in the future",
        id="partitions that start in the future",
    ),
    pytest.param(
        "end: 2024-05-02", "end: 2024-04-30", "partitions:", "an end after the start",
        id="partitions that end before they start",
    ),
    pytest.param(
        "source: plays", "source: plays\n  layout: yyyy/MM/dd", "layout:", "lacks HH",
        id="a layout that cannot tell one hour from another",
    ),
    pytest.param(
        "deduplicate:", "compute: {prefer: [local, glue, local]}\ndeduplicate:", "compute:",
        "engine `local` is named twice",
        id="an engine that is preferred twice",
    ),
]  # fmt: skip

#: The same for single values, which Dagster itself reports: file and line stand in its words.
MISTYPED = [
    pytest.param("unmatched: keep", "unmatched: kep", "'keep', 'quarantine' or 'drop'", id="choice"),
    pytest.param("deduplicate:", "dedup:", "Extra inputs are not permitted", id="unknown word"),
    pytest.param("    table: SONGS\n", "", "(?i)field required", id="missing word"),
    pytest.param("key: [song_id]", "key: song_id", "valid list", id="text for a list"),
    pytest.param("start: 2024-05-01", "start: soon", "soon", id="no date"),
    pytest.param(
        "deduplicate:", "audit: {max_unmatched_share: 2}\ndeduplicate:", "less than or equal to 1",
        id="share above one",
    ),
    pytest.param(
        "deduplicate:", "compute: gleu\ndeduplicate:", "'emr-serverless' or 'glue'",
        id="an engine that there is not",
    ),
    pytest.param(
        "deduplicate:", "compute: {max_usd: 0}\ndeduplicate:", "greater than 0",
        id="a limit that nothing keeps",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "sentence"), BROKEN)
def test_a_declaration_that_cannot_work_is_refused_with_file_and_line(
    project: MakeProject,
    old: str,
    new: str,
    line: str,
    sentence: str,
) -> None:
    assert PLAYS.count(old) >= 1
    made = project({"plays": PLAYS.replace(old, new, 1)})

    error = refused(made.load)

    assert isinstance(error, DeclarationError)
    assert re.search(sentence, str(error)), str(error)
    expected = made.line("plays", line or "attributes:")
    assert expected in str(error)


@pytest.mark.parametrize(("old", "new", "sentence"), MISTYPED)
def test_a_value_that_is_not_well_formed_is_refused_with_the_file(
    project: MakeProject, old: str, new: str, sentence: str
) -> None:
    assert old in PLAYS
    made = project({"plays": PLAYS.replace(old, new, 1)})

    error = refused(made.load)

    said = " ".join(str(each) for each in chain(error))
    assert re.search(sentence, said), said
    assert re.search(re.escape(str(made.file("plays"))) + r":\d+", said)


def test_everything_wrong_with_a_declaration_is_said_at_once(
    project: MakeProject,
) -> None:
    text = PLAYS.replace("deduplicate: [play_id]", "deduplicate: [a]\ncast: {b: strin}")
    text = text.replace("match: {song_id: song_id}", "match: {c: song_id}")
    made = project({"plays": text})

    error = refused(made.load)

    for line in ("deduplicate:", "cast:", "match:"):
        assert made.line("plays", line) in str(error)


def refused(load: Callable[[], Definitions]) -> BaseException:
    """The error below Dagster's picture of where it happened."""
    with pytest.raises(Exception, match="plays") as caught:
        load()
    assert caught.value.__cause__ is not None
    return caught.value.__cause__


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it."""
    while error is not None:
        yield error
        error = error.__cause__
