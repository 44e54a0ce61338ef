"""Parquet files merged into larger ones: the same rows in the same order, with the same types.

Rows stream through in batches, so that memory grows with the size of a file to be written and not
with what is merged. Which files are merged, and why, is decided in `compaction.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pyarrow as pa
import pyarrow.parquet as pq

from resources.errors import StorageError
from resources.storage import Storage

#: A row group holds about this much, decoded, or a file's worth where that is less.
_ROW_GROUP_BYTES = 64 * 1024 * 1024
_BATCH_ROWS = 16_384


def merged(storage: Storage, keys: Sequence[str], file_bytes: int) -> Iterator[bytes]:
    """Files of about `file_bytes` each, as bytes, with the rows of the files at `keys` in order.

    Columns, physical types, codec and what Spark notes in a footer are the first file's. Raises
    `StorageError` for a file that is not Parquet, or whose columns are not those of the first.
    """
    draft: _Draft | None = None
    for key in keys:
        try:
            with ExitStack() as stack:
                stream = stack.enter_context(storage.open_input(key))
                file = stack.enter_context(pq.ParquetFile(stream))
                draft = draft or _Draft(file, file_bytes)
                draft.require_same(file, storage, key)
                for batch in file.iter_batches(_BATCH_ROWS):
                    draft.add(batch)
                    if draft.written_bytes >= file_bytes:
                        yield draft.finish()
                        draft = _Draft(file, file_bytes)
        except (OSError, pa.ArrowException) as error:
            raise StorageError(
                f"Expected a whole Parquet file at {key!r} in {storage.root}, found: {error}"
            ) from error
    if draft is not None and draft.rows:
        yield draft.finish()


class _Draft:
    """A file in the making, in memory."""

    def __init__(self, like: pq.ParquetFile, file_bytes: int) -> None:
        self._schema: pa.Schema = like.schema_arrow
        self._sink = pa.BufferOutputStream()
        # As Spark writes: decimals as integers where they fit, and no schema of Arrow's own.
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression=_codec(like),
            store_decimal_as_integer=True,
            store_schema=False,
        )
        if like.metadata.metadata:
            self._writer.add_key_value_metadata(like.metadata.metadata)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._row_group_bytes = min(_ROW_GROUP_BYTES, file_bytes)
        self.rows = 0

    @property
    def written_bytes(self) -> int:
        """What is written, without the batches that wait for their row group."""
        return int(self._sink.tell())

    def require_same(self, file: pq.ParquetFile, storage: Storage, key: str) -> None:
        """Raise `StorageError` for a file of other columns."""
        if not file.schema_arrow.equals(self._schema):
            raise StorageError(
                f"Expected files with the same columns to merge; {key!r} in {storage.root} has "
                f"{_listed(file.schema_arrow)}, and those before it {_listed(self._schema)}. "
                "Nothing was changed: run the partition again for a new attempt."
            )

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; they are written when they fill a row group."""
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        self.rows += batch.num_rows
        if self._waiting_bytes >= self._row_group_bytes:
            self._write()

    def finish(self) -> bytes:
        """The whole file."""
        self._write()
        self._writer.close()
        return bytes(self._sink.getvalue().to_pybytes())

    def _write(self) -> None:
        if self._waiting:
            rows = pa.Table.from_batches(self._waiting, self._schema)
            self._writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
        self._waiting, self._waiting_bytes = [], 0


def _codec(file: pq.ParquetFile) -> str:
    if not file.metadata.num_row_groups or not file.metadata.num_columns:
        return "snappy"
    codec: str = file.metadata.row_group(0).column(0).compression
    return "none" if codec == "UNCOMPRESSED" else codec.lower()


def _listed(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
