"""Counts of rows by many columns, added up to counts by some of them, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.tables.answers import Expression

ROWS = "rows"  # the column of counts
_BATCH = 250_000

ArrowTable = Any  # a pyarrow.Table, which has no types


def arrow_batches(grouped: Expression) -> Iterator[ArrowTable]:
    """Runs a query, and gives its rows in batches: only one is in memory."""
    import pyarrow

    for batch in grouped.to_pyarrow_batches(chunk_size=_BATCH):
        yield pyarrow.Table.from_batches([batch])


def fold(
    grouped: Expression,
    keys: Mapping[Hashable, Sequence[str]],
    look: Callable[[Hashable, ArrowTable], None],
) -> dict[Hashable, ArrowTable]:
    """Runs a query of counts, and adds them up by each set of its columns.

    Memory grows with the combinations of values of one set, not with those of all columns together.

    Args:
        grouped: Columns and ``rows``.
        keys: Sets of the columns.
        look: Called with each set and what was added up so far; raises where that is too much.
    """
    import pyarrow

    sums: dict[Hashable, ArrowTable] = {}
    for batch in arrow_batches(grouped):
        for key, columns in keys.items():
            part = batch.select([*columns, ROWS])
            if key in sums:
                part = pyarrow.concat_tables([sums[key], part])
            added = part.group_by(list(columns), use_threads=False).aggregate([(ROWS, "sum")])
            sums[key] = added.rename_columns([*columns, ROWS])
            look(key, sums[key])
    return sums


def encode(column: Any, code: Callable[[object], int]) -> NDArray[np.int64]:
    """Returns the codes (N,) of a column's values, of each distinct value once.

    Args:
        column: A pyarrow.ChunkedArray of N values.
        code: From a value, None included, to its code.
    """
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if not len(encoded):
        return np.zeros(0, dtype=np.int64)
    codes = np.array([code(value) for value in encoded.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(codes[encoded.indices.to_numpy(zero_copy_only=False)], dtype=np.int64)
