"""Names of the columns that travel beside a document's own, and the codes they hold.

They begin with `_lake_`, a prefix that a declaration may not use, and never reach an output.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark.sql import DataFrame, SparkSession

PREFIX = "_lake_"
PATH = "_lake_path"  # of the object, as Spark shows it
OBJECT = "_lake_object"  # index of the object in the specification's order
PARTITION = "_lake_partition"  # index of the partition in the specification's order
POSITION = "_lake_position"  # orders the documents of one object
FRAGMENT = "_lake_fragment"  # what the fast reader cut out, before anything is put back
DOCUMENT = "_lake_document"  # the document's text, as far as it could be read
REASON = "_lake_reason"  # why it cannot be published; null when it can
KIND = "_lake_kind"  # how the reader found it, see the codes below
FATE = "_lake_fate"  # what becomes of it, see the codes below
UNMATCHED = "_lake_unmatched"  # one bit for each join that found no row
UNKNOWN_KEYS = "_lake_unknown_keys"  # keys the contract does not know, of the documents looked at
ORDER = "_lake_order"  # partition, then hash of the deduplication key: what rows are sorted by

# Kinds of fragment. A plain object of several documents is one FIRST, any MIDDLE, one LAST.
DIRTY, MIDDLE, FIRST, LAST, SINGLE = range(5)
KINDS = 8

# Fates. UNREAD is that of a DIRTY fragment, whose documents are looked for elsewhere.
PUBLISHED, DUPLICATE, DROPPED, REJECTED, FILTERED, UNREAD = range(6)
FATES = 8


def small_frame(session: SparkSession, rows: Iterable[Sequence[object]], schema: str) -> DataFrame:
    """Rows of the driver as a frame; `schema` is "name type, ...", of types that JSON has.

    `createDataFrame` would start Python workers to hand over the rows: half a second each time.
    """
    names = [column.split()[0] for column in schema.split(",")]
    text = json.dumps([dict(zip(names, row)) for row in rows])
    parsed = F.from_json(F.lit(text), f"array<struct<{schema}>>")
    return session.range(0, 1, 1, 1).select(F.inline(parsed))
