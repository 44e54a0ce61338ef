"""Whatever lies in the objects, every document of it is published or quarantined, once."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from spark.contract import Column, Contract
from spark.csv_records import CsvOptions
from spark.refining import run_refine
from spark.spec import CleanSpec, PartitionInput, RawObject, RawSpec, RefineSpec

CONTRACT = Contract((Column("id", "bigint", nullable=False), Column("text", "string")))
NASTY = st.text(alphabet='{}[]"\\,:\n\r\t 𝄞é0ax', max_size=12)
GARBAGE = st.sampled_from(
    [
        "garbage",
        "}",
        "{",
        "]",
        '"',
        '{"id":',
        '{"id":1,"te',
        "\\",
        "null",
        "5",
        "<html>",
        "}{",
        "{}",
    ]
)
LAYOUTS = ("concatenated", "lines", "pretty", "array", "spaced")


@dataclass(frozen=True)
class RawText:
    """One generated object: its documents' texts, how they are laid out, what stands between."""

    texts: list[str]
    layout: str
    garbage: list[str]
    is_gzip: bool

    def content(self, first_id: int) -> tuple[bytes, list[int]]:
        """The object's bytes, and the ids of its documents, counted from `first_id`."""
        ids = list(range(first_id, first_id + len(self.texts)))
        indent = 2 if self.layout == "pretty" else None
        documents = [
            json.dumps({"id": number, "text": text}, ensure_ascii=number % 2 == 0, indent=indent)
            for number, text in zip(ids, self.texts, strict=True)
        ]
        text = {
            "concatenated": "".join(self._mixed(documents)),
            "lines": "\n".join(self._mixed(documents)) + "\n",
            "pretty": "\n".join(self._mixed(documents)),
            "array": "[" + ",".join(documents) + "]",
            "spaced": " \r\n ".join(self._mixed(documents)),
        }[self.layout]
        data = text.encode()
        return (gzip.compress(data, mtime=0) if self.is_gzip else data), ids

    def _mixed(self, documents: list[str]) -> list[str]:
        mixed = list(documents)
        for place, piece in enumerate(self.garbage):
            mixed.insert(min(2 * place + 1, len(mixed)), piece)
        return mixed

    @property
    def is_sound(self) -> bool:
        """Whether every document of it must be published."""
        return self.layout == "array" or not self.garbage


OBJECTS = st.lists(
    st.builds(
        RawText,
        st.lists(NASTY, max_size=6),
        st.sampled_from(LAYOUTS),
        st.one_of(st.just([]), st.lists(GARBAGE, max_size=2)),
        st.booleans(),
    ),
    min_size=8,
    max_size=16,
)


@pytest.mark.slow
@pytest.mark.parametrize("separator", ["}{", "\n"])
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(objects=OBJECTS)
def test_every_document_is_published_or_quarantined_once(
    spark: SparkSession, tmp_path: Path, separator: str, objects: list[RawText]
) -> None:
    shutil.rmtree(tmp_path, ignore_errors=True)
    tmp_path.mkdir()
    raw, must_be_published, all_ids = [], set(), set()
    for number, each in enumerate(objects):
        content, ids = each.content(number * 100)
        path = tmp_path / f"object-{number:03d}{'.gz' if each.is_gzip else ''}"
        path.write_bytes(content)
        raw.append(RawObject(path.name, path.as_uri(), len(content)))
        all_ids.update(ids)
        must_be_published.update(ids if each.is_sound else [])

    report = run_refine(spark, _spec(raw, separator, tmp_path))

    ledger = report.partitions[0].ledger
    published = _published(spark, tmp_path, report.partitions[0].directory)
    quarantined = _quarantined(spark, tmp_path, ledger.quarantined)
    # Documents that garbage made its own are whole in a quarantined text.
    elsewhere = {i for i in all_ids if any(f'"id": {i},' in text for text in quarantined)}
    assert set(published) | elsewhere >= all_ids
    assert must_be_published <= set(published)
    assert [i for i, count in Counter(published).items() if count > 1 and i in all_ids] == []
    assert sum(ledger.quarantined.values()) == len(quarantined)
    assert ledger.published == len(published)


def _spec(raw: list[RawObject], separator: str, root: Path) -> RefineSpec:
    return RefineSpec(
        table="any",
        attempt="a",
        partitions=(PartitionInput("all", {}, tuple(raw)),),
        raw=RawSpec("json", CONTRACT, separator, CsvOptions()),
        row_filter=None,
        deduplicate=(),
        joins=(),
        clean=CleanSpec(None, (), {}, {}),
        published=CONTRACT,
        output=str(root / "refined"),
        quarantine=str(root / "quarantine"),
    )


def _published(spark: SparkSession, root: Path, directory: str) -> list[int]:
    rows = spark.read.schema(CONTRACT.spark_schema()).parquet(str(root / "refined" / directory))
    return [row["id"] for row in rows.select("id").collect()]


def _quarantined(spark: SparkSession, root: Path, reasons: dict[str, int]) -> list[str]:
    if not reasons:
        return []
    rows = spark.read.parquet(str(root / "quarantine")).select("document").collect()
    return [row["document"] for row in rows]
