"""The generated housing complexes: the same each time, and fit to be joined."""

from __future__ import annotations

import csv
import json

from examples.danji import CITY, HEADER, MONTHS, complexes, districts, files


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert dict(files()) == dict(files())


def test_lists_are_cp949_and_prices_utf_8_of_complexes_that_there_are() -> None:
    made = dict(files())
    lists = [data.decode("cp949") for key, data in made.items() if key.endswith(".csv")]
    rows = [row for text in lists for row in csv.DictReader(text.splitlines())]
    assert tuple(rows[0]) == HEADER
    codes = [row["단지코드"] for row in rows]
    assert sorted(codes) == sorted({each.code for each in complexes()})
    assert any(not row["세대수"] for row in rows)
    assert any("더샾" in row["단지명"] for row in rows), "what EUC-KR lacks and CP949 has"
    prices = [data for key, data in made.items() if key.endswith(".json")]
    assert len(prices) == len(MONTHS)
    sold = [json.loads(line) for data in prices for line in data.decode().splitlines()]
    assert {each["code"] for each in sold} <= set(codes)
    assert all(each["price_10k_won"] > 0 and each["sales"] > 0 for each in sold)


def test_every_district_has_more_flats_than_its_complexes() -> None:
    for row, district in zip(districts(), CITY, strict=True):
        inside = sum(each.flats or 0 for each in complexes() if each.district == district)
        assert row["gu_code"] == district.code
        assert inside < int(row["flats"])
