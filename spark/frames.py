"""Names of the columns that travel beside a document's own, and the codes they hold.

They begin with `_lake_`, a prefix that a declaration may not use, and never reach an output.
"""

from __future__ import annotations

PREFIX = "_lake_"
PATH = "_lake_path"  # of the object, as Spark shows it
OBJECT = "_lake_object"  # index of the object in the specification's order
PARTITION = "_lake_partition"  # index of the partition in the specification's order
POSITION = "_lake_position"  # orders the documents of one object
DOCUMENT = "_lake_document"  # the document's text, as far as it could be read
REASON = "_lake_reason"  # why it cannot be published; null when it can
FRAGMENT = "_lake_fragment"  # what the fast reader cut out, before anything is put back
KIND = "_lake_kind"  # how the reader found it, see the codes below
FATE = "_lake_fate"  # what becomes of it, see the codes below
UNMATCHED = "_lake_unmatched"  # one bit for each join that found no row
UNKNOWN_KEYS = "_lake_unknown_keys"  # keys the contract does not know, of the documents looked at

# Kinds of fragment. A plain object of several documents is one FIRST, any MIDDLE, one LAST.
DIRTY, MIDDLE, FIRST, LAST, SINGLE = range(5)
#: Added to a kind when the declared filter turns the document away.
FILTERED = 8
#: Kinds for one object in a tally.
KINDS = 16

# Fates of a document that satisfies the raw contract and passes the filter.
PUBLISHED, DUPLICATE, DROPPED, REJECTED = range(4)
FATES = 4
