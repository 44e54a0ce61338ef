"""A seeded generator of housing complexes (`danji`) as a Korean city might hand them out.

Here live the sample files of `apartment_complexes.ipynb`: lists of complexes as CSV in CP949, one a
district, prices as JSON in UTF-8, one a month, and the table of districts. City, complexes and
figures are invented. The same seed gives the same bytes.

    python -m examples.danji
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from examples.loading import load_once
from lake_assets.cli_print import say
from resources.lake import Lake
from resources.settings import load_settings
from resources.storage import open_storage
from spark.errors import LakeError

SEED = 11
#: The table in the source database, and its columns as Spark spells their types.
DISTRICTS = "DISTRICTS"
DISTRICTS_SCHEMA = "gu_code string, gu string, gu_romanized string, population int, flats int"
MONTHS = tuple(f"2026-{month:02d}" for month in range(1, 11))
HEADER = ("단지코드", "단지명", "구코드", "세대수", "동수", "사용승인일", "난방방식")
#: Syllables that EUC-KR lacks and CP949 has are among them, as in real names.
_FIRST = ("한빛", "푸른", "가람", "솔뫼", "햇살", "은하", "더샾", "참누리", "별내음", "새들")
_SECOND = ("마을", "타운", "힐스", "뜨락", "파크", "리버")
_HEATING = ("지역난방", "개별난방", "중앙난방")


@dataclass(frozen=True)
class District:
    """A district of the invented city; `won` is what a square metre costs, in 10,000 won."""

    code: str
    name: str
    romanized: str
    population: int
    complexes: int
    won: int


CITY = (
    District("90110", "가온구", "Gaon-gu", 182_400, 38, 1_310),
    District("90120", "나래구", "Narae-gu", 264_900, 61, 905),
    District("90130", "다솜구", "Dasom-gu", 148_300, 27, 742),
    District("90140", "라온구", "Raon-gu", 391_700, 88, 1_068),
    District("90150", "마루구", "Maru-gu", 223_600, 45, 618),
    District("90160", "새솔구", "Saesol-gu", 305_200, 71, 836),
)


@dataclass(frozen=True)
class Complex:
    """A complex of flats; `flats` is None where the list leaves it out."""

    code: str
    name: str
    district: District
    flats: int | None
    buildings: int
    approved: str
    heating: str


def complexes() -> list[Complex]:
    """Every complex of the city."""
    rng = random.Random(f"danji:{SEED}")
    return [
        _complex(rng, f"A{index:08d}", district)
        for index, district in enumerate(
            (each for each in CITY for _ in range(each.complexes)), start=10_000_001
        )
    ]


def districts() -> list[dict[str, str | int]]:
    """The table of districts, with all flats that there are, those in no complex too."""
    rng = random.Random(f"districts:{SEED}")
    return [
        {
            "gu_code": each.code,
            "gu": each.name,
            "gu_romanized": each.romanized,
            "population": each.population,
            "flats": round(each.population / rng.uniform(2.3, 2.6)),
        }
        for each in CITY
    ]


def files() -> Iterator[tuple[str, bytes]]:
    """Key below the raw root and content of each file."""
    known = complexes()
    for district in CITY:
        rows = [each for each in known if each.district == district]
        yield f"danji/complexes/{district.code}.csv", _csv(rows).encode("cp949")
    rng = random.Random(f"prices:{SEED}")
    for number, month in enumerate(MONTHS):
        lines = (_sale(rng, each, month, number) for each in known if rng.random() < 0.7)
        yield f"danji/prices/{month}.json", "".join(lines).encode()


def _complex(rng: random.Random, code: str, district: District) -> Complex:
    buildings = rng.randint(2, 24)
    flats = buildings * rng.randint(38, 92)
    name = f"{rng.choice(_FIRST)}{rng.choice(_SECOND)} {rng.randint(1, 14)}단지"
    approved = f"{rng.randint(1986, 2025)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    heating = rng.choices(_HEATING, (5, 4, 1))[0]
    is_given = rng.random() > 0.02
    return Complex(code, name, district, flats if is_given else None, buildings, approved, heating)


def _csv(rows: list[Complex]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for each in rows:
        flats = "" if each.flats is None else each.flats
        writer.writerow(
            [each.code, each.name, each.district.code, flats, each.buildings, each.approved, each.heating]
        )  # fmt: skip
    return text.getvalue()


def _sale(rng: random.Random, sold: Complex, month: str, months_passed: int) -> str:
    """Newer complexes cost more, and everything a little more each month."""
    area = rng.choice((59.9, 74.8, 84.9, 114.6))
    age = 2026 - int(sold.approved[:4])
    per_m2 = sold.district.won * (1.25 - 0.011 * age) * (1 + 0.004 * months_passed)
    won = round(area * per_m2 * rng.gauss(1, 0.06) / 100) * 100
    sale = {"code": sold.code, "month": month, "area_m2": area, "price_10k_won": won}
    return json.dumps({**sale, "sales": 1 + int(rng.expovariate(0.6))}, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files below the raw root and load the table; what is there already stays."""
    try:
        settings = load_settings()
        storage = open_storage(settings.raw_root, settings.aws)
        written = 0
        for key, data in files():
            if not (storage.exists(key) and storage.read(key) == data):
                storage.write(key, data)
                written += 1
        say(f"{written or 'No'} files were written below {storage.uri('danji')}")
        rows = districts()
        if load_once(Lake(settings), DISTRICTS, rows, DISTRICTS_SCHEMA, ["gu_code"]):
            say(f"{len(rows)} rows were loaded into {DISTRICTS} of the embedded database")
        say("Next: lake notebook, and in it apartment_complexes.ipynb")
    except LakeError as error:
        raise SystemExit(f"danji: {error}") from error


if __name__ == "__main__":
    main()
