"""Exact counts by a small integer code, taken while rows pass by.

`DataFrame.observe` computes global aggregates only. A histogram with at least as many bins as there
are distinct values never merges two of them, so `histogram_numeric` is a count per code that costs
no second read and no shuffle. What is observed travels as JSON text, which every Spark version
hands over to Python in the same way.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column


def tally_of(code: Column, distinct_codes: int) -> Column:
    """An aggregate that counts each value of `code`, a whole number as double; at most `distinct_codes` values may occur.

    Tasks that saw the same code report a bin each, and bins are merged, nearest first, only when
    there are more than asked for: some slack keeps that merging rare and, at distance 0, exact.
    """
    histogram = F.histogram_numeric(code, F.lit(4 * distinct_codes + 1000))
    return F.to_json(histogram)


def read_tally(observed: object) -> Counter[int]:
    """What `tally_of` observed, as counts by code."""
    counts: Counter[int] = Counter()
    for each in json.loads(str(observed)) if observed else []:
        # Merging averages equal values in floating point, which may leave them off by a hair.
        counts[round(each["x"])] += round(each["y"])
    return counts
